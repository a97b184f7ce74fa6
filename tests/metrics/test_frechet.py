from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from fxrep.errors import ArgumentError
from fxrep.metrics import (
    VectorSet,
    frechet_at_infinity,
    frechet_distance,
    gaussian_frechet_distance,
    jackknife_error,
    kernel_distance,
    sample_size_curve,
)


def exact_set(rng: np.random.Generator, n: int, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Vectors whose sample mean and sample covariance are exactly these."""
    drawn = rng.standard_normal((n, len(mean)))
    drawn -= drawn.mean(0)
    white = np.linalg.qr(drawn)[0] * np.sqrt(n - 1)
    return mean + white @ np.linalg.cholesky(covariance).T


def by_definition(a: np.ndarray, b: np.ndarray) -> float:
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    root = sqrtm(cov_a @ cov_b).real
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a + cov_b - 2 * root))


def test_commuting_covariances_have_a_closed_form() -> None:
    rng = np.random.default_rng(0)
    variances = rng.uniform(0.1, 4.0, (2, 7))
    means = rng.standard_normal((2, 7))
    a, b = (exact_set(rng, 50, mean, np.diag(var)) for mean, var in zip(means, variances, strict=True))
    expected = np.square(means[0] - means[1]).sum() + np.square(np.sqrt(variances[0]) - np.sqrt(variances[1])).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-12)
    given = gaussian_frechet_distance(means[0], np.diag(variances[0]), means[1], np.diag(variances[1]))
    assert given == pytest.approx(expected, rel=1e-12)


def test_one_dimension_is_known() -> None:
    a, b = np.array([[0.0], [2.0]]), np.array([[5.0], [5.0], [5.0]])
    # Standard deviations of sqrt(2) and 0, means 1 and 5.
    assert frechet_distance(a, b) == pytest.approx(16.0 + 2.0)


@pytest.mark.parametrize("n", [40, 9000])
def test_general_covariances_equal_scipys_matrix_root(n: int) -> None:
    rng = np.random.default_rng(1)
    a = rng.standard_normal((n, 12)) @ rng.standard_normal((12, 12))
    b = rng.standard_normal((n + 11, 12)) @ rng.standard_normal((12, 12)) + 0.3
    expected = by_definition(a, b)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    given = gaussian_frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert given == pytest.approx(expected, rel=1e-8)


def test_fewer_vectors_than_dimensions_are_defined() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((5, 64)), rng.standard_normal((8, 64))
    # The spectrum of (A B) is that of the small Gram matrix, which SciPy takes the root of without trouble.
    left, right = (x - x.mean(0) for x in (a, b))
    cross = left @ right.T / np.sqrt(4 * 7)
    shared = np.sqrt(np.linalg.eigvalsh(cross @ cross.T).clip(0)).sum()
    spread = np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * shared
    expected = np.square(a.mean(0) - b.mean(0)).sum() + spread
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_rotation_shift_and_scale() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 30, 6))
    distance = frechet_distance(a, b)
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    assert frechet_distance(a @ turn + 3, b @ turn + 3) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(7 * a, 7 * b) == pytest.approx(49 * distance, rel=1e-9)


@pytest.mark.parametrize(("n", "dim"), [(100, 8), (10, 40)])
def test_a_set_is_at_zero_from_itself(n: int, dim: int) -> None:
    vectors = np.random.default_rng(4).standard_normal((n, dim))
    # Singular values are exact to the last digits; roots of eigenvalues of singular covariances are to half of them.
    assert frechet_distance(vectors, vectors[::-1]) < 1e-12 * dim


def test_half_precision_and_tensors_count_in_float64() -> None:
    vectors = torch.randn(3000, 4, generator=torch.Generator().manual_seed(0)) + 500.0
    shifted = vectors + 1.0
    assert frechet_distance(vectors, shifted) == pytest.approx(4.0, rel=1e-4)
    with_gradient = vectors.double().requires_grad_()
    assert frechet_distance(with_gradient, shifted.double()) == pytest.approx(4.0, rel=1e-4)


def normal_sets(seed: int, n: int, dim: int, alike: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Two samples, and the distance of what they were drawn from."""
    rng = np.random.default_rng(seed)
    spread = np.arange(1, dim + 1) ** -0.5
    wider = spread * (1.0 if alike else np.sqrt(1.5))
    shift = np.eye(dim)[0] * (0.0 if alike else 0.5)
    a, b = rng.standard_normal((2, n, dim))
    return a * spread, b * wider + shift, float(np.square(shift).sum() + np.square(spread - wider).sum())


@pytest.mark.parametrize("alike", [True, False])
def test_extrapolation_removes_the_bias_of_the_sample_size(alike: bool) -> None:
    plain, corrected, inside = [], [], []
    for seed in range(16):
        a, b, truth = normal_sets(seed, 48, 16, alike)
        found = frechet_at_infinity(a, b, repeats=4, seed=seed)
        plain.append(frechet_distance(a, b))
        corrected.append(found.value)
        inside.append(found.interval[0] <= truth <= found.interval[1])
        assert found.reliable
    bias, noise = np.mean(plain) - truth, np.std(plain)
    assert bias > 3 * noise / np.sqrt(16)
    # What is left is a tenth of the bias or what 16 drawings do not tell from nothing.
    assert abs(np.mean(corrected) - truth) < max(0.1 * bias, 3 * np.std(corrected) / np.sqrt(16))
    if not alike:
        assert np.mean(inside) >= 0.8


def test_sample_size_curve_falls_and_ends_at_the_whole() -> None:
    a, b, _ = normal_sets(0, 64, 16, False)
    curve = sample_size_curve(frechet_distance, a, b)
    assert curve.sizes[0] == (8, 8)
    assert curve.means == sorted(curve.means, reverse=True)
    assert curve.means[-1] == pytest.approx(frechet_distance(a, b))
    assert curve.deviations[-1] == 0.0
    assert sample_size_curve(frechet_distance, a, b) == curve
    assert curve.as_dict()["sizes"][-1] == [64, 64]


def test_jackknife_error_of_a_mean_is_its_standard_error() -> None:
    a, b = np.random.default_rng(5).standard_normal((2, 40, 1))

    def difference(first: VectorSet, second: VectorSet) -> float:
        return float(first.vectors.mean() - second.vectors.mean())

    expected = np.sqrt(a.var(ddof=1) / 40 + b.var(ddof=1) / 40)
    assert jackknife_error(difference, a, b, folds=40) == pytest.approx(expected, rel=1e-9)


def test_groups_are_drawn_whole() -> None:
    vectors = np.repeat(np.arange(10.0), 3)[:, None]
    grouped = VectorSet(vectors, [f"song{n // 3}" for n in range(30)])
    assert grouped.n_groups == 10
    seen: list[int] = []

    def note(first: VectorSet, second: VectorSet) -> float:
        counts = np.unique(first.vectors, return_counts=True)[1]
        assert set(counts.tolist()) == {3}
        seen.append(len(counts))
        return 0.0

    sample_size_curve(note, grouped, grouped, (0.5, 1.0), repeats=2)
    assert seen == [5, 5, 10]


def test_bad_sets_are_refused_by_name() -> None:
    good = np.random.default_rng(0).standard_normal((10, 3))
    holes = good.copy()
    holes[4, 1] = np.nan
    for a, b, message in [
        (good[:1], good, "set_a has 1 vectors"),
        (good, good[:1], "set_b has 1 vectors"),
        (good, good[:, :2], "set_a has vectors of 3 values and set_b of 2"),
        (good, holes, "set_b holds NaN or infinite values, first in vector 4"),
        (good[0], good, r"set_a has shape \(3,\)"),
        (np.array([["a"], ["b"]]), good, "expected numbers"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            frechet_distance(a, b)
    with pytest.raises(ArgumentError, match="5 independent vectors: 8 or more"):
        frechet_at_infinity(good[:5], good)
    with pytest.raises(ArgumentError, match="10 vectors and 2 groups"):
        VectorSet(good, ["a", "b"])
    with pytest.raises(ArgumentError, match="one group only"):
        VectorSet(good, ["a"] * 10)
    with pytest.raises(ArgumentError, match="fractions"):
        sample_size_curve(frechet_distance, good, good, (0.0,))
    with pytest.raises(ArgumentError, match="too few for any part"):
        sample_size_curve(frechet_distance, good, good, (0.1,))
    assert not frechet_at_infinity(good, good).reliable or len(good) >= 2 * 3


def test_bad_moments_are_refused() -> None:
    eye = np.eye(2)
    for mean, covariance, message in [
        (np.zeros(3), eye, "shapes"),
        (np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]), "cov_b is not symmetric"),
        (np.zeros(2), -eye, "eigenvalue"),
        (np.array([0.0, np.nan]), eye, "NaN"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            gaussian_frechet_distance(np.zeros(2), eye, mean, covariance)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_floats_count_as_what_they_hold(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(20, 4, generator=generator).to(dtype) for _ in range(2))
    assert frechet_distance(a, b) == frechet_distance(a.double(), b.double().numpy())
    assert kernel_distance(a, b) == kernel_distance(a.double(), b.double().numpy())


def test_values_beyond_float64_are_refused() -> None:
    good = np.random.default_rng(0).standard_normal((20, 4))
    for distance in (frechet_distance, kernel_distance):
        for bad in (1e200 * good, -1e200 * np.ones((20, 4))):
            with pytest.raises(ArgumentError, match="divide both"):
                distance(good, bad)
    # Squares of these have room, their cubes have not.
    assert np.isfinite([frechet_distance(good, 1e120 * good), kernel_distance(1e120 * good, 1e120 * good)]).all()
    with pytest.raises(ArgumentError, match="too large"):
        kernel_distance(good, 1e120 * good, "polynomial")
    with pytest.raises(ArgumentError, match="larger than any number"):
        gaussian_frechet_distance(1e200 * good[0], np.eye(4), good[1], np.eye(4))
    with pytest.raises(ArgumentError, match="cannot be read"):
        frechet_distance([[1.0], [1.0, 2.0]], good)
