"""One track of a song, block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import torch

from fxrep.audio import AudioInput, audio_info, check_audio, iter_blocks
from fxrep.errors import AudioError


class TrackReader:
    """Reads a file or an array in blocks of one length; silence-free past its end: empty blocks.

    Args:
        name: of the track, for messages.
        source: a path, or an array (samples,) or (channels, samples) at the sample rate.
        sample_rate: Hz; a file of another rate is resampled.
        block: samples.

    Raises:
        AudioError: the file or the array is unusable. What is wrong further on in a file is raised when it is read.
    """

    def __init__(self, name: str, source: AudioInput, sample_rate: int, block: int) -> None:
        if isinstance(source, (str, os.PathLike)):
            channels = audio_info(source).channels
            self.blocks: Iterator[torch.Tensor] = iter_blocks(source, block / sample_rate, target_rate=sample_rate)
        else:
            audio = _as_track(name, source)
            channels = audio.shape[0]
            self.blocks = iter(audio.split(block, dim=-1))
        self.nothing = torch.zeros(channels, 0)

    def read(self) -> torch.Tensor:
        """Return the next block (C, T), shorter at the end, and (C, 0) past it."""
        return next(self.blocks, self.nothing)


def track_length(source: AudioInput, sample_rate: int) -> int:
    """Return the length in samples that an audio input promises, at the sample rate."""
    if isinstance(source, (str, os.PathLike)):
        return round(audio_info(source).duration_s * sample_rate)
    return int(source.shape[-1])


def _as_track(name: str, source: np.ndarray | torch.Tensor) -> torch.Tensor:
    audio = torch.as_tensor(source).detach().cpu()
    audio = audio[None] if audio.dim() == 1 else audio
    if audio.dim() != 2:
        raise AudioError(f"track {name} has shape {tuple(audio.shape)}; expected (samples,) or (channels, samples)")
    return check_audio(audio, name=f"track {name}").float()
