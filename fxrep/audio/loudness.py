"""Integrated loudness after ITU-R BS.1770-4, batched and differentiable, defined for every input."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fxrep.audio.k_weighted_energy import k_weighted_energy
from fxrep.audio.layout import check_layout
from fxrep.audio.resampling import check_rate

SILENCE_LUFS = -70.0
"""What silence reads: the absolute gate of the standard, below which nothing is counted."""

_OFFSET_LU = -0.691
_RELATIVE_GATE_LU = -10.0
_STEPS_PER_BLOCK = 4


def integrated_loudness(audio: Tensor, sample_rate: int) -> Tensor:
    """Gated loudness of each item in LUFS.

    ITU-R BS.1770-4: K-weighting, mean square in 400 ms blocks every 100 ms (incomplete blocks at the end are not
    used), both channels weighted 1, absolute gate at -70 LUFS, relative gate 10 LU below the absolutely gated mean.
    Two cases the standard leaves open are defined here: audio shorter than one block is measured without gates over
    the whole of what is there, and nothing reads lower than `SILENCE_LUFS`, which is also what silence reads.

    Mono is one loudspeaker, as in the standard: the same signal on both channels reads 3.01 LU more.

    Args:
        audio: `(batch, channels, samples)` or `(channels, samples)`; half precision is computed in float32.
        sample_rate: Hz.

    Returns:
        `(batch,)`, or a scalar for unbatched audio. The gradient is finite everywhere, and zero for silence. NaN in
        an item makes its reading NaN.

    Raises:
        AudioError: another shape, no samples, or more than two channels.
    """
    check_layout(audio)
    check_rate(sample_rate)
    sample_rate = int(sample_rate)
    if audio.dtype not in (torch.float32, torch.float64):
        audio = audio.float()
    samples = audio.shape[-1]
    # The samples at every 100 ms, rounded down where the rate is not divisible by ten.
    edges = np.arange(10 * samples // sample_rate + 1) * sample_rate // 10
    if len(edges) <= _STEPS_PER_BLOCK:
        whole = np.array([0, samples])
        return _to_lufs(k_weighted_energy(audio, sample_rate, whole).sum(dim=(-2, -1)) / samples)
    energy = k_weighted_energy(audio, sample_rate, edges).sum(dim=-2)
    blocks = energy.unfold(-1, _STEPS_PER_BLOCK, 1).sum(dim=-1) * (10 / (_STEPS_PER_BLOCK * sample_rate))
    return _to_lufs(_gated_mean(blocks))


def normalize_loudness(audio: Tensor, sample_rate: int, target_lufs: float) -> Tensor:
    """Scale each item to `target_lufs`. Silence (anything that reads `SILENCE_LUFS`) is returned unchanged.

    The result may exceed full scale: nothing is limited or clipped.

    Args:
        audio: `(batch, channels, samples)` or `(channels, samples)`.
        sample_rate: Hz.
        target_lufs: LUFS.
    """
    loudness = integrated_loudness(audio, sample_rate)
    gain_db = torch.where(loudness > SILENCE_LUFS, target_lufs - loudness, torch.zeros_like(loudness))
    return audio * (10 ** (gain_db / 20)).to(audio.dtype)[..., None, None]


def _gated_mean(blocks: Tensor) -> Tensor:
    with torch.no_grad():
        above = blocks >= _to_power(SILENCE_LUFS)
        absolute_mean = _masked_mean(blocks, above)
        above &= blocks > absolute_mean[..., None] * 10 ** (_RELATIVE_GATE_LU / 10)
    return _masked_mean(blocks, above)


def _masked_mean(blocks: Tensor, mask: Tensor) -> Tensor:
    return (blocks * mask).sum(dim=-1) / mask.sum(dim=-1).clamp(min=1)


def _to_lufs(power: Tensor) -> Tensor:
    # The clamp passes no gradient below the floor, so silence has gradient zero and not infinity; the choice after it
    # makes the floor exact, so that a reading can be compared with it.
    floor = _to_power(SILENCE_LUFS)
    lufs = _OFFSET_LU + 10 * torch.log10(power.clamp(min=floor))
    return torch.where(power <= floor, torch.full_like(lufs, SILENCE_LUFS), lufs)


def _to_power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LU) / 10))
