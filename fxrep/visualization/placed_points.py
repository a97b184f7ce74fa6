"""The points of a map: what they stand for, where they lie, and how they follow an index that changes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fxrep.retrieval import IndexPoints
from fxrep.visualization.clustering import nearest_cluster
from fxrep.visualization.measuring import Progress
from fxrep.visualization.projection import Projection

_BLOCK = 4096


@dataclass(frozen=True)
class PlacedPoints:
    """N points in the order of the songs' ids and of their windows.

    Attributes:
        song_id: int64 ``(N,)``.
        window: number of the window in its song, int64 ``(N,)``; zeros for songs.
        start_s: float64 ``(N,)``.
        duration_s: float64 ``(N,)``.
        vectors_crc: CRC-32 of the song's vectors, int64 ``(N,)``; with the id it says which content is meant.
        positions: float64 ``(N, 2)``, about -1 to 1.
        cluster: number of the cluster, int32 ``(N,)``; -1 for none.
        fitted: whether the map was made with the point, bool ``(N,)``; else it was placed later.
    """

    song_id: np.ndarray
    window: np.ndarray
    start_s: np.ndarray
    duration_s: np.ndarray
    vectors_crc: np.ndarray
    positions: np.ndarray
    cluster: np.ndarray
    fitted: np.ndarray

    def __len__(self) -> int:
        return len(self.song_id)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def place_all(
    points: IndexPoints,
    projection: Projection,
    clusters: np.ndarray,
    fitted: np.ndarray,
    old: PlacedPoints | None,
    progress: Progress | None = None,
) -> PlacedPoints:
    """The points of an index on a map, a few thousand vectors in memory at a time.

    Args:
        points: of the index.
        projection: the map.
        clusters: of its landmarks, ``(L,)``.
        fitted: numbers of the points that the map was made with.
        old: points whose places are kept where song and content are the same.
        progress: told how many of the others are placed.
    """
    positions, cluster = np.empty((len(points), 2)), np.full(len(points), -1, dtype=np.int32)
    is_fitted = np.zeros(len(points), dtype=bool)
    is_fitted[fitted] = True
    missing = np.arange(len(points))
    if old is not None:
        there, before = same_content(points, old)
        positions[there], cluster[there] = old.positions[before], old.cluster[before]
        is_fitted[there] = old.fitted[before]
        missing = np.setdiff1d(missing, there)
    for start in range(0, len(missing), _BLOCK):
        if progress is not None:
            progress("placing points", start, len(missing))
        rows = missing[start : start + _BLOCK]
        positions[rows] = projection.place(points.vectors(rows))
        cluster[rows] = nearest_cluster(positions[rows], projection.positions, clusters)
    return PlacedPoints(
        song_id=points.song_id,
        window=points.window,
        start_s=points.start_s,
        duration_s=points.duration_s,
        vectors_crc=points.vectors_crc,
        positions=positions,
        cluster=cluster,
        fitted=is_fitted,
    )


def same_content(points: IndexPoints, old: PlacedPoints) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the points that were there before, and what their numbers were."""
    if not len(old):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    before = np.minimum(np.searchsorted(old.song_id, points.song_id) + points.window, len(old) - 1)
    same = (
        (old.song_id[before] == points.song_id)
        & (old.window[before] == points.window)
        & (old.vectors_crc[before] == points.vectors_crc)
    )
    return np.flatnonzero(same), before[same]
