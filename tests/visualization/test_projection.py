from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep.visualization import project
from fxrep.visualization.projection import principal_axes


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 14), dim=st.integers(1, 6), seed=st.integers(0, 99))
def test_few_points_lie_on_their_principal_components(count, dim, seed):
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    points = project(rows)
    assert points.shape == (count, 2) and np.isfinite(points).all() and np.abs(points).max() <= 1 + 1e-9
    # Principal components keep the variance that the covariance matrix says they do.
    variances = np.sort(np.linalg.eigvalsh(np.atleast_2d(np.cov(rows.T, bias=True))))[::-1][:2]
    expected = np.pad(variances, (0, 2 - len(variances)))
    centre, axes = principal_axes(rows)
    np.testing.assert_allclose(((rows - centre) @ axes.T).var(axis=0), expected, atol=1e-9)


def test_equal_points_share_a_place():
    assert project(np.ones((5, 3))).tolist() == [[0, 0]] * 5


@pytest.mark.slow
def test_umap_keeps_groups_together_and_is_the_same_each_time():
    rows = np.random.default_rng(1).normal(size=(3, 1, 8)) * 4 + np.random.default_rng(0).normal(size=(3, 12, 8))
    vectors = unit(rows.reshape(36, 8))
    points = project(vectors)
    assert np.abs(points).max() == pytest.approx(1)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.eye(36) * 9
    assert np.mean(distances.argmin(axis=1) // 12 == np.arange(36) // 12) > 0.9
    assert np.array_equal(points, project(vectors)) and not np.array_equal(points, project(vectors, seed=1))
    repeated = project(np.repeat(vectors[:1], 20, axis=0))
    assert np.isfinite(repeated).all()
