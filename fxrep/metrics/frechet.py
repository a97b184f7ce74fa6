"""Fréchet distance between sets of vectors, and what it would be with infinitely many of them.

The squared distance of two normal distributions (Dowson and Landau 1982), which is called FID for images (Heusel et al.
2017) and FAD for audio (Kilgour et al. 2019): |mean_a - mean_b|² + tr(A + B - 2 (A B)^½) for covariances A and B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from fxrep.errors import ArgumentError
from fxrep.metrics.sample_size import SampleSizeCurve, jackknife_error, sample_size_curve
from fxrep.metrics.vector_sets import Array, SetLike, VectorSet, check_sets

BLOCK = 4096
"""Vectors that are brought to float64 at once."""

FRACTIONS = tuple(np.linspace(0.5, 1.0, 8).tolist())
"""Shares of the sets that the distance at infinite size is extrapolated from."""

LEAST_GROUPS = 8
"""Groups (vectors) of a set without which nothing is extrapolated."""


def frechet_distance(set_a: SetLike, set_b: SetLike) -> float:
    """Squared Fréchet distance between the normal distributions fitted to two sets.

    Covariances are unbiased (N - 1). The distance is still biased upwards, by an amount that shrinks with 1 / N and is
    large while N is not well above D: compare only values of equal N, or use `frechet_at_infinity`. With fewer vectors
    than dimensions the covariances are singular, and the distance is defined all the same.

    Computed without the covariances: with A = Fᵀ F and B = Gᵀ G the trace of (A B)^½ is the sum of the singular values
    of F Gᵀ, the roots of the eigenvalues of the symmetric product F B Fᵀ. No root of a rounding error is taken, as
    it is from the eigenvalues of singular covariances.

    Args:
        set_a: (N, D).
        set_b: (M, D).

    Returns:
        0 or more, in squared units of the vectors.

    Raises:
        ArgumentError: fewer than two vectors, NaN, or different dimensions.
    """
    first, second = check_sets(set_a, set_b)
    return _distance(*_moments(first), *_moments(second))


def gaussian_frechet_distance(mean_a: ArrayLike, cov_a: ArrayLike, mean_b: ArrayLike, cov_b: ArrayLike) -> float:
    """The same of given means (D,) and covariances (D, D), for statistics that were kept instead of vectors.

    Raises:
        ArgumentError: shapes that do not go together, NaN, or a covariance that is none.
    """
    means = [np.asarray(mean, dtype=np.float64) for mean in (mean_a, mean_b)]
    covariances = [np.asarray(cov, dtype=np.float64) for cov in (cov_a, cov_b)]
    dim = means[0].size
    shapes = [array.shape for array in (*means, *covariances)]
    if shapes != [(dim,), (dim,), (dim, dim), (dim, dim)] or dim == 0:
        raise ArgumentError(f"means and covariances have shapes {shapes}: expected (D,), (D,), (D, D), (D, D)")
    if not all(np.isfinite(array).all() for array in (*means, *covariances)):
        raise ArgumentError("means or covariances hold NaN or infinite values")
    factors = [_root(cov, name) for cov, name in zip(covariances, ("cov_a", "cov_b"), strict=True)]
    return _distance(means[0], factors[0], means[1], factors[1])


@dataclass(frozen=True)
class FrechetEstimate:
    """A Fréchet distance freed of the bias of its sample size.

    Attributes:
        value: the distance at infinite size; may be below 0 by chance where the sets are alike.
        interval: 95 %, a normal approximation with `error`.
        error: standard error.
        curve: what was extrapolated from.
        reliable: whether both sets have two vectors or more per dimension. With fewer, part of the bias stays, because
            it no longer goes with 1 / N.
    """

    value: float
    interval: tuple[float, float]
    error: float
    curve: SampleSizeCurve
    reliable: bool


def frechet_at_infinity(set_a: SetLike, set_b: SetLike, repeats: int = 10, seed: int = 0) -> FrechetEstimate:
    """The Fréchet distance of two sets extrapolated to infinitely many vectors.

    Chong and Forsyth, "Effectively unbiased FID and Inception Score and where to find them", CVPR 2020: the distance of
    random parts of the sets falls linearly with 1 / N; the straight line is followed to 1 / N = 0. Both sets are parted
    alike, so that the bias of both goes. They begin at a tenth of the set; here the parts are from a half of it upwards
    (`FRACTIONS`), where the line is straight from about two vectors per dimension on. The standard error is a jackknife
    that leaves out twentieths of the groups.

    Args:
        set_a: (N, D).
        set_b: (M, D), each of 8 vectors or groups or more.
        repeats: random parts of each size.
        seed: of the drawing.

    Raises:
        ArgumentError: too few vectors, NaN, or different dimensions.
    """
    first, second = check_sets(set_a, set_b)
    for one in (first, second):
        if one.n_groups < LEAST_GROUPS:
            raise ArgumentError(
                f"{one.name} has {one.n_groups} independent vectors: {LEAST_GROUPS} or more are needed to tell what "
                "infinitely many would give"
            )
    curve = sample_size_curve(frechet_distance, first, second, FRACTIONS, repeats, seed)
    # The parts of 1 / N that both sets share: one straight line for sets of different sizes.
    value = float(np.polyfit(1.0 / np.asarray(curve.fractions), curve.means, 1)[1])
    error = jackknife_error(frechet_distance, first, second, seed=seed)
    reach = float(norm.ppf(0.975)) * error
    reliable = min(len(first), len(second)) >= 2 * first.dim
    return FrechetEstimate(value, (value - reach, value + reach), error, curve, reliable)


def _moments(vectors: VectorSet) -> tuple[Array, Array]:
    """Mean (D,) and a factor F (K, D) of the covariance Fᵀ F, K at most min(N, D); in blocks, whatever N is."""
    blocks = range(0, len(vectors), BLOCK)
    mean = sum(vectors.vectors[start : start + BLOCK].sum(0, dtype=np.float64) for start in blocks) / len(vectors)
    factor = np.zeros((0, vectors.dim))
    for start in blocks:
        centred = vectors.vectors[start : start + BLOCK].astype(np.float64) - mean
        factor = np.asarray(np.linalg.qr(np.concatenate([factor, centred]), mode="r"), dtype=np.float64)
    return np.asarray(mean), factor / np.sqrt(len(vectors) - 1.0)


def _distance(mean_a: Array, factor_a: Array, mean_b: Array, factor_b: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        product = factor_a @ factor_b.T
        own, apart = np.square(factor_a).sum() + np.square(factor_b).sum(), np.square(mean_a - mean_b).sum()
    if not (np.isfinite(product).all() and np.isfinite(own + apart)):
        raise ArgumentError("the distance is larger than any number: divide both sets, or what is given of them")
    return max(0.0, float(apart + (own - 2.0 * np.linalg.svd(product, compute_uv=False).sum())))


def _root(covariance: Array, name: str) -> Array:
    """F with Fᵀ F = `covariance`."""
    if not np.allclose(covariance, covariance.T, rtol=1e-6, atol=1e-9 * np.abs(covariance).max()):
        raise ArgumentError(f"{name} is not symmetric: give a covariance")
    values, directions = np.linalg.eigh((covariance + covariance.T) / 2.0)
    if values[0] < -1e-6 * max(values[-1], 0.0) - 1e-300:
        raise ArgumentError(f"{name} has the eigenvalue {values[0]:.3g}: a covariance has none below 0")
    root: Array = np.sqrt(values.clip(min=0.0))[:, None] * directions.T
    return root
