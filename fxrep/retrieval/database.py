"""The SQLite file of a reference index: which songs there are, and where their vectors lie.

It is the truth about what is committed: of the vector files and the journal only that counts which the state here
names. SQLite keeps no checksums, so the state and every song carry their own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from fxrep.errors import OutputError, ReferenceIndexError
from fxrep.retrieval.index_state import FORMAT_VERSION, PLAIN_VERSION, DamagedIndexError, IndexState, text_crc
from fxrep.retrieval.song_row import COLUMNS, SongRow

DATABASE_NAME = "index.sqlite"
Level = Literal["song", "window"]
LEVELS: tuple[Level, ...] = ("song", "window")
UNIT_TOLERANCE = 1e-5
"""Of a squared length: float32 keeps it to about 1e-7 in any number of dimensions."""

_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE songs (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, content_hash TEXT NOT NULL, duration_s REAL NOT NULL,
    metadata TEXT NOT NULL, facts TEXT NOT NULL, part INTEGER NOT NULL, row INTEGER NOT NULL,
    song_row INTEGER NOT NULL, windows INTEGER NOT NULL, first_window INTEGER NOT NULL, starts BLOB NOT NULL,
    vectors_crc INTEGER NOT NULL, generation INTEGER NOT NULL, checksum INTEGER NOT NULL
);
CREATE INDEX songs_by_content ON songs (content_hash);
CREATE INDEX songs_by_generation ON songs (generation);
CREATE TABLE removed (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
INSERT INTO meta VALUES ('format_version', '{PLAIN_VERSION}');
"""
_INSERT = f"INSERT OR REPLACE INTO songs ({COLUMNS}, checksum) VALUES ({', '.join('?' * (len(SongRow._fields) + 1))})"


class IndexDatabase:
    """An open `index.sqlite`.

    Args:
        folder: the index folder.
        file: the database; `DATABASE_NAME` in the folder where it is None.
        create: make the tables in a new file.

    Raises:
        DamagedIndexError: it is not what was written.
        ReferenceIndexError: there is no index, or it is of another format version.
    """

    def __init__(self, folder: Path, *, file: Path | None = None, create: bool = False) -> None:
        self.folder = folder
        self.file = file or folder / DATABASE_NAME
        self.connection: sqlite3.Connection
        with self.errors():
            # URI mode "rw" falls back to reading only where the file is write-protected.
            uri = f"{self.file.resolve().as_uri()}?mode={'rwc' if create else 'rw'}"
            self.connection = sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
            try:
                if create:
                    self.connection.executescript(_SCHEMA)
                else:
                    self._check()
            except BaseException:
                self.connection.close()
                raise

    def _check(self) -> None:
        # A transaction that a killed writer left is rolled back by the first read; only then do sizes mean something.
        pages, page_size = (
            self.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
        )
        if pages == 0 or self.file.stat().st_size < pages * page_size:
            raise sqlite3.DatabaseError("the file is truncated")
        row = self.connection.execute("SELECT value FROM meta WHERE key = 'format_version'").fetchone()
        version = row[0] if row else None
        if version == "1":
            raise ReferenceIndexError(
                f"{self.folder} has format version 1, of an earlier fxrep: convert it, without embedding again, with: "
                f"fxrep index upgrade {self.folder}"
            )
        if version is not None and version.isdecimal() and int(version) > FORMAT_VERSION and not self._has_state():
            raise ReferenceIndexError(
                f"{self.folder} has format version {version}, but this fxrep reads {FORMAT_VERSION}: install a newer "
                f"fxrep, or rebuild it with: fxrep index build {self.folder} SONGS --force"
            )
        if version not in (str(PLAIN_VERSION), str(FORMAT_VERSION)):
            raise sqlite3.DatabaseError("its format version is damaged")
        answer = self.connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if answer != "ok":
            raise sqlite3.DatabaseError(str(answer).replace("\n", " "))
        if version != str(self.state().format_version):
            raise sqlite3.DatabaseError("its format version is damaged")

    def _has_state(self) -> bool:
        # With a sound state, a version number that is not known is a flipped bit and no other format.
        try:
            return bool(self.state())
        except (DamagedIndexError, sqlite3.Error):
            return False

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors, and damage, into one line that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise _explain(self.folder, error) from error
        except (UnicodeDecodeError, json.JSONDecodeError, OverflowError) as error:
            # Damaged texts: of metadata, or of the schema, which SQLite quotes in its message.
            raise _damaged(self.folder, "a text is damaged") from error
        except DamagedIndexError as error:
            text = str(error)
            raise (error if str(self.folder) in text else _damaged(self.folder, text)) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        with self.errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside belongs to one generation, whatever another process writes."""
        with self.errors():
            if self.connection.in_transaction:
                yield
                return
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self._roll_back()

    def _roll_back(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def state(self) -> IndexState:
        """The committed state.

        Raises:
            DamagedIndexError: it is not what was written.
        """
        found = dict(self.connection.execute("SELECT key, value FROM meta"))
        text = found.get("state")
        if text is None or found.get("state_crc") != str(text_crc(text)):
            raise DamagedIndexError("its description is damaged")
        return IndexState.from_json(text)

    def write_state(self, state: IndexState) -> None:
        """Store the state, inside a transaction."""
        text = state.to_json()
        version = str(state.format_version)
        values = {"state": text, "state_crc": str(text_crc(text)), "format_version": version}
        self.connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def put(self, row: SongRow) -> None:
        """Insert a song, or replace the one of its id."""
        self.connection.execute(_INSERT, (*row, row.checksum))

    def remove(self, song_id: int, generation: int) -> None:
        """Delete a song; that it is gone is remembered until the index is compacted."""
        self.connection.execute("DELETE FROM songs WHERE id = ?", (song_id,))
        self.connection.execute("INSERT OR REPLACE INTO removed VALUES (?, ?)", (song_id, generation))

    def rows(self, condition: str = "1", *arguments: Any) -> Iterator[SongRow]:
        """Songs by a condition in SQL, each checked, a few in memory at a time.

        Raises:
            DamagedIndexError: a song is not what was written.
        """
        query = f"SELECT {COLUMNS}, checksum FROM songs WHERE {condition}"
        for values in self.connection.execute(query, arguments):
            row = SongRow(*values[:-1])
            if row.checksum != values[-1]:
                raise DamagedIndexError(f"song {row.id} is damaged")
            yield row

    def row(self, song_id: int) -> SongRow | None:
        """The song of an id."""
        # SQLite takes no number beyond 64 bits to look for.
        return next(self.rows("id = ?", song_id), None) if 0 < song_id < 1 << 63 else None

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def is_index(folder: Path) -> bool:
    """Whether a folder is, or was, a reference index."""
    return (folder / DATABASE_NAME).is_file() or any(folder.glob("journal-*.log"))


def check_is_index(folder: Path) -> None:
    """Refuse a folder that is no index.

    Raises:
        ReferenceIndexError: it is none.
    """
    if not is_index(folder):
        raise ReferenceIndexError(f"{folder} is not a reference index: make one with: fxrep index build {folder} SONGS")


def _damaged(folder: Path, text: str) -> DamagedIndexError:
    return DamagedIndexError(f"{folder} is corrupt ({text}): rebuild it with: fxrep index build {folder} SONGS --force")


def _explain(folder: Path, error: sqlite3.Error) -> ReferenceIndexError | OutputError:
    text = str(error)
    if "full" in text or "disk I/O" in text:
        return OutputError(f"cannot write {folder}: {text}: free some space; what was finished is kept")
    if "readonly" in text:
        return OutputError(f"cannot write {folder}: {text}: choose a folder that can be written")
    if "unable to open" in text and (folder / DATABASE_NAME).exists():
        return OutputError(f"cannot write {folder}: {text}: choose a folder that can be written")
    if "locked" in text:
        return ReferenceIndexError(f"{folder} is being changed by another process: wait until it ends and try again")
    return _damaged(folder, text)
