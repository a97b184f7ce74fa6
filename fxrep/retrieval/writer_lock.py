"""One writer at a time per index, freed by the operating system when the writer dies."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fxrep.errors import OutputError, ReferenceIndexError

LOCK_NAME = "writer.lock"


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the index in `folder` for writing.

    The lock is SQLite's own on an otherwise empty database: it works on every platform and, unlike a
    file that must be deleted, cannot stay behind after a crash.

    Raises:
        ReferenceIndexError: another writer holds it.
        OutputError: the folder cannot be written.
    """
    try:
        connection = sqlite3.connect(folder / LOCK_NAME, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise OutputError(f"cannot write in {folder}: {error}: choose a folder that can be written") from error
    try:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            raise _lock_error(folder, error) from error
        yield
    finally:
        connection.close()


def _lock_error(folder: Path, error: sqlite3.Error) -> OutputError | ReferenceIndexError:
    if "locked" in str(error):
        return ReferenceIndexError(f"{folder} is being changed by another process: wait until it ends and try again")
    if "not a database" in str(error) or "malformed" in str(error):
        lock = folder / LOCK_NAME
        return ReferenceIndexError(f"{lock} is damaged: delete it, it holds nothing, and try again")
    return OutputError(f"cannot write in {folder}: {error}: choose a folder that can be written and has space")
