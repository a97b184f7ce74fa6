"""What a picture, a page or a table of a map shows, of an index or of a table of embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from fxrep.errors import ArgumentError, DataError
from fxrep.retrieval import ASPECTS, EmbeddingTable
from fxrep.retrieval.database import Level
from fxrep.visualization.clustering import cluster_positions
from fxrep.visualization.clusters import Cluster, draw_members, name_clusters
from fxrep.visualization.colors import Colors, color_by_cluster, color_by_feature, color_by_values
from fxrep.visualization.library_map import CLUSTER, FEATURES, LibraryMap
from fxrep.visualization.measuring import Part, measure_parts
from fxrep.visualization.placed_points import same_content
from fxrep.visualization.placing import nearest_landmarks
from fxrep.visualization.projection import MOST_FITTED, fit_projection

Listening = Literal["all", "some", "none"]
"""Whose audio features are measured: every point's, those that name the clusters, or none."""
NEIGHBOURS_SHOWN = 10
_ASKED = 64
MOST_COLORINGS = 16


@dataclass(frozen=True)
class DrawnPoints:
    """N points in the plane.

    Attributes:
        level: whether a point is a song or a window.
        fingerprint: of the encoder.
        paths: file of every point.
        start_s: float64 ``(N,)``.
        duration_s: float64 ``(N,)``.
        metadata: of every point, what its file says included.
        positions: float64 ``(N, 2)``, about -1 to 1.
        read: gives the unit vectors of points by number, float32 ``(n, D)``.
        cluster: int32 ``(N,)``, -1 for none.
        clusters: what the clusters are.
        colors: what the points are coloured by.
        features: audio features, float32 ``(N, F)``, NaN where they were not measured.
        song_id: ids in the index, int64 ``(N,)``; None for a table of embeddings.
        failures: path and reason of recordings that could not be measured.
    """

    level: Level
    fingerprint: str
    paths: Sequence[str]
    start_s: np.ndarray
    duration_s: np.ndarray
    metadata: Sequence[Mapping[str, Any]]
    positions: np.ndarray
    read: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    cluster: np.ndarray
    clusters: Sequence[Cluster]
    colors: Colors
    features: np.ndarray
    song_id: np.ndarray | None = None
    failures: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: np.ndarray) -> DrawnPoints:
        """Some of the points, by number."""
        chosen = rows.tolist()
        return DrawnPoints(
            self.level,
            self.fingerprint,
            [self.paths[row] for row in chosen],
            self.start_s[rows],
            self.duration_s[rows],
            [self.metadata[row] for row in chosen],
            self.positions[rows],
            lambda chosen: self.read(rows[chosen]),
            self.cluster[rows],
            self.clusters,
            self.colors.take(rows),
            self.features[rows],
            None if self.song_id is None else self.song_id[rows],
            self.failures,
        )

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """The most similar points by cosine, not by distance on the map, best first, and their similarities.

        int64 with -1 for none, and float64, both ``(N, K)``. Windows of the same file are left out.
        """
        count = min(NEIGHBOURS_SHOWN, len(self) - 1)
        vectors = self.read(np.arange(len(self)))
        near, similarity = nearest_landmarks(vectors, vectors, min(_ASKED, len(self)))
        files = np.unique(np.asarray(self.paths, dtype=object).astype(str), return_inverse=True)[1]
        other = np.arange(len(self)) if self.level == "song" else files
        own = other[near] == other[:, None]
        order = np.argsort(own, axis=1, kind="stable")[:, :count]
        near, similarity, own = (np.take_along_axis(values, order, 1) for values in (near, similarity, own))
        return np.where(own, -1, near), np.where(own, 0.0, similarity)

    def colorings(self) -> list[Colors]:
        """All that there is to colour by: first what was chosen, then clusters, metadata and measured features."""
        found = [self.colors]
        if self.clusters:
            found.append(color_by_cluster(self.cluster, self.clusters))
        for key in sorted({key for values in self.metadata for key in values}):
            found.append(color_by_values(key, [values.get(key) for values in self.metadata]))
        for column, name in enumerate(FEATURES):
            if np.isfinite(self.features[:, column]).any():
                found.append(color_by_feature(name, self.features))
        kept: dict[str, Colors] = {}
        for colors in found:
            if colors.kind == "numbers" or len(colors.groups) > 1 or colors is self.colors:
                kept.setdefault(colors.title, colors)
        return list(kept.values())[:MOST_COLORINGS]


def draw_library(library_map: LibraryMap, color: str, listening: Listening) -> DrawnPoints:
    """The points of the map of an index.

    Raises:
        ArgumentError: no song has what is to be coloured by.
    """
    library_map.colors(color)  # before the work
    failures: list[tuple[str, str]] = []
    if listening == "all" or (color in FEATURES and color not in library_map.keys and listening == "some"):
        failures = library_map.measure()
    elif listening == "some" and len(library_map.unmeasured()) == len(library_map):
        failures = library_map.measure(draw_members(library_map.points.cluster, library_map.stored.seed))
    colors, features, songs = library_map.colors(color), library_map.features, library_map.songs
    listed = library_map.index.points(library_map.level)
    # What was removed since the map was opened is not drawn.
    there, rows = same_content(listed, library_map.points)
    points, ids = library_map.points, library_map.points.song_id[rows].tolist()
    merged = {song_id: {**song["facts"], **song["metadata"]} for song_id, song in songs.items()}
    return DrawnPoints(
        level=library_map.level,
        fingerprint=library_map.stored.fingerprint,
        paths=[songs[song_id]["path"] if song_id in songs else "" for song_id in ids],
        start_s=points.start_s[rows],
        duration_s=points.duration_s[rows],
        metadata=[merged.get(song_id, {}) for song_id in ids],
        positions=points.positions[rows],
        read=lambda chosen: listed.vectors(there[chosen]),
        cluster=points.cluster[rows],
        clusters=library_map.clusters,
        colors=colors.take(rows),
        features=features[rows],
        song_id=points.song_id[rows],
        failures=failures,
    )


def draw_table(table: EmbeddingTable, color: str, seed: int, listening: Listening) -> DrawnPoints:
    """The points of a table of embeddings, whose map is kept nowhere.

    Raises:
        DataError: the table is empty.
        ArgumentError: no point has what is to be coloured by.
    """
    if not len(table):
        raise DataError("there is nothing to draw: the index or the table holds no embeddings")
    metadata = list(table.metadata) or [{} for _ in range(len(table))]
    keys = sorted({key for values in metadata for key in values})
    if color not in (CLUSTER, *keys, *FEATURES):
        choices = ", ".join([CLUSTER, *keys, *FEATURES])
        raise ArgumentError(f"no point has metadata {color!r} to colour by: choose among {choices}")
    drawn = np.sort(np.random.default_rng(seed).permutation(len(table))[:MOST_FITTED])
    positions = fit_projection(table.vectors[drawn], seed).place(table.vectors)
    cluster = cluster_positions(positions)
    wanted = np.arange(len(table)) if listening == "all" or color in FEATURES else draw_members(cluster, seed)
    features, failures = _measure(table, wanted if listening != "none" else wanted[:0])
    clusters = name_clusters(cluster, features)
    if color == CLUSTER:
        colors = color_by_cluster(cluster, clusters)
    elif color in keys:
        colors = color_by_values(color, [values.get(color) for values in metadata])
    else:
        colors = color_by_feature(color, features)
    return DrawnPoints(
        level=table.level,
        fingerprint=table.fingerprint,
        paths=table.paths,
        start_s=table.start_s,
        duration_s=table.duration_s,
        metadata=metadata,
        positions=positions,
        read=lambda rows: table.vectors[rows],
        cluster=cluster,
        clusters=clusters,
        colors=colors,
        features=features,
        failures=failures,
    )


def _measure(table: EmbeddingTable, rows: np.ndarray) -> tuple[np.ndarray, list[tuple[str, str]]]:
    features = np.full((len(table), len(ASPECTS)), np.nan, dtype=np.float32)
    parts = (Part(table.paths[row], float(table.start_s[row]), float(table.duration_s[row])) for row in rows.tolist())
    failures: dict[str, str] = {}
    results = measure_parts(parts, len(rows), table.level)
    for row, (values, reason) in zip(rows.tolist(), results, strict=True):
        if values is None:
            failures[table.paths[row]] = reason
        else:
            features[row] = values
    return features, list(failures.items())
