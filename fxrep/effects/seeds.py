"""Seeds of what looks random but must be the same every time."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch

from fxrep.errors import ArgumentError

LARGEST_SEED = 2**63 - 1
PUBLISHED = 0
"""The seed of the lengths as their authors give them."""
FARTHEST = 0.06
"""Lengths of another seed differ by no more than this share: another room, but of the same size."""


def check_seed(seed: int) -> int:
    """Return a seed.

    Raises:
        ArgumentError: it is no whole number from 0 up.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ArgumentError(f"seed is {seed!r}; expected a whole number from 0 to {LARGEST_SEED}")
    return seed


@functools.lru_cache(maxsize=64)
def length_factors(count: int, seed: int) -> Sequence[float]:
    """Return factors for the lengths of delays: 1 for the seed 0, else drawn between 1 - 0.06 and 1 + 0.06."""
    if seed == PUBLISHED:
        return (1.0,) * count
    drawn = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return tuple((1.0 + FARTHEST * (2.0 * drawn - 1.0)).tolist())
