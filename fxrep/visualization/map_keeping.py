"""Changing what is kept of a map while others do the same: nothing newer is ever written over.

Readers need no lock, since files are replaced as a whole. Writers take turns, and whoever has worked for long looks, at
its turn, whether the file still is the one that the work began with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from fxrep.errors import OutputError, ReferenceIndexError
from fxrep.files import output_error
from fxrep.retrieval.database import Level
from fxrep.visualization.array_file import kept_checksum
from fxrep.visualization.clusters import name_clusters
from fxrep.visualization.feature_file import MeasuredFeatures, read_features, write_features
from fxrep.visualization.map_file import StoredMap, map_file, read_map, write_map
from fxrep.visualization.placed_points import PlacedPoints

logger = logging.getLogger(__name__)
LOCK_NAME = "map.lock"
_PATIENCE_S = 60.0


@contextmanager
def map_lock(folder: Path) -> Iterator[None]:
    """Hold the maps of an index for writing; the system lets go of the lock however a process ends.

    Raises:
        OutputError: the folder cannot be written, or another process does not let go.
    """
    lock = FileLock(folder / LOCK_NAME)
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise OutputError(f"{folder}: another process is writing its map for a minute: try again later") from None
    except OSError as error:
        raise output_error(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def keep_made(folder: Path, stored: StoredMap, features: MeasuredFeatures) -> StoredMap:
    """Name the clusters of a map that was made just now, keep it in place of any other, and return it."""
    named = _named(stored, features)
    return _tried(folder, named, lambda: replace(named, checksum=write_map(folder, named)))


def keep_followed(folder: Path, stored: StoredMap) -> StoredMap:
    """Keep a map that was read and brought up to date, unless another has taken the place of what was read."""

    def write() -> StoredMap:
        if not _is_kept(folder, stored):
            return stored
        return replace(stored, checksum=write_map(folder, stored))

    return _tried(folder, stored, write)


def keep_named(folder: Path, stored: StoredMap, features: MeasuredFeatures) -> StoredMap:
    """Name the clusters of a map by features, and keep the names.

    Where another map has taken the place of the one that was read, as it was made again or followed by another process,
    that one stays and its own clusters are named.

    Args:
        folder: of the index.
        stored: as it was read, or made.
        features: all that are measured.

    Returns:
        `stored` with names.
    """
    named = _named(stored, features)

    def write() -> StoredMap:
        if _is_kept(folder, stored):
            return replace(named, checksum=write_map(folder, named))
        try:
            write_map(folder, _named(read_map(folder, stored.level, stored.fingerprint), features))
        except ReferenceIndexError as error:  # it was deleted, or belongs to another model by now
            logger.info("%s", error)
        return named

    return _tried(folder, named, write)


def keep_features(
    folder: Path, level: Level, measured: MeasuredFeatures, points: PlacedPoints, rows: np.ndarray, values: np.ndarray
) -> MeasuredFeatures:
    """Add features of some points, by number, to those that are kept, which others may have added to meanwhile.

    Args:
        folder: of the index.
        level: of the points.
        measured: what is known here.
        points: of the map.
        rows: numbers of points ``(n,)``.
        values: of their features ``(n, F)``.

    Returns:
        All that is known now.
    """
    known = measured.with_points(points, rows, values)
    try:
        with map_lock(folder):
            known = known.joined(read_features(folder, level))
            write_features(folder, level, known)
    except OutputError as error:
        logger.warning("%s: features that were measured are not kept", error)
    return known


def _is_kept(folder: Path, stored: StoredMap) -> bool:
    return kept_checksum(map_file(folder, stored.level)) == stored.checksum


def _named(stored: StoredMap, features: MeasuredFeatures) -> StoredMap:
    return replace(stored, clusters=name_clusters(stored.points.cluster, features.of(stored.points)))


def _tried(folder: Path, stored: StoredMap, write: Callable[[], StoredMap]) -> StoredMap:
    """Call `write` under the lock; a library that can only be read is drawn all the same."""
    try:
        with map_lock(folder):
            return write()
    except OutputError as error:
        logger.warning("%s: the map is not kept and has to be made again each time", error)
        return stored
