"""The SQLite file of a reference index: the only truth about what the index holds.

Vectors live here beside the songs they belong to, in one transaction, so the two cannot get out of step whatever
crashes. The faiss file next to it is a cache of these vectors (see `vector_cache`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from fxrep.errors import OutputError, ReferenceIndexError
from fxrep.retrieval.encoder import SongEmbedding

FORMAT_VERSION = 1
_META_KEYS = {"format_version", "generation", "fingerprint", "model", "dim", "sample_rate", "window_s"}
DATABASE_NAME = "index.sqlite"
UNIT_TOLERANCE = 1e-5
"""Of a squared length: float32 keeps it to about 1e-7 in any number of dimensions."""
Level = Literal["song", "window"]
LEVELS: tuple[Level, ...] = ("song", "window")

# AUTOINCREMENT keeps ids of removed rows from ever being given again.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE songs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    content_hash TEXT NOT NULL,
    duration_s REAL NOT NULL,
    metadata TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX songs_by_content ON songs (content_hash);
CREATE TABLE windows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    song_id INTEGER NOT NULL REFERENCES songs (id) ON DELETE CASCADE,
    start_s REAL NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX windows_by_song ON windows (song_id);
"""


class IndexDatabase:
    """An open `index.sqlite`.

    Args:
        folder: the index folder.
        create: make the tables in a new file.

    Raises:
        ReferenceIndexError: there is no index, or it is corrupt or of another format version.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self.file = folder / DATABASE_NAME
        if not create and not self.file.is_file():
            raise ReferenceIndexError(
                f"{folder} is not a reference index: make one with: fxrep index build {folder} SONGS"
            )
        with self.errors():
            # URI mode "rw" falls back to reading only where the file is write-protected.
            uri = f"{self.file.resolve().as_uri()}?mode={'rwc' if create else 'rw'}"
            self.connection = sqlite3.connect(uri, uri=True, timeout=10, isolation_level=None, check_same_thread=False)
            self.connection.execute("PRAGMA foreign_keys = ON")
            if create:
                self.connection.executescript(_SCHEMA)
            else:
                self._check()

    def _check(self) -> None:
        pages, page_size = (
            self.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
        )
        if self.file.stat().st_size < pages * page_size or pages == 0:
            raise sqlite3.DatabaseError("the file is truncated")
        meta = self.meta()
        version = meta.get("format_version")
        if version != str(FORMAT_VERSION):
            raise ReferenceIndexError(
                f"{self.folder} has format version {version}, but this fxrep reads {FORMAT_VERSION}: "
                f"rebuild it with: fxrep index build {self.folder} SONGS --force"
            )
        if missing := _META_KEYS - set(meta):
            raise sqlite3.DatabaseError(f"it does not say its {min(missing)}")
        try:
            sound = min(int(meta["dim"]), int(meta["sample_rate"]), float(meta["window_s"])) > 0
        except ValueError:
            sound = False
        if not (sound and meta["generation"].isdecimal()):
            raise sqlite3.DatabaseError("its description is damaged")

    def check_integrity(self) -> None:
        """Read every page of the file.

        Raises:
            ReferenceIndexError: a page is damaged.
        """
        with self.errors():
            answer = self.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if answer != "ok":
                raise sqlite3.DatabaseError(answer)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors into one line that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise _explain(self.folder, error) from error
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            # Damaged texts: of metadata, or of the schema, which SQLite quotes in its message.
            raise _explain(self.folder, sqlite3.DatabaseError("a text is damaged")) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; every committed transaction counts the generation up by one."""
        with self.errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.set_meta({"generation": str(self.generation() + 1)})
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside belongs to one generation, whatever another process writes."""
        with self.errors():
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    def meta(self) -> dict[str, str]:
        """Format version, generation, and the encoder's identity."""
        return dict(self.connection.execute("SELECT key, value FROM meta"))

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Write entries of `meta`."""
        self.connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def generation(self) -> int:
        """How many changes were committed."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        if row is None or not str(row[0]).isdecimal():
            raise sqlite3.DatabaseError("it does not say its generation")
        return int(row[0])

    def insert_song(self, stored_path: str, song: SongEmbedding, metadata_json: str) -> tuple[int, np.ndarray]:
        """Insert a song and its windows; returns the song's id and the windows' ids, int64 ``(W,)``."""
        cursor = self.connection.execute(
            "INSERT INTO songs (path, content_hash, duration_s, metadata, vector) VALUES (?, ?, ?, ?, ?)",
            (stored_path, song.content_hash, song.duration_s, metadata_json, song.song.tobytes()),
        )
        song_id = int(cursor.lastrowid or 0)
        last = self.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'windows'").fetchone()
        first_id = (last[0] if last else 0) + 1
        window_ids = np.arange(first_id, first_id + len(song.windows), dtype=np.int64)
        self.connection.executemany(
            "INSERT INTO windows (id, song_id, start_s, vector) VALUES (?, ?, ?, ?)",
            (
                (int(window_id), song_id, float(start_s), vector.tobytes())
                for window_id, start_s, vector in zip(window_ids, song.positions_s, song.windows, strict=True)
            ),
        )
        return song_id, window_ids

    def delete_songs(self, song_ids: Iterable[int]) -> np.ndarray:
        """Delete songs with their windows; returns the ids of the windows, int64."""
        removed: list[int] = []
        for song_id in song_ids:
            removed += self.window_ids(song_id)
            self.connection.execute("DELETE FROM songs WHERE id = ?", (song_id,))
        return np.asarray(removed, dtype=np.int64)

    def window_ids(self, song_id: int) -> list[int]:
        """Ids of one song's windows."""
        return [row[0] for row in self.connection.execute("SELECT id FROM windows WHERE song_id = ?", (song_id,))]

    def count(self, table: Literal["songs", "windows"]) -> int:
        """Number of rows."""
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def vectors(self, level: Level, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """All ids, int64 ``(N,)``, and vectors, float32 ``(N, D)``, in the order of the ids."""
        rows: Sequence[tuple[int, bytes]] = self.connection.execute(
            f"SELECT id, vector FROM {level}s ORDER BY id"
        ).fetchall()
        if any(len(blob) != 4 * dim for _, blob in rows):
            raise sqlite3.DatabaseError(f"a vector does not hold {dim} values")
        ids = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
        matrix = np.frombuffer(b"".join(blob for _, blob in rows), dtype=np.float32).reshape(len(rows), dim)
        check_unit(matrix)
        return ids, matrix

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def check_unit(matrix: np.ndarray) -> None:
    """Notice damage that SQLite cannot see: everything stored has unit length.

    Raises:
        sqlite3.DatabaseError: a row of `matrix` ``(N, D)`` is not finite or not of unit length.
    """
    squares = np.einsum("nd,nd->n", matrix, matrix, dtype=np.float64)
    # Asked this way round, NaN is noticed too.
    if not (np.abs(squares - 1.0) < UNIT_TOLERANCE).all():
        raise sqlite3.DatabaseError("a vector is damaged")


def _explain(folder: Path, error: sqlite3.Error) -> ReferenceIndexError | OutputError:
    text = str(error)
    if "full" in text or "disk I/O" in text:
        return OutputError(f"cannot write {folder}: {text}: free some space; what was finished is kept")
    if "readonly" in text or "unable to open" in text:
        return OutputError(f"cannot write {folder}: {text}: choose a folder that can be written")
    if "locked" in text:
        return ReferenceIndexError(f"{folder} is being changed by another process: wait until it ends and try again")
    return ReferenceIndexError(
        f"{folder} is corrupt ({text}): rebuild it with: fxrep index build {folder} SONGS --force"
    )
