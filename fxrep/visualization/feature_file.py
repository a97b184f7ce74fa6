"""Features that were measured, kept in the index's folder as `features-song.safetensors` so that none is lost."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fxrep.errors import OutputError
from fxrep.retrieval import ASPECTS
from fxrep.retrieval.database import Level
from fxrep.visualization.array_file import DamagedArraysError, read_arrays, write_arrays
from fxrep.visualization.placed_points import PlacedPoints

logger = logging.getLogger(__name__)
_WINDOW_BITS = 24
_NAMES = [aspect.feature for aspect in ASPECTS]


@dataclass(frozen=True)
class MeasuredFeatures:
    """Features of M points.

    Attributes:
        key: song and window in one number, ascending, int64 ``(M,)``.
        vectors_crc: which content was measured, int64 ``(M,)``.
        values: in the order of `ASPECTS`, float32 ``(M, F)``.
    """

    key: np.ndarray
    vectors_crc: np.ndarray
    values: np.ndarray

    @staticmethod
    def none() -> MeasuredFeatures:
        """Of no point."""
        nothing = np.empty(0, dtype=np.int64)
        return MeasuredFeatures(nothing, nothing, np.empty((0, len(ASPECTS)), dtype=np.float32))

    def of(self, points: PlacedPoints) -> np.ndarray:
        """Features of points, float32 ``(N, F)``; NaN for those that were not measured with their present content."""
        found = np.full((len(points), len(ASPECTS)), np.nan, dtype=np.float32)
        if len(self.key):
            key = point_keys(points)
            place = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
            known = (self.key[place] == key) & (self.vectors_crc[place] == points.vectors_crc)
            found[known] = self.values[place[known]]
        return found

    def with_points(self, points: PlacedPoints, rows: np.ndarray, values: np.ndarray) -> MeasuredFeatures:
        """These and newer ones, of some points by number."""
        key = np.concatenate([point_keys(points)[rows], self.key])
        crc = np.concatenate([points.vectors_crc[rows], self.vectors_crc])
        # The first of equal keys is the newest.
        key, firsts = np.unique(key, return_index=True)
        return MeasuredFeatures(key, crc[firsts], np.concatenate([values, self.values])[firsts].astype(np.float32))

    def joined(self, others: MeasuredFeatures) -> MeasuredFeatures:
        """These, and others' of the points that are not among them."""
        key, firsts = np.unique(np.concatenate([self.key, others.key]), return_index=True)
        crc, values = (
            np.concatenate([getattr(self, name), getattr(others, name)])[firsts] for name in ("vectors_crc", "values")
        )
        return MeasuredFeatures(key, crc, values)


def point_keys(points: PlacedPoints) -> np.ndarray:
    """Song and window of every point in one number, int64 ``(N,)``."""
    keys: np.ndarray = (points.song_id << _WINDOW_BITS) + points.window
    return keys


def feature_file(folder: Path, level: Level) -> Path:
    """Where the features of an index's points are kept."""
    return folder / f"features-{level}.safetensors"


def read_features(folder: Path, level: Level) -> MeasuredFeatures:
    """What is kept; none where the file is missing, damaged or of other features, since they can be measured again."""
    try:
        kept = read_arrays(feature_file(folder, level))
    except FileNotFoundError:
        return MeasuredFeatures.none()
    except DamagedArraysError as error:
        logger.warning("%s: %s: its features are measured again", feature_file(folder, level), error)
        return MeasuredFeatures.none()
    return MeasuredFeatures(**kept.arrays) if kept.description.get("features") == _NAMES else MeasuredFeatures.none()


def write_features(folder: Path, level: Level, measured: MeasuredFeatures) -> None:
    """Keep features; where the folder cannot be written that is only logged, since they can be measured again."""
    try:
        write_arrays(feature_file(folder, level), vars(measured), {"format": "fxrep features", "features": _NAMES})
    except OutputError as error:
        logger.warning("%s: features that were measured are not kept", error)
