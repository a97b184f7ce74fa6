"""Levels and spectra of a recording in numbers: what an effect embedding is made to leave out."""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.losses.spectra import bark_filters, decibels, mid_side, short_time_power

N_BANDS = 32
N_OTHERS = 12
N_VALUES = 5 * N_BANDS + N_OTHERS
FLOOR = 1e-12
"""Added to powers, -120 dB."""

_QUIETEST_DB = -60.0


def describe_production(audio: Tensor, sample_rate: int) -> Tensor:
    """Describe recordings by their levels, which are kept absolute.

    Of left, right, mid and side the power in 32 Bark bands in dB; how much the level of each band of both moves over
    time in dB; then level and crest factor of each channel, width, imbalance, three quantiles of the level over time,
    its mean rise, correlation of the channels, and the share of frames that sound.

    Args:
        audio: (R, 2, T).
        sample_rate: Hz.

    Returns:
        (R, `N_VALUES`); the first 64 are `band_power` of left and right in dB.
    """
    signals = torch.cat([audio, mid_side(audio)], dim=1)
    power = short_time_power(signals)
    filters = bark_filters(N_BANDS, 2 * (power.shape[2] - 1), sample_rate).to(power)
    bands = torch.einsum("rcft,fb->rcbt", power, filters)
    mean = decibels(bands.mean(-1) + FLOOR)
    both_db = _clamped(decibels(bands[:, :2].mean(1) + FLOOR), mean[:, :2].amax(1)[..., None])
    moving = both_db.std(-1, correction=0)
    frames = power[:, :2].sum(2).mean(1)
    return torch.cat([mean.flatten(1), moving, _levels(audio, frames)], dim=1)


def band_power(description: Tensor) -> Tensor:
    """Power of left and right in each band, from descriptions (..., N_VALUES): (..., 2, N_BANDS)."""
    decibel = description[..., : 2 * N_BANDS].unflatten(-1, (2, N_BANDS))
    return torch.pow(10.0, decibel / 10.0)


def _levels(audio: Tensor, frames: Tensor) -> Tensor:
    """The other twelve of recordings (R, 2, T) and the power of their frames (R, frames)."""
    power = audio.square().mean(-1) + FLOOR
    level = decibels(power)
    crest = decibels(audio.abs().amax(-1).square() + FLOOR) - level
    total = power.mean(1)
    side = mid_side(audio)[:, 1].square().mean(-1) + FLOOR
    course = _clamped(decibels(frames + FLOOR), decibels(total)[:, None])
    ordered = course.sort(dim=-1).values
    last = ordered.shape[-1] - 1
    quantiles = [ordered[:, round(share * last)] for share in (0.1, 0.5, 0.95)]
    rise = course.diff(dim=-1).clamp(min=0.0).mean(-1) if last else torch.zeros_like(total)
    correlation = (audio[:, 0] * audio[:, 1]).mean(-1) / power.prod(1).sqrt()
    sounding = (course > decibels(total)[:, None] - 20.0).float().mean(-1)
    imbalance = (power[:, 1] - power[:, 0]) / (2.0 * total)
    others = [side / total, imbalance, *quantiles, rise, correlation, sounding]
    return torch.cat([level, crest, torch.stack(others, dim=1)], dim=1)


def _clamped(level_db: Tensor, whole_db: Tensor) -> Tensor:
    """Levels that are not lower than 60 dB under the whole: pauses do not count as more."""
    return torch.maximum(level_db, whole_db + _QUIETEST_DB)
