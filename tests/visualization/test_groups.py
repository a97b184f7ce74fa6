from __future__ import annotations

import numpy as np
import pytest

from fxrep.errors import ArgumentError
from fxrep.visualization import group_points

NO_VECTORS = np.zeros((0, 4), np.float32)


def blobs(count: int, groups: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    truth = np.repeat(np.arange(groups), count)
    rows = np.eye(8)[truth] + 0.05 * generator.normal(size=(len(truth), 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), truth


@pytest.mark.parametrize("groups", [2, 3, 6])
def test_clusters_are_found_and_counted(groups):
    vectors, truth = blobs(12, groups)
    found = group_points(vectors, [])
    assert len(found.names) == groups
    assert len({(a, b) for a, b in zip(found.members, truth, strict=True)}) == groups


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_few_or_equal_points_make_no_fuss(count):
    assert len(group_points(np.ones((count, 3), np.float32), []).names) == 1
    assert len(group_points(np.eye(8, dtype=np.float32)[:count], []).members) == count


def test_metadata_groups_by_size_with_the_rest_as_other():
    values = [f"g{n}" for n in range(10) for _ in range(10 - n)]
    groups = group_points(NO_VECTORS, [{"genre": value} for value in values], "genre")
    assert groups.names == ("g0", "g1", "g2", "g3", "g4", "g5", "g6", "other")
    assert (groups.members == 7).sum() == 3 + 2 + 1
    assert len(set(groups.colours())) == 8 and groups.colours() != groups.colours(dark=True)


def test_points_without_the_key_are_said_to_be():
    groups = group_points(NO_VECTORS, [{"a": "x"}, {}, {"a": True}], "a")
    assert groups.names[groups.members[1]] == "not given"


def test_numbers_become_ranges():
    metadata = [{"tempo": str(n)} for n in range(60, 180)] + [{}]
    groups = group_points(NO_VECTORS, metadata, "tempo")
    assert groups.ordered and groups.names[0] == "60 to 79.83" and groups.names[-1] == "not given"
    counts = np.bincount(groups.members)
    assert counts[:-1].tolist() == [20] * 6 and counts[-1] == 1
    few = group_points(NO_VECTORS, [{"n": 1}, {"n": 2}], "n")
    assert few.names == ("1", "2") and not few.ordered


def test_an_unknown_key_names_the_choices():
    with pytest.raises(ArgumentError, match="cluster, genre"):
        group_points(NO_VECTORS, [{"genre": "rock"}], "mood")
