from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score

from fxrep.errors import ArgumentError
from fxrep.metrics.probes import (
    STRENGTHS,
    area_under_curve,
    balanced_accuracy,
    r_squared,
    ridge_predictions,
    spearman,
)


@pytest.mark.parametrize("dimensions", [5, 80])
def test_ridge_is_the_best_of_the_penalties_by_generalised_cross_validation(dimensions: int) -> None:
    rng = np.random.default_rng(dimensions)
    fit, test = rng.standard_normal((40, dimensions)) * 3.0 + 1.0, rng.standard_normal((10, dimensions))
    targets = fit[:, :2] @ rng.standard_normal((2, 3)) + 0.5 * rng.standard_normal((40, 3))
    centre, spread = fit.mean(0), fit.std(0)
    scaled, scaled_test = (fit - centre) / spread, (test - centre) / spread
    for target in range(3):
        best = None
        for strength in STRENGTHS:
            model = Ridge(alpha=strength, solver="svd").fit(scaled, targets[:, target])
            hat = scaled @ np.linalg.solve(scaled.T @ scaled + strength * np.eye(dimensions), scaled.T)
            freedom = 40 - 1 - np.trace(hat)
            score = np.square(targets[:, target] - model.predict(scaled)).sum() / max(freedom, 1e-9) ** 2
            if best is None or score < best[0]:
                best = (score, model.predict(scaled_test))
        assert best is not None
        assert np.allclose(ridge_predictions(fit, targets, test)[:, target], best[1], atol=1e-6)


def test_ridge_finds_a_line_and_nothing_in_noise() -> None:
    rng = np.random.default_rng(0)
    fit, test = rng.standard_normal((300, 20)), rng.standard_normal((300, 20))
    line = rng.standard_normal(20)
    found = ridge_predictions(fit, np.stack([fit @ line, rng.standard_normal(300)], 1), test)
    assert r_squared(test @ line, found[:, 0]) > 0.9999
    assert abs(r_squared(rng.standard_normal(300), found[:, 1])) < 0.1


def test_columns_without_spread_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    fit = np.concatenate([rng.standard_normal((30, 2)), np.ones((30, 1))], 1)
    assert np.isfinite(ridge_predictions(fit, fit[:, :1], fit)).all()
    assert np.allclose(ridge_predictions(np.ones((5, 3)), np.arange(5.0)[:, None], np.ones((2, 3))), 2.0)


@pytest.mark.parametrize("shapes", [((5, 2), (4, 1), (3, 2)), ((5, 2), (5, 1), (3, 3)), ((2, 2), (2, 1), (2, 2))])
def test_shapes_that_do_not_go_together(shapes: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ArgumentError, match="expected"):
        ridge_predictions(*(np.zeros(shape) for shape in shapes))


@given(st.integers(3, 40), st.integers(0, 2**31))
def test_scores_agree_with_reference_implementations(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 6, size).astype(float), rng.standard_normal(size).round(1)
    if np.ptp(first) > 0 and np.ptp(second) > 0:
        assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-9)
        assert r_squared(first, second) == pytest.approx(r2_score(first, second), abs=1e-9)
    present = first > 2
    if 0 < present.sum() < size:
        assert area_under_curve(present, second) == pytest.approx(roc_auc_score(present, second), abs=1e-9)
    labels, guesses = rng.integers(0, 3, size), rng.integers(0, 3, size)
    if set(guesses) <= set(labels):
        assert balanced_accuracy(labels, guesses) == pytest.approx(balanced_accuracy_score(labels, guesses))


def test_what_cannot_be_scored_is_chance() -> None:
    ones = np.ones(4)
    assert spearman(ones, np.arange(4.0)) == 0.0
    assert r_squared(ones, ones) == 0.0
    assert area_under_curve(np.ones(4, bool), ones) == 0.5
