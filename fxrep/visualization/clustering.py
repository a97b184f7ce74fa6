"""Which points of a map lie together."""

from __future__ import annotations

import numpy as np

from fxrep.errors import require

SMALLEST = 5
"""Points of a cluster, at least; fewer are chance."""
SMALLEST_SHARE = 0.02
MOST_CLUSTERS = 8
"""More colours are not told apart."""
_GROWTH = 1.5


def cluster_positions(positions: np.ndarray) -> np.ndarray:
    """Clusters of points in the plane, numbered by size, int32 ``(N,)``; -1 for points that belong to none.

    HDBSCAN (Campello et al. 2013) on the map, so that a cluster is what the eye sees as one. Groups smaller than five
    points, or than 2 % of all, are none; where there are more than eight, small ones are joined.

    Raises:
        MissingExtraError: scikit-learn, which the extra ``viz`` brings, is not installed.
    """
    cluster = require("sklearn.cluster", "viz")
    count = len(positions)
    labels = np.full(count, -1, dtype=np.int32)
    smallest = max(SMALLEST, round(SMALLEST_SHARE * count))
    while 2 * smallest <= count:
        found = cluster.HDBSCAN(min_cluster_size=smallest, min_samples=SMALLEST, copy=True).fit_predict(positions)
        if found.max() < MOST_CLUSTERS:
            return number_by_size(found)
        smallest = round(smallest * _GROWTH)
    return labels


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
