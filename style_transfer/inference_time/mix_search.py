"""Searching the settings of a mix: windows of the tracks, what is minimised, and the search itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from fxrep.optimization import Descent, Evolution, Found, descend, evolve, slopes_of
from style_transfer.inference_time.objective import StyleObjective

LARGEST_BATCH = 2**22
"""Samples of all tracks and channels that are rendered at once: what a search takes does not grow with its starts."""

BEND = 0.03
"""How far from the anchor, in `scale`, the pull towards it stops growing: beyond, all settings are pulled alike."""


class Space(Protocol):
    """What can be set, as positions in [0, 1]."""

    anchor: Tensor
    base: Tensor
    scale: Tensor
    options: Tensor | None

    def render(self, tracks: Tensor, positions: Tensor, sample_rate: int) -> Tensor:
        """Tracks (B, N, C, T) under positions (B, K): (B, 2, T)."""

    def settle(self, positions: Tensor) -> Tensor:
        """Put what waited at the anchor and stayed there, of positions (K,), back to the base."""


class MixSearch:
    """The search for the settings of one mix.

    Args:
        space: what can be set.
        windows: of the tracks, (1, N, C, T) each, that are searched on: one at a step, in turn.
        checks: windows that decide which settings are best.
        objective: how far a mix is from what is wanted.
        sample_rate: Hz of the windows.
        anchor_weight: of the distance of the settings from where they began.
    """

    def __init__(
        self,
        space: Space,
        windows: Sequence[Tensor],
        checks: Sequence[Tensor],
        objective: StyleObjective,
        sample_rate: int,
        anchor_weight: float,
    ) -> None:
        self.space, self.windows, self.checks = space, list(windows), list(checks)
        self.objective, self.sample_rate, self.anchor_weight = objective, sample_rate, anchor_weight

    def pull(self, positions: Tensor) -> Tensor:
        """How far positions (R, K) are from the anchor, (R,): a pseudo-Huber distance, summed over the settings."""
        away = (positions - self.space.anchor.to(positions)) / (self.space.scale.to(positions) * BEND)
        return BEND * ((1.0 + away.square()).sqrt() - 1.0).sum(1)

    def distance(self, positions: Tensor, window: Tensor) -> Tensor:
        """What is minimised (R,) on one window."""
        mixes = self.space.render(window.expand(len(positions), -1, -1, -1), positions, self.sample_rate)
        return self.objective(mixes) + self.anchor_weight * self.pull(positions)

    def values(self, positions: Tensor, step: int) -> Tensor:
        """What is minimised (R,) at a step."""
        window = self.windows[step % len(self.windows)]
        return torch.cat([self.distance(part, window) for part in positions.split(self._rows(window))])

    def slopes(self, positions: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """What is minimised (R,) at a step and its gradient (R, K), a few rows at a time."""
        rows = self._rows(self.windows[0])
        parts = [slopes_of(self.values)(part, step) for part in positions.split(rows)]
        return torch.cat([value for value, _ in parts]), torch.cat([slope for _, slope in parts])

    @torch.no_grad()
    def check(self, positions: Tensor) -> Tensor:
        """What decides which positions are best (R,): the mean over the windows for it."""
        found = [
            torch.cat([self.distance(part, window) for part in positions.split(self._rows(window))])
            for window in self.checks
        ]
        return torch.stack(found).mean(0)

    @torch.no_grad()
    def parts(self, positions: Tensor) -> dict[str, float]:
        """The parts of the objective at positions (K,), means over the windows that decide."""
        found = [
            self.objective.parts(self.space.render(window, positions[None], self.sample_rate)) for window in self.checks
        ]
        return {name: float(torch.stack([one[name] for one in found]).mean()) for name in found[0]}

    def _rows(self, window: Tensor) -> int:
        return max(1, LARGEST_BATCH // window.numel())

    def run(self, starts: Tensor, search: Descent | Evolution, label: str | None = None) -> Found:
        """Search from starts (R, K), by gradient or by CMA-ES."""
        if isinstance(search, Descent):
            return descend(self.slopes, starts, search, self.check, self.space.scale, label)
        return evolve(self.values, starts, search, self.check, self.space.scale, self.space.options, label)
