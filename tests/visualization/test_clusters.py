from __future__ import annotations

import numpy as np
import pytest

from fxrep.retrieval import ASPECTS
from fxrep.visualization.clustering import cluster_positions, nearest_cluster, number_by_size
from fxrep.visualization.clusters import Cluster, draw_members, name_clusters

NAMES = [aspect.name for aspect in ASPECTS]
PLAIN: dict[str, dict[str, float]] = {name: {} for name in "cdefg"}


def blobs(count: int, groups: int, scale: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    truth = np.repeat(np.arange(groups), count)
    centres = np.stack([np.cos(np.arange(groups)), np.sin(np.arange(groups))], axis=1)
    return centres[truth] + scale * generator.normal(size=(len(truth), 2)), truth


@pytest.mark.parametrize("groups", [2, 3, 6])
def test_clusters_are_found(groups):
    positions, truth = blobs(12, groups)
    found = cluster_positions(positions)
    assert found.min() == 0 and len(set(zip(found.tolist(), truth.tolist(), strict=True))) == groups


def test_there_are_never_more_than_eight_and_none_among_few():
    positions, _ = blobs(12, 30, 0.001)
    assert cluster_positions(positions).max() < 8
    assert cluster_positions(np.zeros((9, 2))).tolist() == [-1] * 9
    assert cluster_positions(np.zeros((30, 2))).max() <= 0


def test_one_crowd_does_not_hide_the_others():
    # A chain of five groups that touch would be one cluster beside a small one.
    generator = np.random.default_rng(1)
    chain = np.concatenate([generator.normal([0.5 * n, 0], 0.1, (30, 2)) for n in range(5)])
    far = generator.normal([0, 5], 0.05, (15, 2))
    sizes = np.bincount(found := cluster_positions(np.concatenate([chain, far])) + 1)[1:]
    assert len(sizes) >= 3 and sizes.max() <= len(found) / 2


def test_clusters_are_numbered_by_size():
    assert number_by_size(np.array([5, -1, 2, 2, 5, 2, 9])).tolist() == [1, -1, 0, 0, 1, 0, 2]
    clusters = np.array([0, 1, -1], dtype=np.int32)
    found = nearest_cluster(np.array([[0.1, 0], [2, 0]]), np.array([[0.0, 0], [1, 0], [2, 0]]), clusters)
    assert found.tolist() == [0, -1]


def features(**groups: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and features: thirty points a group, which scatter by a quarter of a step, and differ as said."""
    generator = np.random.default_rng(0)
    steps = np.array([aspect.step for aspect in ASPECTS])
    rows = generator.normal(size=(len(groups), 30, len(ASPECTS))) * steps / 4
    for number, differences in enumerate(groups.values()):
        for name, value in differences.items():
            rows[number, :, NAMES.index(name)] += value
    return np.repeat(np.arange(len(groups)), 30), rows.reshape(-1, len(ASPECTS)).astype(np.float32)


def test_a_name_says_what_is_clear_and_by_how_much():
    labels, rows = features(a={"loudness": 6.0, "width": -0.25}, b={"brightness": -0.9, "noisiness": -2.2}, **PLAIN)
    first, second, third, *_ = name_clusters(labels, rows)
    assert first.name == "louder, narrower" and second.name == "darker" and third.name == "near the average"
    assert first.text == "6.0 dB louder, narrower (-0.25 of the power in the side)"
    assert [feature.difference for feature in first.features] == pytest.approx([6.0, -0.25], abs=0.1)
    assert third.size == 30 and third.features == ()
    assert Cluster.from_dict(first.to_dict()) == first


def test_what_scatters_too_much_is_no_mark():
    labels, rows = features(a={"loudness": 3.0}, b={})
    assert name_clusters(labels, rows)[0].name == "louder"
    rows[:, 0] += np.random.default_rng(1).normal(scale=6.0, size=len(rows))
    assert name_clusters(labels, rows)[0].name == "near the average"


def test_no_two_clusters_have_the_same_name():
    labels, rows = features(a={"loudness": 6.0}, b={"loudness": 6.0, "decay": 0.9}, **PLAIN)
    names = [cluster.name for cluster in name_clusters(labels, rows)]
    assert names[:2] == ["louder", "louder, longer in decay"]
    assert names[2:] == ["near the average", *(f"near the average ({n})" for n in range(2, 6))]


def test_what_was_not_measured_is_numbered():
    labels, rows = features(a={}, b={})
    rows[:] = np.nan
    assert [cluster.name for cluster in name_clusters(labels, rows)] == ["cluster 1", "cluster 2"]
    assert name_clusters(np.full(5, -1), rows[:5]) == ()


def test_a_few_of_every_cluster_are_drawn():
    labels = np.repeat([0, 1, -1], [100, 10, 50])
    chosen = draw_members(labels, 0)
    assert np.bincount(labels[chosen] + 1).tolist() == [24, 24, 10]
    assert np.array_equal(chosen, draw_members(labels, 0)) and len(draw_members(np.full(9, -1), 0)) == 0
