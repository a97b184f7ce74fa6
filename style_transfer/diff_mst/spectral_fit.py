"""How loud each track would have to be in the reference: a fit of its spectrum by those of the tracks."""

from __future__ import annotations

import torch
from torch import Tensor

from encoders.production_description import N_BANDS

N_FIT = 2 + 2 * N_BANDS
_STEPS = 40
_FLOOR = 1e-4
"""Of each band beside the whole: what is 40 dB under it is not fitted."""
_FURTHEST_DB = 24.0


def fit_spectrum(tracks: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Tell how the powers of the tracks add up to that of the reference.

    For left and right apart, gains of the tracks are sought that make the sum of their band powers like the
    reference's, by the multiplicative steps that lower the Itakura-Saito divergence (Févotte et al. 2009), from equal
    gains on. It counts ratios, so that bands weigh alike whatever their level. The steps are few: where spectra do not
    tell the tracks apart, gains stay alike.

    Args:
        tracks: (B, N, bands), power.
        reference: (B, 2, bands), power of left and right.
        mask: (B, N) booleans, which tracks there are.

    Returns:
        (B, N, `N_FIT`): level in 12 dB beside the mean of the tracks; right beside left in 12 dB; the share of the
        track in each band of the fit, -1 to 1; and, weighted by that share, how far the reference is above the fit in
        each band, in 6 dB. None of it changes with the level of the reference. 0 for absent tracks.
    """
    there = mask[..., None]
    power = torch.where(there, tracks, 0.0)
    power = power + torch.where(there, _FLOOR * power.mean(-1, keepdim=True), 0.0)
    wanted = reference + _FLOOR * reference.mean((1, 2), keepdim=True) + 1e-12
    total = power.sum(1)
    start = wanted.sum(-1) / total.sum(-1, keepdim=True).clamp(min=1e-12)
    gains = start[:, None, :].expand(-1, power.shape[1], -1)
    for _ in range(_STEPS):
        inverse = 1.0 / _sum(power, gains)
        above = torch.einsum("bnf,bcf->bnc", power, wanted * inverse.square())
        below = torch.einsum("bnf,bcf->bnc", power, inverse)
        gains = gains * (above / below.clamp(min=1e-20)).sqrt()
    return _describe(power, wanted, gains, mask)


def _sum(power: Tensor, gains: Tensor) -> Tensor:
    """The fit (B, 2, bands) of powers (B, N, bands) with gains (B, N, 2)."""
    return torch.einsum("bnf,bnc->bcf", power, gains).clamp(min=1e-20)


def _describe(power: Tensor, wanted: Tensor, gains: Tensor, mask: Tensor) -> Tensor:
    there = mask[..., None]
    level_db = 10.0 * torch.log10(gains.mean(-1).clamp(min=1e-12))
    mean_db = torch.where(mask, level_db, 0.0).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
    relative = (level_db - mean_db).clamp(-_FURTHEST_DB, _FURTHEST_DB) / 12.0
    side_db = 10.0 * torch.log10((gains[..., 1] + 1e-12) / (gains[..., 0] + 1e-12))
    fit = _sum(power, gains)
    share = torch.einsum("bnf,bnc->bnf", power, gains) / fit.sum(1, keepdim=True)
    left_over = (10.0 * torch.log10(wanted.sum(1) / fit.sum(1))).clamp(-_FURTHEST_DB, _FURTHEST_DB)
    parts = [
        torch.stack([relative, side_db.clamp(-_FURTHEST_DB, _FURTHEST_DB) / 12.0], dim=-1),
        2.0 * share - 1.0,
        share * left_over[:, None] / 6.0,
    ]
    return torch.where(there, torch.cat(parts, dim=-1), 0.0)
