"""Searching settings by gradient descent through a chain of effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from encoders.evaluation.objectives import Loss
from encoders.evaluation.settings_space import SettingsSpace, padded
from fxrep.effects import EffectChain
from fxrep.optimization import Descent, descend, slopes_of


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


def search_settings(chain: EffectChain, rows: Rows, loss: Loss, starts: Sequence[Tensor], search: Descent) -> Tensor:
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

    def values(positions: Tensor, step: int) -> Tensor:
        return loss(rows.render(chain, positions), rows.items).double().cpu()

    found = descend(slopes_of(values), padded(starts), search)
    return torch.cat([found.values[:, None], found.positions], dim=1)
