"""Ridge regression of what tracks of one song have over each other, and leaving one song out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxrep.errors import ArgumentError, CheckpointError
from fxrep.files import atomic_file

Array = NDArray[np.float64]

FORMAT = "fxrep classical mixer 1"


@dataclass(frozen=True)
class LinearModel:
    """Gains of tracks relative to each other: the weights times the features, less the mean over the song.

    Attributes:
        features: names of the columns.
        scale: what one unit of each column is: its spread over the training tracks within their songs.
        weights: dB for each unit.
        ridge: the penalty that was fitted with.
        limit_db: largest gain that is given, up and down; beyond what the training songs held, a line means nothing.
        about: what it was fitted to and what was measured.
    """

    features: list[str]
    scale: list[float]
    weights: list[float]
    ridge: float
    limit_db: float
    about: dict[str, Any] = field(default_factory=dict)

    def contributions(self, features: Array) -> Array:
        """Return dB (N, D): what each column of (N, D) does to the gain of each track, relative to the song's mean."""
        found: Array = (features - features.mean(0)) / np.array(self.scale) * np.array(self.weights)
        return found

    def predict(self, features: Array) -> Array:
        """Return gains in dB (N,) of the tracks of one song, with a mean of 0 before they are limited."""
        found: Array = np.clip(self.contributions(features).sum(1), -self.limit_db, self.limit_db)
        return found

    def save(self, path: Path) -> None:
        """Write as JSON.

        Raises:
            OutputError: the file cannot be written.
        """
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: Path, features: Sequence[str]) -> LinearModel:
        """Read what `save` wrote.

        Args:
            path: of the file.
            features: the columns that are there.

        Raises:
            CheckpointError: it is missing, damaged, or was fitted to other features.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.pop("format") != FORMAT:
                raise ValueError("another format")
            model = LinearModel(**data)
            numbers = np.array([model.scale, model.weights], dtype=float)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{path} is no model of a classical mixer: fxrep fit classical writes one") from error
        if model.features != list(features) or numbers.shape != (2, len(features)) or not np.isfinite(numbers).all():
            raise CheckpointError(f"{path} was fitted to other features than these: fit it again with fxrep fit")
        return model


def center_by_song(values: Array, songs: Sequence[str]) -> Array:
    """Subtract from every row (R, …) the mean of its song: what is left is what tracks have over each other."""
    centered = np.array(values, dtype=np.float64)
    names = np.asarray(songs)
    for song in set(songs):
        centered[names == song] -= centered[names == song].mean(0)
    return centered


def fit_ridge(features: Array, gains_db: Array, songs: Sequence[str], ridge: float) -> tuple[Array, Array]:
    """Solve (X^T X + ridge R I) w = X^T y, X the standardised features and y the gains, both less their song's mean.

    Args:
        features: (R, D).
        gains_db: (R,).
        songs: of each row.
        ridge: penalty of a row, 0 or more; 0: least squares, of the smallest weights where there are several.

    Returns:
        The scale of the columns (D,) and the weights (D,).

    Raises:
        ArgumentError: shapes or the ridge do not fit.
    """
    if features.ndim != 2 or not len(features) == len(gains_db) == len(songs) or not ridge >= 0.0:
        raise ArgumentError(
            f"features {features.shape}, gains {gains_db.shape}, {len(songs)} songs and ridge {ridge!r} do not fit"
        )
    columns, wanted = center_by_song(features, songs), center_by_song(gains_db, songs)
    spread = columns.std(0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    # A column that never differs within a song has no say.
    columns = np.where(spread > 1e-9, columns / scale, 0.0)
    normal = columns.T @ columns + ridge * len(columns) * np.eye(columns.shape[1])
    return scale, np.linalg.pinv(normal, hermitian=True) @ (columns.T @ wanted)


def leave_one_song_out(features: Array, gains_db: Array, songs: Sequence[str], ridge: float) -> Array:
    """Return the gain (R,) that a model gives each track which was fitted to all other songs, its song's mean 0.

    Raises:
        ArgumentError: there are fewer than two songs.
    """
    names = np.asarray(songs)
    if len(set(songs)) < 2:
        raise ArgumentError("all tracks are of one song: give two songs or more, so that one can be left out")
    centered, found = center_by_song(features, songs), np.zeros(len(names))
    for song in sorted(set(songs)):
        out = names == song
        scale, weights = fit_ridge(features[~out], gains_db[~out], names[~out].tolist(), ridge)
        found[out] = centered[out] / scale @ weights
    return found
