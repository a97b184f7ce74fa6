"""Searching settings by gradient descent through a chain of effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from encoders.evaluation.objectives import Loss
from encoders.evaluation.settings_space import SettingsSpace, padded
from fxrep.effects import EffectChain


@dataclass(frozen=True)
class Search:
    """How positions are searched: Adam, its rate falling to zero along a half cosine.

    Attributes:
        steps: of the descent.
        rate: of the first step, in positions (0 to 1).
    """

    steps: int = 60
    rate: float = 0.05


@dataclass(frozen=True)
class Rows:
    """What is searched at once: row i is one start for one item.

    Attributes:
        sources: (R, 2, T), what the chain is applied to.
        spaces: of every row.
        items: (R,), which reference each row belongs to.
        sample_rate: Hz.
    """

    sources: Tensor
    spaces: Sequence[SettingsSpace]
    items: Tensor
    sample_rate: int

    def render(self, chain: EffectChain, positions: Tensor) -> Tensor:
        """The sources under the settings at positions (R, K): (R, 2, T)."""
        settings = [space.at(row[: len(space.unknowns)]) for space, row in zip(self.spaces, positions, strict=True)]
        wet: Tensor = chain(self.sources, self.sample_rate, settings)
        return wet


def search_settings(chain: EffectChain, rows: Rows, loss: Loss, starts: Sequence[Tensor], search: Search) -> Tensor:
    """Descend from every start; a row has no influence on the others.

    Args:
        chain: that the settings belong to.
        rows: R of them.
        loss: what is minimised.
        starts: positions (K_i,) of every row.
        search: how.

    Returns:
        (R, K + 1): the loss of the best step of every row, and its positions, 0 behind their ends.
    """
    positions = padded(starts).clone().requires_grad_(True)
    optimizer = torch.optim.Adam([positions], lr=search.rate)
    best = torch.full((len(starts), positions.shape[1] + 1), math.inf, dtype=torch.float64)
    for step in range(search.steps + 1):
        values = loss(rows.render(chain, positions), rows.items).double().cpu()
        better = values.detach() < best[:, 0]
        best[better] = torch.cat([values.detach()[:, None], positions.detach()], dim=1)[better]
        if step == search.steps:
            break
        optimizer.param_groups[0]["lr"] = search.rate * 0.5 * (1.0 + math.cos(math.pi * step / search.steps))
        optimizer.zero_grad()
        values.sum().backward()
        # A render at the edge of what an effect allows may have no slope; it then stays.
        assert positions.grad is not None
        positions.grad.nan_to_num_(0.0, 0.0, 0.0)
        optimizer.step()
        with torch.no_grad():
            positions.clamp_(0.0, 1.0)
    return best
