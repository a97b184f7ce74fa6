"""Kernel distance between sets of vectors: the squared maximum mean discrepancy, without bias and in any size.

Gretton et al., "A kernel two-sample test", JMLR 13 (2012). With the cubic kernel it is the KID of Bińkowski et al.
(ICLR 2018), with the Gaussian kernel at the median distance of the reference the KAD of Chung et al. (2025), which
multiply it by 1000 or 100 for print; here it is as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from scipy.spatial.distance import pdist

from fxrep.errors import ArgumentError
from fxrep.metrics.vector_sets import Array, Indices, SetLike, VectorSet, check_sets

Kernel = Callable[[Array, Array], Array]
"""Rows (N, D) and (M, D) to values (N, M), symmetric and positive definite."""

KernelLike: TypeAlias = str | Kernel

KERNELS = ("rbf", "polynomial")
BLOCK = 1024
"""Vectors whose kernel values with another block are held at once: 8 MiB."""

MEDIAN_VECTORS = 2000
"""Vectors of the reference whose median distance is taken; more are thinned out evenly."""


def kernel_distance(set_a: SetLike, set_b: SetLike, kernel: KernelLike = "rbf") -> float:
    """Unbiased squared maximum mean discrepancy of two independent sets.

    Mean of the kernel over pairs within the first set, plus that within the second, less twice the mean over pairs
    across. A vector is never paired with itself or its group, so that the expected value is the same at every sample
    size, and 0 for sets of one distribution; single values may then be below 0. Two renderings of the same contents are
    not independent: their distance is a little too small, but still orders renderings of those contents.

    Args:
        set_a: (N, D).
        set_b: (M, D); the reference, whose median distance is the bandwidth of ``"rbf"``.
        kernel: ``"rbf"``, ``"polynomial"``, or any function such as `rbf_kernel` returns, for a bandwidth of your own.

    Raises:
        ArgumentError: no such kernel, fewer than two vectors, NaN, values that the kernel cannot take, or different
            dimensions.
    """
    first, second = check_sets(set_a, set_b)
    weights = (np.ones((1, first.n_groups)), np.ones((1, second.n_groups)))
    return float(_estimates(first, second, find_kernel(kernel, second), weights)[0])


def kernel_interval(
    set_a: SetLike,
    set_b: SetLike,
    kernel: KernelLike = "rbf",
    *,
    confidence: float = 0.95,
    resamples: int = 500,
    seed: int = 0,
) -> tuple[float, float]:
    """Bootstrap interval of `kernel_distance` over groups (vectors) of both sets.

    Copies of a drawn group never meet each other, so that resampling adds no bias; the bandwidth stays that of the
    whole reference. Where both sets are of one distribution the interval is wider than it need be.

    Args:
        set_a: (N, D).
        set_b: (M, D).
        kernel: as for `kernel_distance`.
        confidence: share of resamples within.
        resamples: how many; the time goes with resamples · N².
        seed: of the drawing.

    Raises:
        ArgumentError: as `kernel_distance`, or a value out of range.
    """
    if not (0.0 < confidence < 1.0 and resamples >= 2):
        raise ArgumentError(f"confidence={confidence}, resamples={resamples}: expected 0 to 1, and 2 or more")
    first, second = check_sets(set_a, set_b)
    rng = np.random.default_rng(seed)
    weights = (_resample(first.n_groups, resamples, rng), _resample(second.n_groups, resamples, rng))
    found = _estimates(first, second, find_kernel(kernel, second), weights)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail])
    return float(low), float(high)


def rbf_kernel(bandwidth: float) -> Kernel:
    """exp(-|x - y|² / (2 bandwidth²)).

    Raises:
        ArgumentError: the bandwidth is not above 0.
    """
    if not 0.0 < bandwidth < np.inf:
        raise ArgumentError(f"bandwidth is {bandwidth}: give a distance above 0")

    def values(x: Array, y: Array) -> Array:
        squared = np.square(x).sum(1)[:, None] + np.square(y).sum(1) - 2.0 * (x @ y.T)
        found: Array = np.exp(squared.clip(min=0.0) / (-2.0 * bandwidth**2))
        return found

    return values


def polynomial_kernel(degree: int = 3, gamma: float | None = None, offset: float = 1.0) -> Kernel:
    """(gamma x · y + offset)^degree; gamma is 1 / D by default, with a degree of 3 the kernel of KID.

    It is made for vectors whose values are about 1. Of vectors of unit length x · y / D is tiny, and the kernel hears
    little more than their means; gamma of 1 gives it back its curvature.

    Raises:
        ArgumentError: a value that makes no positive definite kernel.
    """
    if degree < 1 or (gamma is not None and gamma <= 0.0) or offset < 0.0:
        raise ArgumentError(f"degree={degree}, gamma={gamma}, offset={offset}: expected 1 or more, above 0, 0 or more")

    def values(x: Array, y: Array) -> Array:
        found: Array = ((1.0 / x.shape[1] if gamma is None else gamma) * (x @ y.T) + offset) ** degree
        return found

    return values


def find_kernel(kernel: KernelLike, reference: VectorSet) -> Kernel:
    """A kernel by name, its bandwidth taken from the reference, or the kernel itself.

    Raises:
        ArgumentError: there is none of that name.
    """
    if callable(kernel):
        return kernel
    if kernel == "rbf":
        return rbf_kernel(median_distance(reference))
    if kernel == "polynomial":
        return polynomial_kernel()
    raise ArgumentError(f"no kernel is called {kernel!r}: choose one of {', '.join(KERNELS)}, or give a function")


def median_distance(vectors: SetLike) -> float:
    """Median Euclidean distance between vectors of a set, of at most `MEDIAN_VECTORS` evenly from it.

    Where most of them are equal, the median of the distances above 0; 1 where all are.
    """
    rows = (vectors if isinstance(vectors, VectorSet) else VectorSet(vectors)).vectors
    places = np.linspace(0, len(rows) - 1, min(len(rows), MEDIAN_VECTORS)).round().astype(np.int64)
    distances = pdist(rows[places].astype(np.float64))
    above = distances[distances > 0.0]
    if not above.size:
        return 1.0
    median = float(np.median(distances))
    return median if median > 0.0 else float(np.median(above))


def _resample(groups: int, resamples: int, rng: np.random.Generator) -> Array:
    """How often each group is drawn, (R, groups); never one group alone, of which there are no pairs."""
    counts = rng.multinomial(groups, np.full(groups, 1.0 / groups), resamples).astype(np.float64)
    alone = (counts > 0).sum(1) < 2
    counts[alone] = 1.0
    return counts


def _estimates(first: VectorSet, second: VectorSet, kernel: Kernel, weights: tuple[Array, Array]) -> Array:
    """The distance for each row of weights of the groups (R, groups of each set): (R,)."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        within = [_mean_within(kernel, one, weight) for one, weight in zip((first, second), weights, strict=True)]
        across = _weighted_sum(kernel, first, second, weights[0], weights[1], apart=False)
        totals = [weight[:, one.groups].sum(1) for one, weight in zip((first, second), weights, strict=True)]
        found: Array = within[0] + within[1] - 2.0 * across / (totals[0] * totals[1])
    if not np.isfinite(found).all():
        raise ArgumentError(
            "the kernel is not finite for such vectors, far too large or too small: bring both sets to values about 1"
        )
    return found


def _mean_within(kernel: Kernel, vectors: VectorSet, weights: Array) -> Array:
    sums = _weighted_sum(kernel, vectors, vectors, weights, weights, apart=True)
    mass = weights * np.bincount(vectors.groups, minlength=vectors.n_groups)
    pairs = np.square(mass.sum(1)) - np.square(mass).sum(1)
    mean: Array = sums / pairs
    return mean


def _weighted_sum(
    kernel: Kernel, first: VectorSet, second: VectorSet, weights_a: Array, weights_b: Array, apart: bool
) -> Array:
    """Sum of the kernel over pairs, weighted by their groups, (R,); `apart` leaves out pairs within one group."""
    total = np.zeros(len(weights_a))
    for x, groups_x in _blocks(first):
        row_weights = weights_a[:, groups_x]
        for y, groups_y in _blocks(second):
            values = kernel(x, y)
            if apart:
                values = np.where(groups_x[:, None] == groups_y, 0.0, values)
            total += np.einsum("rm,rm->r", row_weights @ values, weights_b[:, groups_y])
    return total


def _blocks(vectors: VectorSet) -> Iterator[tuple[Array, Indices]]:
    for start in range(0, len(vectors), BLOCK):
        yield vectors.vectors[start : start + BLOCK].astype(np.float64), vectors.groups[start : start + BLOCK]
