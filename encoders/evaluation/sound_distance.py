"""How far a render is from the true one, on the same content: what answers of a benchmark are judged by.

Both compare in time, frame by frame, so that neither is what any system is asked with (embeddings and statistics of
features tell of a whole clip).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from encoders.log_mel import HIGHEST_DB, LOWEST_DB, LogMel

WINDOWS = (2048, 1024, 512)
"""Samples per frame of the transforms of `mrstft`; each hop is a quarter."""

FLOOR_DB = -40.0
"""Lower levels of a mel band count as this one, about -75 dBFS: what is not heard makes no distance."""


def level_frames(audio: Tensor, sample_rate: int) -> Tensor:
    """Level in dB of 64 mel bands in every frame of left, right, mid and side.

    Args:
        audio: (B, 2, T).
        sample_rate: Hz.

    Returns:
        (B, D), D the same for clips of one length.
    """
    left, right = audio.unbind(1)
    four = torch.stack([left, right, (left + right) / 2.0, (left - right) / 2.0], dim=1)
    unit: Tensor = _log_mel(sample_rate)(four.cpu()).flatten(1)
    return (LOWEST_DB + (unit + 1.0) / 2.0 * (HIGHEST_DB - LOWEST_DB)).clamp(min=FLOOR_DB)


def level_distance(first: Tensor, second: Tensor) -> Tensor:
    """Mean difference in dB of every row of (N, D) `level_frames` from every row of (M, D): (N, M)."""
    return torch.stack([(second - row).abs().mean(-1) for row in first])


def mrstft(first: Tensor, second: Tensor) -> Tensor:
    """Multi-resolution STFT loss of auraloss (spectral convergence and log magnitude) per clip.

    Args:
        first: (B, 2, T).
        second: (B, 2, T), what it is compared with.

    Returns:
        (B,), differentiable.
    """
    loss = _mrstft()
    # One clip at a time: auraloss returns the mean of a batch.
    values = [loss(one[None], other[None]) for one, other in zip(first, second, strict=True)]
    return torch.stack(values)


@lru_cache(maxsize=4)
def _log_mel(sample_rate: int) -> LogMel:
    highest = min(18000.0, 0.45 * sample_rate)
    return LogMel(sample_rate, n_fft=2048, hop=1024, n_mels=64, maximum_hz=highest)


@lru_cache(maxsize=1)
def _mrstft() -> Any:
    from auraloss.freq import MultiResolutionSTFTLoss

    hops = [size // 4 for size in WINDOWS]
    return MultiResolutionSTFTLoss(fft_sizes=list(WINDOWS), hop_sizes=hops, win_lengths=list(WINDOWS))
