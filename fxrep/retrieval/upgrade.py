"""From format version 1, where vectors lay in the database, to this one: nothing is embedded again, ids stay."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from fxrep.errors import OutputError, ReferenceIndexError
from fxrep.files import atomic_folder
from fxrep.retrieval.changes import change_index
from fxrep.retrieval.creation import create_files
from fxrep.retrieval.database import DATABASE_NAME, UNIT_TOLERANCE, IndexDatabase, check_is_index
from fxrep.retrieval.encoder import SongEmbedding
from fxrep.retrieval.index_state import IndexState
from fxrep.retrieval.writer_lock import writer_lock

_SONGS_AT_ONCE = 256


def upgrade_index(path: str | os.PathLike[str]) -> int:
    """Convert an index of format version 1; the old one stays until the new one is complete.

    Returns:
        number of songs.

    Raises:
        ReferenceIndexError: it is no index, of another version, damaged, or being changed.
        OutputError: the folder cannot be written.
    """
    folder = Path(path)
    check_is_index(folder)
    with writer_lock(folder), closing(_connect(folder)) as old:
        try:
            meta = dict(old.execute("SELECT key, value FROM meta"))
            if meta.get("format_version") != "1":
                raise ReferenceIndexError(f"{folder} is not of format version 1: it needs no conversion")
            state = IndexState(
                fingerprint=meta["fingerprint"],
                model=meta["model"],
                dim=int(meta["dim"]),
                sample_rate=int(meta["sample_rate"]),
                window_s=float(meta["window_s"]),
            )
            last = old.execute("SELECT seq FROM sqlite_sequence WHERE name = 'songs'").fetchone()
            with atomic_folder(folder) as temporary:
                create_files(temporary, state)
                count = _copy(old, IndexDatabase(temporary), int(last[0]) if last else 0)
                _take_along(folder, temporary)
                old.close()
        except (sqlite3.Error, KeyError, ValueError) as error:
            raise ReferenceIndexError(
                f"{folder} is corrupt ({error}): rebuild it with: fxrep index build {folder} SONGS --force"
            ) from error
    return count


def _connect(folder: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"{(folder / DATABASE_NAME).resolve().as_uri()}?mode=rw", uri=True)
    except sqlite3.Error as error:
        raise OutputError(f"cannot open {folder}: {error}: choose a folder that can be read and written") from error


def _copy(old: sqlite3.Connection, database: IndexDatabase, last_id: int) -> int:
    count = 0
    with closing(database):
        songs = _songs(old, database.state().dim)
        while group := [song for song, _ in zip(songs, range(_SONGS_AT_ONCE), strict=False)]:
            with change_index(database) as change:
                for song_id, path, metadata, song in group:
                    change.put(path, song, metadata, "{}", song_id)
            count += len(group)
        with change_index(database) as change:
            # Ids of songs that were removed are never given again.
            change.state = replace(change.state, next_song=max(change.state.next_song, last_id + 1))
    return count


def _songs(old: sqlite3.Connection, dim: int) -> Iterator[tuple[int, str, str, SongEmbedding]]:
    query = "SELECT id, path, content_hash, duration_s, metadata, vector FROM songs ORDER BY id"
    for song_id, path, content_hash, duration_s, metadata, vector in old.execute(query):
        rows = old.execute("SELECT start_s, vector FROM windows WHERE song_id = ? ORDER BY id", (song_id,)).fetchall()
        if not rows or any(len(blob) != 4 * dim for blob in (vector, *(row[1] for row in rows))):
            raise ValueError(f"song {song_id} has no whole vectors")
        vectors = np.frombuffer(b"".join((vector, *(row[1] for row in rows))), dtype="<f4").reshape(-1, dim)
        squares = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
        if not (np.abs(squares - 1.0) < UNIT_TOLERANCE).all():
            raise ValueError(f"a vector of song {song_id} is damaged")
        starts = np.array([row[0] for row in rows], dtype=np.float64)
        song = SongEmbedding(Path(path), content_hash, float(duration_s), starts, vectors[1:], vectors[0])
        yield song_id, path, metadata, song


def _take_along(folder: Path, temporary: Path) -> None:
    """The mark of a build that was cut off stays with its index."""
    for mark in folder.glob("unfinished.json"):
        (temporary / mark.name).write_bytes(mark.read_bytes())
