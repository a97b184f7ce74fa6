"""How much each of several things counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError


def check_weights(count: int, weights: Sequence[float] | None) -> list[float]:
    """Return that many weights with a sum of 1.

    Raises:
        ArgumentError: there is nothing to weigh, or the weights are of another number, negative or all 0.
    """
    if count < 1:
        raise ArgumentError("there is nothing to weigh: give at least one")
    if weights is None:
        return [1.0 / count] * count
    given: list[Any] = list(weights) if isinstance(weights, (list, tuple)) else [weights]
    if len(given) != count:
        raise ArgumentError(f"there are {len(given)} weights for {count}: give one each, or none for equal weights")
    # An infinite weight leaves nothing finite to divide by, and NaN fails the comparison.
    if not all(is_number(one) and 0.0 <= one < float("inf") for one in given) or sum(given) <= 0.0:
        raise ArgumentError(f"weights are {given}; expected numbers of 0 or more, not all of them 0")
    return [float(one) / float(sum(given)) for one in given]
