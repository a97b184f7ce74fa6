"""How a distance between sets depends on how much there is of them, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fxrep.errors import ArgumentError
from fxrep.metrics.vector_sets import Indices, SetLike, VectorSet, check_sets

Distance = Callable[[VectorSet, VectorSet], float]

CURVE_FRACTIONS = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
FOLDS = 20


@dataclass(frozen=True)
class SampleSizeCurve:
    """A distance at several sizes of its sets.

    Attributes:
        fractions: shares of the groups that were drawn, of both sets alike.
        sizes: groups of the first and the second set at each.
        means: mean of the distance over the repeats.
        deviations: its standard deviation over the repeats; 0 for the whole sets.
    """

    fractions: list[float]
    sizes: list[tuple[int, int]]
    means: list[float]
    deviations: list[float]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "fractions": self.fractions,
            "sizes": [list(size) for size in self.sizes],
            "means": self.means,
            "deviations": self.deviations,
        }


def sample_size_curve(
    distance: Distance,
    set_a: SetLike,
    set_b: SetLike,
    fractions: Sequence[float] = CURVE_FRACTIONS,
    repeats: int = 4,
    seed: int = 0,
) -> SampleSizeCurve:
    """Measure a distance on random parts of two sets, drawn by groups without replacement.

    A curve that still falls at its end says that the distance is more of a sample size than of a difference.

    Args:
        distance: `frechet_distance`, `kernel_distance` with its settings bound, or any other.
        set_a: (N, D).
        set_b: (M, D).
        fractions: shares to draw, above 0 and up to 1; parts of fewer than two groups are left out.
        repeats: parts of each size, 1 or more; the whole is measured once.
        seed: of the drawing.

    Raises:
        ArgumentError: a value is out of range, or no part is large enough.
    """
    first, second = check_sets(set_a, set_b)
    if repeats < 1 or not fractions or not all(0.0 < fraction <= 1.0 for fraction in fractions):
        raise ArgumentError(f"repeats={repeats}, fractions={tuple(fractions)}: expected 1 or more, above 0 and up to 1")
    curve = SampleSizeCurve([], [], [], [])
    rng = np.random.default_rng(seed)
    for fraction in fractions:
        size = tuple(round(fraction * one.n_groups) for one in (first, second))
        if min(size) < 2:
            continue
        found = [
            distance(_draw(first, size[0], rng), _draw(second, size[1], rng))
            for _ in range(1 if size == (first.n_groups, second.n_groups) else repeats)
        ]
        curve.fractions.append(float(fraction))
        curve.sizes.append((size[0], size[1]))
        curve.means.append(float(np.mean(found)))
        curve.deviations.append(float(np.std(found)))
    if not curve.sizes:
        raise ArgumentError(f"the sets have {first.n_groups} and {second.n_groups} groups: too few for any part")
    return curve


def jackknife_error(distance: Distance, set_a: SetLike, set_b: SetLike, folds: int = FOLDS, seed: int = 0) -> float:
    """Standard error of a distance by leaving out one random fold of each set's groups after the other.

    Quenouille and Tukey's jackknife with groups; the sets are taken for independent, and their errors add.

    Args:
        distance: smooth in the sets' moments.
        set_a: (N, D).
        set_b: (M, D).
        folds: at most this many; each leaves two groups or more.
        seed: of the folds.
    """
    first, second = check_sets(set_a, set_b)
    rng = np.random.default_rng(seed)
    variance = 0.0
    for whole, measure in (
        (first, lambda part: distance(part, second)),
        (second, lambda part: distance(first, part)),
    ):
        if whole.n_groups < 3:
            raise ArgumentError(f"{whole.name} has {whole.n_groups} independent vectors: an error needs at least 3")
        order = rng.permutation(whole.n_groups)
        left = [measure(_without(whole, fold)) for fold in np.array_split(order, min(folds, whole.n_groups))]
        variance += (len(left) - 1.0) * float(np.var(left))
    return float(np.sqrt(variance))


def _draw(whole: VectorSet, size: int, rng: np.random.Generator) -> VectorSet:
    return whole if size == whole.n_groups else whole.of_groups(rng.permutation(whole.n_groups)[:size])


def _without(whole: VectorSet, fold: Indices) -> VectorSet:
    return whole.of_groups(np.setdiff1d(np.arange(whole.n_groups), fold))
