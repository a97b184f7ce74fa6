"""Writing audio that comes in blocks, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
from torch import Tensor

from fxrep.audio.inputs import check_audio
from fxrep.audio.paths import audio_path
from fxrep.audio.writing import choose_format, writing_error
from fxrep.errors import AudioError
from fxrep.files import atomic_file

# Without a named subtype, what can hold every value: nobody knows the peak before the last block.
_KEEPS_EVERYTHING = ("WAV", "AIFF")


def save_blocks(
    path: str | os.PathLike[str], blocks: Iterable[Tensor], sample_rate: int, *, subtype: str | None = None
) -> None:
    """Write blocks `(channels, samples)` to a file as they come, in constant memory.

    The file appears complete or not at all; missing folders are made.

    Args:
        path: .wav or .aiff (32-bit float unless `subtype` says otherwise), .flac (24 bit), .ogg, .opus or .mp3.
        blocks: floating point, full scale at 1.0, all with the same channels.
        sample_rate: Hz.
        subtype: soundfile's name of the sample format, for example ``"PCM_16"``.

    Raises:
        ArgumentError: unknown suffix, or a subtype or rate that the format does not hold.
        AudioError: there are no blocks, a block cannot be used, or would be clipped.
        OutputError: the file cannot be written: read-only folder, full disk.
    """
    target = audio_path(path)
    container, chosen = choose_format(target, sample_rate, subtype)
    if subtype is None and container in _KEEPS_EVERYTHING:
        chosen = "FLOAT"
    with atomic_file(target) as temporary:
        try:
            with BlockWriter(temporary, int(sample_rate), container, chosen) as writer:
                for block in blocks:
                    writer.add(block)
        except soundfile.SoundFileError as error:
            raise writing_error(target, error) from error


def open_float_file(path: Path, sample_rate: int, subtype: str | None = None) -> BlockWriter:
    """Open a file that blocks are added to, as `save_blocks` writes it but for the protection against half a file.

    It is for files in a folder that appears as a whole.

    Raises:
        ArgumentError: see `save_blocks`.
    """
    container, chosen = choose_format(path, sample_rate, subtype)
    return BlockWriter(path, int(sample_rate), container, "FLOAT" if subtype is None else chosen)


class BlockWriter:
    """A file that is written block by block, to be used in a ``with`` statement.

    Args:
        path: of the file.
        sample_rate: Hz.
        container: libsndfile's name of it.
        subtype: libsndfile's name of the sample format.
    """

    def __init__(self, path: Path, sample_rate: int, container: str, subtype: str) -> None:
        self.path, self.sample_rate, self.container, self.subtype = path, sample_rate, container, subtype
        self.file: soundfile.SoundFile | None = None
        self.written = 0

    def __enter__(self) -> BlockWriter:
        # Python opens the file first because its errors name the reason (permission, no space), libsndfile's do not.
        self.path.touch()
        return self

    def add(self, block: Tensor) -> None:
        """Write a block (channels, samples).

        Raises:
            AudioError: it cannot be used, or would be clipped.
        """
        name = self.path.name
        check_audio(block, name=f"audio for {name}")
        peak = float(block.abs().max())
        if peak > 1 and self.subtype not in ("FLOAT", "DOUBLE"):
            position = self.written / self.sample_rate
            raise AudioError(
                f"audio for {name} peaks at {20 * np.log10(peak):+.2f} dBFS after {position:.1f} s and would be "
                "clipped: lower it, or write a .wav without a subtype, which keeps it as float"
            )
        if self.file is None:
            self.file = soundfile.SoundFile(
                os.fspath(self.path),
                "w",
                samplerate=self.sample_rate,
                channels=block.shape[0],
                format=self.container,
                subtype=self.subtype,
            )
        for piece in block.split(1 << 16, dim=-1):
            self.file.write(piece.cpu().numpy().T)
        self.written += block.shape[-1]

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self.file is not None:
            self.file.close()
        elif error is None:
            raise AudioError(f"there is no audio to write to {self.path.name}")
