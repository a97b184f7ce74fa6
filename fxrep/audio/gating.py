"""From the energy of K-weighted audio to loudness: the blocks and the two gates of ITU-R BS.1770-4, written once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SILENCE_LUFS = -70.0
"""What silence reads: the absolute gate of the standard, below which nothing is counted."""

STEPS_PER_BLOCK = 4
_OFFSET_LU = -0.691
_RELATIVE_GATE_LU = -10.0


def step_edges(first: int, last: int, sample_rate: int) -> np.ndarray:
    """Samples at which the steps of 100 ms from `first` to `last` begin, and the last of them ends, int64.

    Rounded down where the rate in Hz is not divisible by ten, so that steps may differ by one sample.
    """
    return np.arange(first, last + 1, dtype=np.int64) * sample_rate // 10


def gated_loudness(energies: Tensor, samples_per_step: float) -> Tensor:
    """Integrated loudness of audio whose K-weighted energy is known in steps of 100 ms.

    Blocks are four steps long, one starting at each step. Audio of any length can be measured this way while it
    arrives: only one number per 100 ms is kept.

    Args:
        energies: `(..., steps)`, at least `STEPS_PER_BLOCK`: sums of squares over the step's samples and the channels.
        samples_per_step: how many samples a step holds; their average where steps differ by one.

    Returns:
        `(...)` in LUFS, at least `SILENCE_LUFS`; NaN where an energy is not finite. Differentiable.
    """
    blocks = energies.unfold(-1, STEPS_PER_BLOCK, 1).sum(dim=-1) * (1 / (STEPS_PER_BLOCK * samples_per_step))
    with torch.no_grad():
        above = blocks >= _to_power(SILENCE_LUFS)
        absolute_mean = _masked_mean(blocks, above)
        above &= blocks > absolute_mean[..., None] * 10 ** (_RELATIVE_GATE_LU / 10)
    return power_to_lufs(_masked_mean(blocks, above))


def power_to_lufs(power: Tensor) -> Tensor:
    """Loudness of a mean square, without gates; at least `SILENCE_LUFS`."""
    # The clamp passes no gradient below the floor, so silence has gradient zero and not infinity; the choice after it
    # makes the floor exact, so that a reading can be compared with it.
    floor = _to_power(SILENCE_LUFS)
    lufs = _OFFSET_LU + 10 * torch.log10(power.clamp(min=floor))
    return torch.where(power <= floor, torch.full_like(lufs, SILENCE_LUFS), lufs)


def _masked_mean(blocks: Tensor, mask: Tensor) -> Tensor:
    return (blocks * mask).sum(dim=-1) / mask.sum(dim=-1).clamp(min=1)


def _to_power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LU) / 10))
