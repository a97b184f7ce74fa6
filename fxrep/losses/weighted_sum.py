"""Several losses as one."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn

from fxrep.errors import ArgumentError


class WeightedSum(nn.Module):
    """A weighted sum of losses of the same two mixes.

    Args:
        losses: by name, the weight of each and the module: ``{"style": (1.0, ProductionStyleLoss(44100))}``. One of
            weight 0 is not computed.

    Raises:
        ArgumentError: none, or a weight that is negative or not finite.
    """

    def __init__(self, losses: Mapping[str, tuple[float, nn.Module]]) -> None:
        super().__init__()
        if not losses:
            raise ArgumentError("losses is empty: name one or more, each with its weight")
        self.weights = {name: float(weight) for name, (weight, _) in losses.items()}
        wrong = {name: weight for name, weight in self.weights.items() if not 0.0 <= weight < math.inf}
        if wrong:
            raise ArgumentError(f"weights are {wrong}: expected 0 or more")
        self.losses = nn.ModuleDict({name: loss for name, (_, loss) in losses.items()})

    def terms(self, estimate: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """The weighted losses one by one: scalars, whose sum is the whole."""
        return {
            name: weight * self.losses[name](estimate, reference)
            for name, weight in self.weights.items()
            if weight > 0.0
        }

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """The sum of the `terms`, a scalar."""
        terms = list(self.terms(estimate, reference).values())
        return sum(terms[1:], terms[0]) if terms else estimate.new_zeros(())
