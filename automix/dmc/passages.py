"""What one training step has before it: tracks, their mix, and what is known of how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fxrep.audio import normalize_loudness
from fxrep.mixing.recordings import REFERENCE_LUFS


@dataclass
class Passage:
    """Tracks to mix and the mix that was made of them.

    Attributes:
        tracks: (B, N, 2, T), each file at the same loudness.
        mask: (B, N) booleans, which tracks there are.
        stem: (B, N) numbers that tell tracks apart; those of swapped channels have numbers of their own.
        start_ms: (B,) where in the tracks the passage begins.
        target: (B, 2, T), the mix at -16 LUFS.
        gain_db: (B, N) what brings each track to its level in the mix.
        gains_known: (B,) booleans, whether those gains make the mix.
        instrument: (B, N) what plays, places in `INSTRUMENTS`.
        spoiled: (B, N) booleans, which tracks were filtered and so are not what is on file.
        curve_db: (B, N, F) the equaliser that brings the tracks back, at `spoiling.CURVE_HZ`; None where none was
            filtered.
    """

    tracks: Tensor
    mask: Tensor
    stem: Tensor
    start_ms: Tensor
    target: Tensor
    gain_db: Tensor
    gains_known: Tensor
    instrument: Tensor
    spoiled: Tensor | None = None
    curve_db: Tensor | None = None


@torch.no_grad()
def own_mix(batch: dict[str, Any], sample_rate: int, swapped: Tensor | None = None) -> Passage:
    """Return the passage of a batch of `SongDataset` with the reference ``own_mix``.

    Places that no item of the batch fills are left out.

    Args:
        batch: of the dataset.
        sample_rate: Hz.
        swapped: (B,) booleans, of which songs left and right are exchanged; None: of none.
    """
    mask: Tensor = batch["mask"]
    count = int(mask.sum(1).max())
    tracks, mask, stem = batch["tracks"][:, :count], mask[:, :count], 2 * batch["stem"][:, :count]
    target = batch["target"]
    if swapped is not None:
        turn = swapped.to(tracks.device)
        tracks = torch.where(turn[:, None, None, None], tracks.flip(2), tracks)
        target = torch.where(turn[:, None, None], target.flip(1), target)
        stem = torch.where(turn[:, None], stem + 1, stem)
    target = normalize_loudness(target, sample_rate, REFERENCE_LUFS)
    known = torch.as_tensor(batch["gains_known"], dtype=torch.bool, device=tracks.device)
    kinds = batch["instrument"][:, :count]
    return Passage(tracks, mask, stem, batch["start_ms"], target, batch["gain_db"][:, :count], known, kinds)


def fewer_tracks(mask: Tensor, generator: torch.Generator) -> Tensor:
    """Leave out tracks at random: of every mix at least two stay, if there are so many. (B, N) to (B, N)."""
    draws = torch.rand(mask.shape, generator=generator).to(mask.device).masked_fill(~mask, 2.0)
    there = mask.sum(1)
    share = torch.rand(len(mask), generator=generator).to(mask.device)
    kept = torch.minimum(2 + (share * (there - 1).clamp(min=0)).floor(), there)
    return mask & (draws.argsort(1).argsort(1) < kept[:, None])
