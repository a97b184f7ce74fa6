from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import polynomial_kernel as sklearn_polynomial
from sklearn.metrics.pairwise import rbf_kernel as sklearn_rbf

from fxrep.errors import ArgumentError
from fxrep.metrics import (
    VectorSet,
    compare_sets,
    frechet_at_infinity,
    frechet_distance,
    in_reference_units,
    kernel_distance,
    kernel_interval,
    median_distance,
    polynomial_kernel,
    rbf_kernel,
    sample_size_curve,
)


def drawn(n: int, dim: int = 6, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((n, dim))
    vectors[:, 0] += shift
    return vectors


def by_definition(within_a: np.ndarray, within_b: np.ndarray, across: np.ndarray) -> float:
    n, m = across.shape
    a = (within_a.sum() - np.trace(within_a)) / (n * (n - 1))
    b = (within_b.sum() - np.trace(within_b)) / (m * (m - 1))
    return float(a + b - 2 * across.mean())


def test_published_kernels_equal_scikit_learn() -> None:
    # More than one block of each set.
    a, b = drawn(1300, shift=0.3, seed=1), drawn(1100, seed=2)
    cubic = [sklearn_polynomial(x, y, degree=3, coef0=1) for x, y in ((a, a), (b, b), (a, b))]
    assert kernel_distance(a, b, "polynomial") == pytest.approx(by_definition(*cubic), rel=1e-9)
    gamma = 1 / (2 * np.median(pdist(b)) ** 2)
    gaussian = [sklearn_rbf(x, y, gamma=gamma) for x, y in ((a, a), (b, b), (a, b))]
    assert kernel_distance(a, b) == pytest.approx(by_definition(*gaussian), rel=1e-9)
    assert kernel_distance(a, b, rbf_kernel(median_distance(b))) == kernel_distance(a, b)
    assert kernel_distance(torch.from_numpy(a), torch.from_numpy(b)) == kernel_distance(a, b)


def test_no_bias_over_every_possible_sample() -> None:
    """The mean over all samples of a small distribution is the distance of the distributions, exactly."""
    places = np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]])
    share_a, share_b = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.1, 0.8])
    for kernel in (rbf_kernel(0.7), polynomial_kernel(gamma=1.0)):
        gram = kernel(places, places)
        truth = (share_a - share_b) @ gram @ (share_a - share_b)
        expected = 0.0
        for first in itertools.product(range(3), repeat=2):
            for second in itertools.product(range(3), repeat=3):
                chance = share_a[list(first)].prod() * share_b[list(second)].prod()
                expected += chance * kernel_distance(places[list(first)], places[list(second)], kernel)
        assert expected == pytest.approx(truth, abs=1e-12)


def gaussian_truth(dim: int, shift: float, bandwidth: float) -> float:
    """Squared maximum mean discrepancy of two unit normal distributions, one shifted, under the Gaussian kernel."""
    wide = bandwidth**2 + 2.0
    scale = (bandwidth**2 / wide) ** (dim / 2)
    return 2 * scale * (1 - np.exp(-(shift**2) / (2 * wide)))


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_normal_distributions_have_a_closed_form(shift: float) -> None:
    truth = gaussian_truth(6, shift, 2.0)
    found = [
        kernel_distance(drawn(40, 6, shift, 2 * seed), drawn(40, 6, 0.0, 2 * seed + 1), rbf_kernel(2.0))
        for seed in range(60)
    ]
    assert abs(np.mean(found) - truth) < 3.5 * np.std(found) / np.sqrt(60)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    truth = gaussian_truth(6, 1.0, 2.0)
    inside = []
    for seed in range(60):
        a, b = drawn(40, 6, 1.0, 2 * seed), drawn(40, 6, 0.0, 2 * seed + 1)
        low, high = kernel_interval(a, b, rbf_kernel(2.0), resamples=200, seed=seed)
        inside.append(low <= truth <= high)
    # 95 % of 60 with three standard errors.
    assert np.mean(inside) >= 0.86


def test_sample_size_leaves_the_level_alone() -> None:
    curve = sample_size_curve(kernel_distance, drawn(400, shift=1.0, seed=1), drawn(400, seed=2), repeats=20)
    first, last = curve.means[0], curve.means[-1]
    assert abs(first - last) < 4 * curve.deviations[0] / np.sqrt(20)


def test_pairs_within_a_group_do_not_count() -> None:
    a, b = drawn(12, 3, 0.5, 1), drawn(15, 3, 0.0, 2)
    groups = np.arange(12) // 3
    kernel = rbf_kernel(1.5)
    within_a, within_b, across = kernel(a, a), kernel(b, b), kernel(a, b)
    apart = groups[:, None] != groups
    expected = within_a[apart].mean() + (within_b.sum() - np.trace(within_b)) / (15 * 14) - 2 * across.mean()
    assert kernel_distance(VectorSet(a, groups.tolist()), b, kernel) == pytest.approx(expected, rel=1e-12)
    # Three copies of every vector, as one group, say no more than one.
    copies = VectorSet(np.repeat(a, 3, 0), np.repeat(np.arange(12), 3).tolist())
    assert kernel_distance(copies, b, kernel) == pytest.approx(kernel_distance(a, b, kernel), rel=1e-12)
    narrow, wide = (np.ptp(kernel_interval(one, b, kernel)) for one in (np.repeat(a, 3, 0), copies))
    assert narrow < wide


def test_equal_vectors_have_a_bandwidth() -> None:
    assert median_distance(np.ones((5, 2))) == 1.0
    assert median_distance(np.array([[0.0]] * 9 + [[3.0]])) == 3.0
    assert kernel_distance(np.ones((5, 2)), np.ones((4, 2))) == 0.0


def test_bad_input_is_refused() -> None:
    good = drawn(10)
    with pytest.raises(ArgumentError, match="no kernel is called 'cubic'"):
        kernel_distance(good, good, "cubic")
    with pytest.raises(ArgumentError, match="bandwidth"):
        rbf_kernel(0.0)
    with pytest.raises(ArgumentError, match="degree=0"):
        polynomial_kernel(degree=0)
    with pytest.raises(ArgumentError, match="confidence"):
        kernel_interval(good, good, confidence=1.5)
    with pytest.raises(ArgumentError, match="set_b has 1 vectors"):
        kernel_distance(good, good[:1])
    with pytest.raises(ArgumentError, match="NaN"):
        kernel_distance(good * np.inf, good)


def test_reference_units_are_those_of_the_reference() -> None:
    rng = np.random.default_rng(3)
    reference = rng.standard_normal((30, 4)) * [1.0, 100.0, 0.0, 0.0] + [0.0, 5.0, 0.25, 7.0]
    estimate = rng.standard_normal((20, 4)) * [3.0, 100.0, 0.5, 0.0] + [2.0, 5.0, 0.5, 7.0]
    first, second = in_reference_units(estimate, reference)
    np.testing.assert_allclose(second.vectors[:, :2].std(0), 1.0)
    np.testing.assert_allclose(first.vectors[:, 0] * reference[:, 0].std() + reference[:, 0].mean(), estimate[:, 0])
    # The third varies in the estimate alone: a tenth of both is its unit. The fourth never varies.
    both = np.concatenate([estimate, reference])[:, 2]
    np.testing.assert_allclose(first.vectors[:, 2], (estimate[:, 2] - 0.25) / (0.1 * both.std()))
    assert not first.vectors[:, 3].any() and not second.vectors[:, 3].any()
    # Another estimate leaves the scale of the reference as it is.
    again = in_reference_units(10 * estimate[:, :2], reference[:, :2])[1]
    np.testing.assert_allclose(again.vectors[:, 1], second.vectors[:, 1])


def test_comparison_holds_what_the_single_measures_say() -> None:
    a, b = drawn(30, 4, 1.0, 1), drawn(25, 4, 0.0, 2)
    found = compare_sets(a, b, resamples=50)
    assert found["frechet"] == frechet_distance(a, b)
    assert found["frechet_infinite"]["value"] == frechet_at_infinity(a, b).value
    assert found["kernel_rbf"]["value"] == kernel_distance(a, b)
    assert found["kernel_polynomial"]["value"] == kernel_distance(a, b, "polynomial")
    assert found["kernel_rbf"]["bandwidth"] == median_distance(b)
    assert {len(curve["means"]) for curve in found["curves"].values()} == {8}
    assert compare_sets(a[:7], b, resamples=5)["frechet_infinite"] is None
