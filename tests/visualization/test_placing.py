"""Placing against what UMAP itself computes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fxrep.visualization import fit_projection
from fxrep.visualization.label_layout import lay_out, rectangles
from fxrep.visualization.placing import NEIGHBOURS, memberships, nearest_landmarks

from .test_projection import unit


def groups(count: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    centres = 2 * np.random.default_rng(9).normal(size=(5, 16))
    return unit(np.repeat(centres, count // 5, axis=0) + generator.normal(size=(count, 16)))


def test_nearest_landmarks_are_those_of_all_cosines():
    landmarks, asked = groups(300), groups(50, 1)
    near, similarities = nearest_landmarks(asked, landmarks, 7)
    cosines = asked.astype(np.float64) @ landmarks.T.astype(np.float64)
    assert np.array_equal(near, np.argsort(-cosines, axis=1)[:, :7])
    np.testing.assert_allclose(similarities, -np.sort(-cosines, axis=1)[:, :7], atol=1e-12)
    alone = [nearest_landmarks(row[None], landmarks, 7)[1][0] for row in asked]
    assert np.array_equal(alone, similarities)
    assert nearest_landmarks(asked, landmarks[:3], 7)[0].shape == (50, 3)


def test_equal_landmarks_come_in_their_order():
    landmarks = np.repeat(groups(5), 4, axis=0)
    assert nearest_landmarks(landmarks[:1], landmarks, 4)[0].tolist() == [[0, 1, 2, 3]]


def test_memberships_are_umaps():
    from umap.umap_ import compute_membership_strengths, smooth_knn_dist

    near, similarities = nearest_landmarks(groups(60, 1), groups(300), NEIGHBOURS)
    distances = np.clip(1 - similarities, 0, None)
    sigmas, rhos = smooth_knn_dist(distances.astype(np.float32), float(NEIGHBOURS), local_connectivity=0.0)
    _, _, expected, _ = compute_membership_strengths(near, distances.astype(np.float32), sigmas, rhos, bipartite=True)
    expected = expected.reshape(distances.shape)
    # Ours are relative to the nearest; UMAP stops its search for sigma at 1e-5 of the sum.
    np.testing.assert_allclose(memberships(distances), expected / expected[:, :1], rtol=1e-3)


def test_memberships_of_equal_and_zero_distances_are_finite():
    found = memberships(np.array([[0.0] * 15, [0.3] * 15, [0.0] * 14 + [0.5]]))
    assert np.isfinite(found).all() and (found[:2] == 1).all() and (found[2, :14] == 1).all()


def test_a_placed_point_lies_in_its_group_and_not_between():
    known, new = groups(150), groups(100, 1)
    projection = fit_projection(known)
    places = projection.place(new)
    gaps = np.linalg.norm(places[:, None] - projection.positions, axis=-1)
    assert np.mean(gaps.argmin(axis=1) // 30 == np.arange(100) // 20) > 0.97
    # Between two groups there is nobody: the middle of two centres goes to one of them.
    between = unit(known[:1] + known[-1:])
    assert np.linalg.norm(projection.place(between) - projection.positions, axis=1).min() < 0.1


@pytest.mark.slow
def test_it_places_as_well_as_umaps_own_transform():
    import umap
    from sklearn.manifold import trustworthiness

    from fxrep.visualization.placing import NeighbourPlacing

    known, new = groups(400), groups(100, 1)
    reducer = umap.UMAP(metric="cosine", random_state=0, n_jobs=1).fit(known)
    fitted = reducer.embedding_.astype(np.float64)
    ours = NeighbourPlacing(reducer._a, reducer._b, 1.0).place(new, known, fitted)
    theirs = reducer.transform(new)
    both = np.concatenate([known, new])
    quality = [trustworthiness(both, np.concatenate([fitted, placed]), metric="cosine") for placed in (ours, theirs)]
    assert quality[0] > quality[1] - 0.005
    extent = np.abs(fitted - fitted.mean(axis=0)).max()
    assert np.median(np.linalg.norm(ours - theirs, axis=1)) < 0.1 * extent


@pytest.mark.slow
def test_another_run_gives_the_same_map():
    code = """
import numpy as np
from fxrep.visualization import fit_projection
vectors = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
projection = fit_projection(vectors[:150], seed=3)
print(projection.place(vectors).tobytes().hex())
"""
    first, second = (subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(2))
    assert first.stdout == second.stdout and len(first.stdout) == 200 * 2 * 8 * 2 + 1


def test_texts_keep_apart_and_inside():
    generator = np.random.default_rng(0)
    anchors, sizes = generator.uniform(0, 400, (80, 2)), generator.uniform(10, 60, (80, 2))
    corners = lay_out(anchors, sizes, (0, 0, 400, 400), gaps=(0, 5, 20), taken=np.array([[100.0, 100, 200, 200]]))
    boxes = rectangles(corners, sizes)
    assert 20 < len(boxes) < 80 and boxes.min() >= 0 and boxes.max() <= 400
    everything = np.concatenate([boxes, [[100, 100, 200, 200]]])
    for place, a in enumerate(everything):
        for b in everything[:place]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


def test_a_text_goes_where_it_covers_nothing():
    anchor, size = np.array([[50.0, 50.0]]), np.array([[20.0, 10.0]])
    free = lay_out(anchor, size, (0, 0, 100, 100), gaps=(5,))
    crowd = np.array([[70.0, 50.0], [66.0, 52.0]])
    moved = lay_out(anchor, size, (0, 0, 100, 100), gaps=(5,), spared=crowd)
    assert free.tolist() == [[55.0, 45.0]] and moved.tolist() == [[25.0, 45.0]]
    assert np.isnan(lay_out(anchor, size, (0, 0, 10, 10), gaps=(5,))).all()
