"""The points of a map before anything is drawn: where they lie, what they are, and which are alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fxrep.errors import DataError
from fxrep.retrieval import EmbeddingTable
from fxrep.visualization.groups import Groups, group_points
from fxrep.visualization.projection import project

NEIGHBOURS_SHOWN = 10


@dataclass(frozen=True)
class MapPoints:
    """N points in the plane.

    Attributes:
        table: the embeddings they stand for.
        positions: float64 ``(N, 2)``, -1 to 1.
        groups: their colours.
        neighbours: the most similar other points by cosine, int ``(N, K)``, best first; not by distance on the map.
        similarities: cosine similarities of the neighbours, float32 ``(N, K)``.
    """

    table: EmbeddingTable
    positions: np.ndarray
    groups: Groups
    neighbours: np.ndarray
    similarities: np.ndarray


def place_points(table: EmbeddingTable, *, color: str = "cluster", seed: int = 0) -> MapPoints:
    """Project a table of embeddings, group it, and find every point's neighbours.

    Raises:
        DataError: the table is empty.
        ArgumentError: no point has the metadata `color`.
    """
    if not len(table):
        raise DataError("there is nothing to draw: the index or the table holds no embeddings")
    groups = group_points(table.vectors, table.metadata, color, seed)
    neighbours, similarities = _nearest(table.vectors, min(NEIGHBOURS_SHOWN, len(table) - 1))
    return MapPoints(table, project(table.vectors, seed), groups, neighbours, similarities)


def _nearest(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    neighbours = np.zeros((len(vectors), count), dtype=int)
    similarities = np.zeros((len(vectors), count), dtype=np.float32)
    for start in range(0, len(vectors) if count else 0, 1024):
        rows = np.arange(start, min(start + 1024, len(vectors)))
        scores = vectors[rows] @ vectors.T
        scores[np.arange(len(rows)), rows] = -np.inf
        # Equal scores keep the order of the table: a stable sort, not a partition.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        neighbours[rows] = best
        similarities[rows] = np.take_along_axis(scores, best, axis=1)
    return neighbours, similarities
