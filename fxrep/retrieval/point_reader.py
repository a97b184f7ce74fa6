"""The points of an index, one per song or per window: what they are at once, their vectors piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fxrep.retrieval.database import IndexDatabase, Level
from fxrep.retrieval.embedding_table import window_length
from fxrep.retrieval.view import View


@dataclass(frozen=True)
class IndexPoints:
    """N points of one generation of an index, in the order of the songs' ids and of their windows.

    Attributes:
        level: whether a point is a song or a window.
        fingerprint: of the encoder that made the vectors.
        generation: of the index.
        song_id: int64 ``(N,)``.
        window: number of the window in its song, int64 ``(N,)``; zeros for songs.
        start_s: start of the point's part of the song in seconds, float64 ``(N,)``.
        duration_s: its length in seconds, float64 ``(N,)``.
        vectors_crc: CRC-32 of all vectors of the point's song, int64 ``(N,)``: another one means other content.
    """

    level: Level
    fingerprint: str
    generation: int
    song_id: np.ndarray
    window: np.ndarray
    start_s: np.ndarray
    duration_s: np.ndarray
    vectors_crc: np.ndarray
    _part: np.ndarray = field(repr=False)
    _row: np.ndarray = field(repr=False)
    _files: Mapping[int, np.ndarray] = field(repr=False)
    _dim: int = field(repr=False)

    def __len__(self) -> int:
        return len(self.song_id)

    def vectors(self, points: np.ndarray) -> np.ndarray:
        """Vectors of some points, by number, float32 ``(n, D)``; nothing else is read."""
        chosen = np.asarray(points, dtype=np.int64)
        found = np.empty((len(chosen), self._dim), dtype=np.float32)
        for part in np.unique(self._part[chosen]):
            here = self._part[chosen] == part
            found[here] = self._files[int(part)][self._row[chosen[here]]]
        return found


def list_points(database: IndexDatabase, view: View, level: Level, songs: np.ndarray) -> IndexPoints:
    """The points of some songs, by number in the view, whose vectors are sound; call inside a snapshot.

    Memory: about 64 bytes a point.
    """
    places = view.places.take(songs)
    known = {row.id: (row.duration_s, row.starts) for row in database.rows()}
    counts = places.windows if level == "window" else np.ones(len(places), dtype=np.int64)
    firsts = np.repeat(np.cumsum(counts) - counts, counts)
    window = np.arange(int(counts.sum()), dtype=np.int64) - firsts
    starts, lengths = [np.zeros(0)], [np.zeros(0)]
    for song_id in places.id.tolist():
        duration_s, packed = known[song_id]
        begins = np.frombuffer(packed, dtype="<f8") if level == "window" else np.zeros(1)
        starts.append(begins)
        window_s = view.state.window_s if level == "window" else duration_s
        lengths.append(np.array([window_length(start, duration_s, window_s) for start in begins.tolist()]))
    files = {number: rows for (kind, number), rows in view.parts.items() if kind == level and rows is not None}
    return IndexPoints(
        level=level,
        fingerprint=view.state.fingerprint,
        generation=view.state.generation,
        song_id=np.repeat(places.id, counts),
        window=window,
        start_s=np.concatenate(starts),
        duration_s=np.concatenate(lengths),
        vectors_crc=np.repeat(places.vectors_crc, counts),
        _part=np.repeat(places.part, counts),
        _row=np.repeat(places.row if level == "window" else places.song_row, counts) + window,
        _files=files,
        _dim=view.state.dim,
    )
