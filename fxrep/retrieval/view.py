"""One generation of an index as a reader sees it: where every song's vectors lie, in arrays that never change.

A song takes about sixty bytes here and its vectors stay in their files, mapped, so that memory is bounded by the number
of songs. Who holds a view reads its generation whatever a writer does meanwhile: rows are only ever appended, and files
that compacting deletes stay readable as long as they are mapped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fxrep.retrieval.database import IndexDatabase, Level
from fxrep.retrieval.index_state import IndexState
from fxrep.retrieval.song_row import SongRow
from fxrep.retrieval.vector_parts import open_rows

_FIELDS = ("id", "part", "row", "song_row", "windows", "first_window", "vectors_crc")


@dataclass(frozen=True)
class Places:
    """Where songs lie, one entry a song, int64 ``(S,)``, in the order of their files and rows."""

    id: np.ndarray
    part: np.ndarray
    row: np.ndarray
    song_row: np.ndarray
    windows: np.ndarray
    first_window: np.ndarray
    vectors_crc: np.ndarray

    def __len__(self) -> int:
        return len(self.id)

    def take(self, chosen: np.ndarray) -> Places:
        """Some of the songs, by number or by mask."""
        return Places(*(getattr(self, name)[chosen] for name in _FIELDS))

    @staticmethod
    def of(rows: Iterable[SongRow]) -> Places:
        """The places of rows of the database."""
        # Row by row into one flat array: texts and starts are let go at once.
        flat = np.fromiter((int(getattr(row, name)) for row in rows for name in _FIELDS), dtype=np.int64)
        return Places(*np.ascontiguousarray(flat.reshape(-1, len(_FIELDS)).T))

    def joined(self, other: Places) -> Places:
        """These and others, in order."""
        both = Places(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in _FIELDS))
        return both.take(np.lexsort((both.row, both.part)))


@dataclass(frozen=True)
class View:
    """A generation.

    Attributes:
        state: of the index.
        places: of its songs.
        parts: mapped vectors by level and part; None where a file is not there.
    """

    state: IndexState
    places: Places
    parts: dict[tuple[Level, int], np.ndarray | None]

    def vectors(self, song: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Windows ``(W, D)`` and vector ``(1, D)`` of the song of a number in `places`; None where they are lost."""
        places = self.places
        number = int(places.part[song])
        windows, songs = self.parts["window", number], self.parts["song", number]
        if windows is None or songs is None:
            return None
        row, song_row = int(places.row[song]), int(places.song_row[song])
        return windows[row : row + int(places.windows[song])], songs[song_row : song_row + 1]

    def find(self, song_id: int) -> int | None:
        """The number of a song in `places`."""
        found = np.flatnonzero(self.places.id == song_id)
        return int(found[0]) if len(found) else None


def load_view(database: IndexDatabase, earlier: View | None = None) -> View:
    """The view of the current generation; call inside a snapshot.

    Args:
        database: of the index.
        earlier: a view of before, of which only what has changed is read anew.

    Raises:
        DamagedIndexError: a song is not what was written.
    """
    state = database.state()
    if earlier is not None and earlier.state == state:
        return earlier
    if earlier is None or earlier.state.epoch != state.epoch or earlier.state.generation > state.generation:
        places = Places.of(database.rows("1 ORDER BY part, row"))
        return View(state, places, _open_parts(database.folder, state, {}))
    since = earlier.state.generation
    fresh = Places.of(database.rows("generation > ?", since))
    gone = [row[0] for row in database.connection.execute("SELECT id FROM removed WHERE generation > ?", (since,))]
    kept = ~np.isin(earlier.places.id, np.concatenate([fresh.id, np.asarray(gone, dtype=np.int64)]))
    return View(state, earlier.places.take(kept).joined(fresh), _open_parts(database.folder, state, earlier.parts))


def _open_parts(
    folder: Path, state: IndexState, earlier: dict[tuple[Level, int], np.ndarray | None]
) -> dict[tuple[Level, int], np.ndarray | None]:
    parts: dict[tuple[Level, int], np.ndarray | None] = {}
    for number, part in state.parts.items():
        levels: tuple[tuple[Level, int], ...] = (("window", part.windows), ("song", part.songs))
        for level, rows in levels:
            old = earlier.get((level, number))
            known = old is not None and len(old) == rows
            parts[level, number] = old if known else open_rows(folder, level, number, rows, state.dim)
    return parts
