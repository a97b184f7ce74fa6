"""A whole stem through the network: at its level and rate, block by block, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from fxrep.audio import SILENCE_LUFS, match_channels
from fxrep.audio.resampling import StreamResampler, resampled_length
from fxrep.effects.streaming import stream_blocks
from fxrep.normalization import Source
from fxrep.normalization.loudness import loudness_of
from style_transfer.mixfx_cloner.network import ClonerNetwork
from style_transfer.mixfx_cloner.stream import ClonerStream

BLOCK = 1 << 17
"""Samples that go through the network at once. More would cost memory, fewer make the deepest layers dearer."""

LOUDEST_GAIN_DB = 40.0
"""What is softer still is hum, not music."""


def render_source(
    network: ClonerNetwork, source: Source, embedding: Tensor, network_rate: int, input_lufs: float, output_rate: int
) -> Iterator[Tensor]:
    """Yield blocks (2, n) at the output rate that join to the stem through the network; a silent stem stays silent.

    Args:
        network: it is used in evaluation mode, whatever mode it is in.
        source: one stem, (1, 1 or 2, T).
        embedding: (D,) of unit length.
        network_rate: Hz.
        input_lufs: loudness before the network.
        output_rate: Hz.
    """
    loudness = float(loudness_of(source)[0])
    samples = resampled_length(source.samples, source.sample_rate, output_rate)
    if not loudness > SILENCE_LUFS:
        return _exactly(iter(()), samples)
    gain = 10.0 ** (min(LOUDEST_GAIN_DB, input_lufs - loudness) / 20.0)
    stereo = (match_channels(block[0], 2) * gain for block in source.blocks())
    arriving = (block[None] for block in regroup(convert(stereo, source.sample_rate, network_rate), BLOCK))
    processed = (block[0] for block in stream_blocks(ClonerStream(network, embedding), arriving))
    return _exactly(convert(processed, network_rate, output_rate), samples)


def convert(blocks: Iterable[Tensor], from_rate: int, to_rate: int) -> Iterator[Tensor]:
    """Resample stereo blocks that follow on each other."""
    resampler = StreamResampler(from_rate, to_rate, 2)
    for block in blocks:
        yield resampler.push(block)
    yield resampler.finish()


def regroup(blocks: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """Blocks (C, n) of any lengths as blocks of one length; the last may be shorter."""
    waiting: Tensor | None = None
    for block in blocks:
        waiting = block if waiting is None else torch.cat([waiting, block], dim=1)
        while waiting.shape[1] >= size:
            yield waiting[:, :size]
            waiting = waiting[:, size:]
    if waiting is not None and waiting.shape[1]:
        yield waiting


def _exactly(blocks: Iterator[Tensor], samples: int) -> Iterator[Tensor]:
    """Blocks of so many samples in all: two conversions of the rate may be off by one."""
    left = samples
    for block in blocks:
        if left and block.shape[1]:
            yield block[:, :left]
        left = max(0, left - block.shape[1])
    while left:
        missing = min(left, BLOCK)
        yield F.pad(torch.zeros(2, 0), (0, missing))
        left -= missing
