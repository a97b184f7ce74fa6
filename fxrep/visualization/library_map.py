"""The map that belongs to an index: made once, kept with it, and followed by placing what is new."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fxrep.errors import ArgumentError, DataError, ReferenceIndexError
from fxrep.retrieval import ASPECTS, ReferenceIndex
from fxrep.retrieval.database import Level
from fxrep.retrieval.embedding_table import check_level
from fxrep.visualization.clusters import Cluster, draw_members
from fxrep.visualization.colors import Colors, color_by_cluster, color_by_feature, color_by_values
from fxrep.visualization.feature_file import read_features
from fxrep.visualization.map_file import StoredMap, map_file, read_map
from fxrep.visualization.map_fitting import fit_map, follow_index, is_outgrown
from fxrep.visualization.map_keeping import keep_features, keep_followed, keep_made, keep_named
from fxrep.visualization.measuring import Part, Progress, measure_parts
from fxrep.visualization.placed_points import PlacedPoints
from fxrep.visualization.song_values import song_keys, song_value

if TYPE_CHECKING:
    import pyarrow

logger = logging.getLogger(__name__)
LARGEST_SEED = 2**32 - 1
_KEEP_EVERY = 256
CLUSTER = "cluster"
FEATURES = tuple(aspect.name for aspect in ASPECTS)


class LibraryMap:
    """The places of an index's songs or windows in the plane. Use `LibraryMap.open` or `LibraryMap.make`.

    What lies on the map never moves: new songs are placed among those that the map was made with, a song with other
    content is placed anew, and a song that was removed is gone. When more was placed than the map was made with, it is
    time to make it again.

    Attributes:
        index: whose map it is.
        stored: what is kept of it.
    """

    def __init__(self, index: ReferenceIndex, stored: StoredMap) -> None:
        self.index = index
        self.stored = stored
        self._features = read_features(index.folder, stored.level)

    @classmethod
    def open(cls, index: ReferenceIndex, level: Level = "song") -> LibraryMap:
        """The map that is kept with an index, brought up to date.

        Raises:
            ReferenceIndexError: there is none, or it is damaged or of another model; the message has the command that
                makes it.
        """
        stored = read_map(index.folder, check_level(level), index.fingerprint)
        points = index.points(stored.level)
        if points.generation != stored.generation:
            stored = keep_followed(index.folder, follow_index(stored, points))
        if is_outgrown(stored):
            logger.warning(
                "%s: %d points were placed on a map that was made with %d: make it again with: fxrep map %s "
                "-o map.html --again",
                map_file(index.folder, stored.level),
                int((~stored.points.fitted).sum()),
                len(stored.projection.landmarks),
                index.folder,
            )
        return cls(index, stored)

    @classmethod
    def make(
        cls,
        index: ReferenceIndex,
        level: Level = "song",
        seed: int = 0,
        *,
        measure: bool = True,
        progress: Progress | None = None,
    ) -> LibraryMap:
        """Make a map and keep it with the index in place of an earlier one.

        At most `MOST_FITTED` points, drawn evenly, are fitted and the others placed among them, so that memory and time
        are bounded. Clusters are named by measuring up to 24 points of each.

        Args:
            index: with at least one song.
            level: a point for every song, or for every window.
            seed: the same index and seed give the same map.
            measure: listen to songs in order to name the clusters.
            progress: see `Progress`; None for a bar.

        Raises:
            DataError: the index is empty.
            ArgumentError: the level is unknown or the seed not possible.
            MissingExtraError: umap-learn is not installed.
        """
        if not 0 <= seed <= LARGEST_SEED:
            raise ArgumentError(f"seed is {seed}: give 0 to {LARGEST_SEED}")
        points = index.points(check_level(level))
        if not len(points):
            raise DataError(
                f"{index.folder} holds no songs to draw: add some with: fxrep index add {index.folder} SONGS"
            )
        made = cls(index, fit_map(points, seed, progress or (lambda *_: None)))
        if measure:
            made._measure(draw_members(made.points.cluster, seed), progress)
        made.stored = keep_made(index.folder, made.stored, made._features)
        return made

    @classmethod
    def open_or_make(
        cls,
        index: ReferenceIndex,
        level: Level = "song",
        seed: int = 0,
        *,
        measure: bool = True,
        progress: Progress | None = None,
    ) -> LibraryMap:
        """`open`, or `make` where there is no map that can be opened."""
        try:
            return cls.open(index, level)
        except ReferenceIndexError as error:
            if map_file(index.folder, level).exists():
                logger.warning("%s", error)
            return cls.make(index, level, seed, measure=measure, progress=progress)

    def __len__(self) -> int:
        return len(self.stored.points)

    @property
    def level(self) -> Level:
        """Whether a point is a song or a window."""
        return self.stored.level

    @property
    def points(self) -> PlacedPoints:
        """The points as arrays."""
        return self.stored.points

    @property
    def clusters(self) -> list[Cluster]:
        """The clusters, in the order of their ids."""
        sizes = np.bincount(self.points.cluster[self.points.cluster >= 0], minlength=len(self.stored.clusters))
        return [replace(cluster, size=int(sizes[cluster.id])) for cluster in self.stored.clusters]

    @property
    def table(self) -> pyarrow.Table:
        """Of every point song_id, start_s, duration_s, x, y, cluster (-1 for none), fitted (or else placed later)."""
        import pyarrow as pa

        points = self.points
        columns = {name: getattr(points, name) for name in ("song_id", "start_s", "duration_s")}
        columns |= {"x": points.positions[:, 0], "y": points.positions[:, 1]}
        return pa.table({**columns, "cluster": points.cluster, "fitted": points.fitted})

    @property
    def features(self) -> np.ndarray:
        """Audio features in the order of `FEATURES`, float32 ``(N, F)``; NaN for points that were not measured."""
        return self._features.of(self.points)

    @cached_property
    def songs(self) -> dict[int, dict[str, Any]]:
        """What the index says of the songs, as `ReferenceIndex.songs` lists them, by id."""
        return {song["id"]: song for song in self.index.songs()}

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """Where recordings go that are not in the index, float64 ``(N, 2)``.

        Args:
            vectors: embeddings ``(N, D)`` of unit length, by the encoder of the index.

        Raises:
            ArgumentError: they have another shape, or are not finite.
        """
        given = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        if given.ndim != 2 or given.shape[1] != self.index.dim or not np.isfinite(given).all():
            raise ArgumentError(
                f"vectors have shape {given.shape}, but the map places finite vectors of {self.index.dim} values"
            )
        return self.stored.projection.place(given)

    def colors(self, by: str = CLUSTER) -> Colors:
        """A value for every point.

        Args:
            by: ``"cluster"``, a metadata key, a tag or fact of the files, ``"folder"``, or an audio feature (one of
                `FEATURES`; points that were not measured have none, see `measure`).

        Raises:
            ArgumentError: no song has it.
        """
        if by == CLUSTER:
            return color_by_cluster(self.points.cluster, self.clusters)
        if by in self.keys:
            values = {song_id: song_value(song, by) for song_id, song in self.songs.items()}
            return color_by_values(by, [values.get(song_id) for song_id in self.points.song_id.tolist()])
        if by in FEATURES:
            return color_by_feature(by, self.features)
        choices = ", ".join([CLUSTER, *self.keys, *(name for name in FEATURES if name not in self.keys)])
        raise ArgumentError(f"no song has {by!r} to colour by: choose among {choices}")

    @cached_property
    def keys(self) -> list[str]:
        """The metadata, tags and facts that there are to colour by, and the folder."""
        return [key for key in song_keys(self.songs.values()) if key != CLUSTER]

    def unmeasured(self) -> np.ndarray:
        """Numbers of the points whose audio features are not known."""
        return np.flatnonzero(np.isnan(self.features).all(axis=1))

    def measure(self, points: np.ndarray | None = None, *, progress: Progress | None = None) -> list[tuple[str, str]]:
        """Measure audio features of points, all by default, and name the clusters by what is then known.

        About a tenth of a second of processor time for ten seconds of audio. What was measured is kept, with the index,
        also when the work is interrupted.

        Args:
            points: numbers; those that were measured before are left alone.
            progress: see `Progress`; None for a bar.

        Returns:
            path and reason of those that cannot be measured.
        """
        failures = self._measure(points, progress)
        self.stored = keep_named(self.index.folder, self.stored, self._features)
        return failures

    def _measure(self, points: np.ndarray | None, progress: Progress | None) -> list[tuple[str, str]]:
        wanted = self.unmeasured()
        if points is not None:
            wanted = wanted[np.isin(wanted, points)]
        failures: dict[str, str] = {}
        done: list[tuple[int, np.ndarray]] = []
        try:
            results = measure_parts(self._parts(wanted), len(wanted), self.level, progress)
            for row, (values, reason) in zip(wanted.tolist(), results, strict=True):
                if values is None:
                    failures[self._path(row)] = reason
                else:
                    done.append((row, values))
                if len(done) >= _KEEP_EVERY:
                    self._remember(done)
        finally:
            self._remember(done)
        return list(failures.items())

    def _remember(self, done: list[tuple[int, np.ndarray]]) -> None:
        if done:
            rows, values = np.array([row for row, _ in done]), np.stack([found for _, found in done])
            self._features = keep_features(self.index.folder, self.level, self._features, self.points, rows, values)
            done.clear()

    def _path(self, row: int) -> str:
        song = self.songs.get(int(self.points.song_id[row]))
        return str(song["path"]) if song else ""

    def _parts(self, rows: np.ndarray) -> Iterator[Part]:
        for row in rows.tolist():
            yield Part(self._path(row), float(self.points.start_s[row]), float(self.points.duration_s[row]))
