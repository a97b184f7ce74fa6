"""Audio as the steps see it: a batch of stereo tracks of one length that comes block by block, as often as it is asked.

In memory it is a tensor, on disk a file that is read again for every pass; and what a step makes of either is computed
block by block while it is read. So one description of a step serves one track, a batch on any device, and a file of
hours in constant memory.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.audio import audio_info, iter_blocks
from fxrep.errors import AudioError

BLOCK_SAMPLES = 1 << 18
"""In one block of one file: what the steps hold of a file is some tens of these."""

SAMPLES_AT_ONCE = 1 << 20
"""In one block of all that is in memory; a batch of many still gives blocks of `BLOCK_SAMPLES` of each."""

SAMPLES_IN_MEMORY = 1 << 24
"""Longer tracks (6 min 20 s at 44.1 kHz) are worked on in blocks all the way."""

Measured = TypeVar("Measured")

Change = Callable[[Iterator[torch.Tensor]], Iterator[torch.Tensor]]
"""What a step does to audio: blocks (B, 2, n) in, blocks (B, 2, m) out, of the same length together."""


class Source(ABC):
    """Blocks of audio.

    Attributes:
        sample_rate: Hz.
        items: how many tracks there are (B).
        samples: of each (T).
        device: where the blocks are.
    """

    sample_rate: int
    items: int
    samples: int
    device: torch.device

    @cached_property
    def known(self) -> dict[str, Any]:
        """What `remembered` has kept; clear it to free the memory."""
        return {}

    def remembered(self, name: str, measure: Callable[[Source], Measured]) -> Measured:
        """A measurement of this source, made once."""
        if name not in self.known:
            self.known[name] = measure(self)
        measured: Measured = self.known[name]
        return measured

    @abstractmethod
    def blocks(self) -> Iterator[torch.Tensor]:
        """(B, channels, n) float32 from the beginning to the end; nobody writes to them."""

    def peaks(self) -> NDArray[np.float64]:
        """(B,) largest absolute sample of each track."""
        peaks = np.zeros(self.items)
        for block in self.blocks():
            peaks = np.maximum(peaks, block.abs().amax((1, 2)).cpu().double().numpy())
        return peaks

    def changed(self, change: Change) -> Source:
        """What comes out of a change: computed now when it fits into memory, otherwise whenever it is read."""
        later = ChangedSource(self, change)
        return later.kept() if isinstance(self, TensorSource) else later


class TensorSource(Source):
    """Audio in memory.

    Args:
        audio: (B, 2, T).
        sample_rate: Hz.
    """

    def __init__(self, audio: torch.Tensor, sample_rate: int):
        self.audio, self.sample_rate, self.device = audio, sample_rate, audio.device
        self.items, self.samples = audio.shape[0], audio.shape[-1]

    def blocks(self) -> Iterator[torch.Tensor]:
        """Views of the tensor."""
        return iter(self.audio.split(max(BLOCK_SAMPLES, SAMPLES_AT_ONCE // self.items), dim=-1))


class FileSource(Source):
    """One file, read again for every pass.

    Args:
        path: an audio file with one channel, which is copied to both sides, or two.

    Raises:
        AudioError: the file cannot be read to its end, has more than two channels, or holds what is not finite.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path, self.sample_rate, self.items = path, audio_info(path).sample_rate, 1
        self.device = torch.device("cpu")
        # What the header says may be more than there is to decode.
        self._peak, self.samples = 0.0, 0
        for block in self.blocks():
            self._peak = max(self._peak, float(block.abs().max()))
            self.samples += block.shape[-1]
        if not self.samples:
            raise AudioError(f"{path} has no samples: export it again")

    def blocks(self) -> Iterator[torch.Tensor]:
        """Decoded, in stereo."""
        for block in iter_blocks(self.path, BLOCK_SAMPLES / self.sample_rate, channels=2):
            if not torch.isfinite(block).all():
                raise AudioError(f"{self.path} holds NaN or infinite values: repair the file before normalising it")
            yield block[None]

    def peaks(self) -> NDArray[np.float64]:
        """Known since the file was opened."""
        return np.array([self._peak])


class ChangedSource(Source):
    """The outcome of a change, computed whenever it is read."""

    def __init__(self, source: Source, change: Change):
        self.source, self.change = source, change
        self.sample_rate, self.items, self.samples = source.sample_rate, source.items, source.samples
        self.device = source.device

    def blocks(self) -> Iterator[torch.Tensor]:
        """What the change makes of the source's blocks."""
        return self.change(self.source.blocks())

    def kept(self) -> TensorSource:
        """The outcome in memory."""
        return TensorSource(join(self.blocks(), self.items, self.samples, self.device), self.sample_rate)


def join(blocks: Iterator[torch.Tensor], items: int, samples: int, device: torch.device) -> torch.Tensor:
    """Blocks as one tensor (B, 2, T), in new memory, never holding more than it and one block."""
    audio = torch.empty(items, 2, samples, device=device)
    filled = 0
    for block in blocks:
        audio[..., filled : filled + block.shape[-1]] = block
        filled += block.shape[-1]
    return audio


def with_context(blocks: Iterator[torch.Tensor], before: int, after: int) -> Iterator[torch.Tensor]:
    """Blocks together with the samples before and after them, silence beyond the ends.

    Yields:
        (B, channels, before + n + after); the stretches of n follow each other and cover the audio once.
    """
    held: torch.Tensor | None = None
    for block in blocks:
        held = torch.nn.functional.pad(block, (before, 0)) if held is None else torch.cat([held, block], dim=-1)
        if held.shape[-1] > before + after:
            yield held
            held = held[..., held.shape[-1] - before - after :]
    if held is not None and after:
        yield torch.nn.functional.pad(held, (0, after))


def aligned(blocks: Iterator[torch.Tensor], multiple: int) -> Iterator[torch.Tensor]:
    """The same audio in blocks whose length is a multiple; what is left over at the end is not given."""
    held: torch.Tensor | None = None
    for block in blocks:
        held = block if held is None or not held.shape[-1] else torch.cat([held, block], dim=-1)
        whole = held.shape[-1] // multiple * multiple
        if whole:
            yield held[..., :whole]
            held = held[..., whole:]
