"""Making a map: which points it is fitted to, the fit, its clusters, and where the other points go."""

from __future__ import annotations

import numpy as np

from fxrep.retrieval import IndexPoints
from fxrep.visualization.clustering import cluster_positions
from fxrep.visualization.map_file import StoredMap
from fxrep.visualization.measuring import Progress
from fxrep.visualization.placed_points import place_all
from fxrep.visualization.projection import MOST_FITTED, fit_projection


def fit_map(points: IndexPoints, seed: int, progress: Progress) -> StoredMap:
    """Fit at most `MOST_FITTED` points, drawn evenly, and place the others among them; the clusters have no names yet.

    Args:
        points: of the index, one at least.
        seed: of the drawing and the fit.
        progress: is told the steps. UMAP does not say how far it is, so that fitting has no number.
    """
    drawn = np.sort(np.random.default_rng(seed).permutation(len(points))[:MOST_FITTED])
    progress(f"fitting {len(drawn)} points", 0, 0)
    projection = fit_projection(points.vectors(drawn), seed)
    progress("finding clusters", 0, 0)
    clusters = cluster_positions(projection.positions)
    placed = place_all(points, projection, clusters, drawn, None, progress)
    return StoredMap(points.level, points.fingerprint, points.generation, seed, projection, clusters, (), placed)


def follow_index(stored: StoredMap, points: IndexPoints) -> StoredMap:
    """The same map with the points of another generation of its index: nothing that lies on it moves."""
    nobody = np.empty(0, dtype=np.int64)
    placed = place_all(points, stored.projection, stored.landmark_clusters, nobody, stored.points)
    return StoredMap(**{**vars(stored), "generation": points.generation, "points": placed})


def is_outgrown(stored: StoredMap) -> bool:
    """Whether more was placed than the map was made with, so that it is time to make it again."""
    later, made_with = int((~stored.points.fitted).sum()), len(stored.projection.landmarks)
    return later > made_with and made_with < MOST_FITTED
