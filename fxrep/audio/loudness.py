"""Integrated loudness after ITU-R BS.1770-4, batched and differentiable, defined for every input."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fxrep.audio.gating import SILENCE_LUFS, STEPS_PER_BLOCK, gated_loudness, power_to_lufs, step_edges
from fxrep.audio.k_weighted_energy import k_weighted_energy
from fxrep.audio.layout import check_finite, check_layout
from fxrep.audio.resampling import check_rate


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
    edges = step_edges(0, 10 * samples // sample_rate, sample_rate)
    if len(edges) <= STEPS_PER_BLOCK:
        whole = np.array([0, samples])
        return power_to_lufs(k_weighted_energy(audio, sample_rate, whole).sum(dim=(-2, -1)) / samples)
    return gated_loudness(k_weighted_energy(audio, sample_rate, edges).sum(dim=-2), sample_rate / 10)


def normalize_loudness(audio: Tensor, sample_rate: int, target_lufs: float | Tensor) -> Tensor:
    """Scale each item to `target_lufs`. Silence (anything that reads `SILENCE_LUFS`) is returned unchanged.

    The result may exceed full scale: nothing is limited or clipped.

    Args:
        audio: `(batch, channels, samples)` or `(channels, samples)`.
        sample_rate: Hz.
        target_lufs: LUFS, one for all items or one for each, `(batch,)`.

    Raises:
        AudioError: another shape, no samples, more than two channels, or NaN or infinite values.
    """
    check_layout(audio)
    check_finite(audio)
    loudness = integrated_loudness(audio, sample_rate)
    gain_db = torch.where(loudness > SILENCE_LUFS, target_lufs - loudness, torch.zeros_like(loudness))
    return audio * (10 ** (gain_db / 20)).to(audio.dtype)[..., None, None]
