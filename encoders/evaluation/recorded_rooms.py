"""Reverberation from a folder of impulse responses, one of which is drawn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch import Tensor

from fxrep.audio import AUDIO_SUFFIXES
from fxrep.effects import Choice, Parameter, Processor, convolution_reverb
from fxrep.errors import ArgumentError


class RecordedRooms(Processor):
    """`convolution_reverb` with the impulse responses of a folder, by name.

    Args:
        folder: of audio files, at any rate, mono or stereo.

    Attributes:
        rooms: names of the files, sorted; what the setting ``room`` can be.

    Raises:
        ArgumentError: the folder holds no audio file.
    """

    name = "recorded_rooms"
    function = staticmethod(convolution_reverb)
    parameter_table = (Parameter("mix", "", 0.0, 1.0, "linear", 0.0),)
    stereo = True

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__()
        self.folder = Path(folder)
        found = sorted(path for path in self.folder.glob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
        if not found:
            raise ArgumentError(f"{folder} holds no impulse responses: give a folder of audio files")
        self.rooms = tuple(path.name for path in found)
        # A class of processors has one table for all; here the folder decides.
        vars(self)["choices"] = (Choice("room", self.rooms, self.rooms[0]),)

    def forward(self, audio: Tensor, sample_rate: int, **settings: Any) -> Tensor:
        """Apply the effect: `mix` (0 to 1) of the reverberation of `room`; audio (B, C, T) to (B, 2, T).

        Raises:
            ArgumentError: a setting is unknown or out of range.
            AudioError: the audio, or the file of the impulse response, is unusable.
        """
        self.check_names(settings)
        given = {**self.defaults(), **settings}
        if given["room"] not in self.rooms:
            raise ArgumentError(f"no room is called {given['room']!r}; choose from {', '.join(self.rooms)}")
        stereo = audio.expand(-1, 2, -1) if audio.shape[1] == 1 else audio
        return convolution_reverb(stereo, sample_rate, impulse_response=self.folder / given["room"], mix=given["mix"])
