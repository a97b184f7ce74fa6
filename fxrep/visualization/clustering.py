"""Which points of a map lie together."""

from __future__ import annotations

import numpy as np

from fxrep.errors import require

SMALLEST = 5
"""Points of a cluster, at least; fewer are chance."""
MOST_CLUSTERS = 8
"""More colours are not told apart."""
_DENSITY_OF = 3
_GROWTH = 1.5
_REACH = 0.9


def cluster_positions(positions: np.ndarray) -> np.ndarray:
    """Clusters of points in the plane, numbered by size, int32 ``(N,)``; -1 for points that belong to none.

    HDBSCAN (Campello et al. 2013) on the map, so that a cluster is what the eye sees as one. Where one cluster would
    hold more than half of the points, as on maps without gaps, the leaves of the tree: the parts of such a map. A
    cluster has at least five points and the square root of their number; where that gives more than eight, larger ones
    are asked for. Points between clusters join one that they are as near to as nine in ten of its own points are to
    each other.

    Raises:
        MissingExtraError: scikit-learn, which the extra ``viz`` brings, is not installed.
    """
    count = len(positions)
    smallest = max(SMALLEST, round(np.sqrt(count)))
    while 2 * smallest <= count:
        found = _dense(positions, smallest, "eom")
        if max(np.bincount(found[found >= 0]), default=count) > count / 2:
            found = _dense(positions, smallest, "leaf")
        if found.max() < MOST_CLUSTERS:
            return number_by_size(_join(positions, found))
        smallest = round(smallest * _GROWTH)
    return np.full(count, -1, dtype=np.int32)


def _dense(positions: np.ndarray, smallest: int, selection: str) -> np.ndarray:
    cluster = require("sklearn.cluster", "viz")
    tree = cluster.HDBSCAN(
        min_cluster_size=smallest, min_samples=_DENSITY_OF, cluster_selection_method=selection, copy=True
    )
    labels: np.ndarray = tree.fit_predict(positions)
    return labels


def _join(positions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels with points that lie close to a cluster added to it."""
    from scipy.spatial import cKDTree

    members, loose = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    if not len(members) or not len(loose):
        return labels
    reach = np.zeros(labels.max() + 1)
    for label in range(len(reach)):
        own = positions[labels == label]
        reach[label] = np.quantile(cKDTree(own).query(own, k=_DENSITY_OF + 1)[0][:, -1], _REACH)
    gaps, nearest = cKDTree(positions[members]).query(positions[loose])
    found = labels[members[nearest]]
    joined = labels.copy()
    joined[loose] = np.where(gaps <= reach[found], found, -1)
    return joined


def number_by_size(labels: np.ndarray) -> np.ndarray:
    """Labels from 0 on, the largest cluster first, equal ones in the order of their first points; negative is none."""
    known, firsts, counts = np.unique(labels, return_index=True, return_counts=True)
    real = known >= 0
    order = np.lexsort((firsts[real], -counts[real]))
    numbers = np.full(len(labels), -1, dtype=np.int32)
    for number, label in enumerate(known[real][order]):
        numbers[labels == label] = number
    return numbers


def nearest_cluster(positions: np.ndarray, landmarks: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """The cluster of the landmark that lies nearest on the map, int32 ``(N,)``."""
    from scipy.spatial import cKDTree

    if not len(positions):
        return np.empty(0, dtype=np.int32)
    _, nearest = cKDTree(landmarks).query(positions)
    return np.asarray(clusters[nearest], dtype=np.int32)
