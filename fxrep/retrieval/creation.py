"""The files of an empty index."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from fxrep.retrieval.database import IndexDatabase
from fxrep.retrieval.index_state import IndexState
from fxrep.retrieval.journal import append_journal
from fxrep.retrieval.manifest import write_manifest


def create_files(folder: Path, state: IndexState) -> None:
    """Write an index without songs into an empty folder.

    Raises:
        OutputError: it cannot be written.
    """
    with closing(IndexDatabase(folder, create=True)) as database, database.transaction():
        written = append_journal(folder, state, [])
        database.write_state(written)
    write_manifest(folder, written)
