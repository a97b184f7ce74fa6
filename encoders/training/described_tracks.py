"""Descriptions of tracks that were heard before, for conditionings that never change."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MOST = 200_000
"""Descriptions that are kept, about 1.5 kB each."""


class DescribedTracks:
    """A memory of descriptions by (track, place in it). Nothing is kept where `keep` is false.

    Args:
        describe: tracks (R, 2, T) to descriptions (R, F).
        keep: whether a description holds for good.
    """

    def __init__(self, describe: Callable[[Tensor], Tensor], keep: bool) -> None:
        self.describe, self.keep = describe, keep
        self.known: dict[tuple[int, int], Tensor] = {}

    def __call__(self, audio: Tensor, mask: Tensor, stem: Tensor, start_ms: Tensor) -> Tensor:
        """Describe the tracks of a batch.

        Args:
            audio: (B, N, 2, T).
            mask: (B, N) booleans, which tracks there are.
            stem: (B, N) numbers that tell the tracks apart.
            start_ms: (B,) where in them the audio begins.

        Returns:
            (B, N, F), zeros where there is no track.
        """
        rows = audio[mask]
        if not self.keep:
            return _spread(self.describe(rows), mask)
        places = start_ms[:, None].expand_as(stem)[mask].tolist()
        names = list(zip(stem[mask].tolist(), places, strict=True))
        missing = [number for number, name in enumerate(names) if name not in self.known]
        fresh: dict[tuple[int, int], Tensor] = {}
        if missing:
            with torch.no_grad():
                described = self.describe(rows[missing])
            fresh = {names[number]: one.cpu() for number, one in zip(missing, described, strict=True)}
            if len(self.known) + len(fresh) <= MOST:
                self.known.update(fresh)
        found = [self.known.get(name, fresh.get(name)) for name in names]
        return _spread(torch.stack([one for one in found if one is not None]).to(audio.device), mask)


def _spread(rows: Tensor, mask: Tensor) -> Tensor:
    """Rows of the tracks that there are, (rows, F), at their places: (B, N, F)."""
    whole = rows.new_zeros(*mask.shape, rows.shape[-1])
    return whole.masked_scatter(mask[..., None], rows)
