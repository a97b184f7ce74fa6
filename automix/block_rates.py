"""Blocks of a song at another sample rate, and of the length that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from fxrep.audio.resampling import StreamResampler

BLOCK = 1 << 17


def convert(blocks: Iterable[Tensor], from_rate: int, to_rate: int) -> Iterator[Tensor]:
    """Resample stereo blocks (2, n) that follow on each other."""
    resampler = StreamResampler(from_rate, to_rate, 2)
    for block in blocks:
        yield resampler.push(block)
    yield resampler.finish()


def exactly(blocks: Iterable[Tensor], samples: int) -> Iterator[Tensor]:
    """Blocks (2, n) of so many samples in all: cut, or filled up with silence. Two conversions may be off by one."""
    left = samples
    for block in blocks:
        if left and block.shape[1]:
            yield block[:, :left]
        left = max(0, left - block.shape[1])
    while left:
        missing = min(left, BLOCK)
        yield torch.zeros(2, missing)
        left -= missing
