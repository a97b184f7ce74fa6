"""A change of an index: vectors first, then the journal, then the database, whose commit makes it true.

Killed before the commit, nothing has happened: what was written behind the committed ends is not read, and the next
writer cuts it off. After it, all of it has happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from fxrep.files import output_error
from fxrep.retrieval.database import IndexDatabase
from fxrep.retrieval.encoder import SongEmbedding
from fxrep.retrieval.index_state import IndexState
from fxrep.retrieval.journal import append_journal, put_record, remove_record
from fxrep.retrieval.manifest import write_manifest
from fxrep.retrieval.song_row import SongRow
from fxrep.retrieval.vector_parts import PartWriter, block_crc


class Change:
    """What one transaction does. Made by `change_index`.

    Args:
        database: in a transaction.
        state: before the change.
    """

    def __init__(self, database: IndexDatabase, state: IndexState) -> None:
        self._database = database
        self.state = replace(state, generation=state.generation + 1)
        self.parts = PartWriter(database.folder, dict(state.parts), state.next_part, state.dim)
        self.records: list[dict[str, Any]] = []

    def put(self, path: str, song: SongEmbedding, metadata: str, facts: str, song_id: int | None = None) -> SongRow:
        """Add a song, or give the one of `song_id` another content.

        Args:
            path: as it is stored.
            song: its vectors.
            metadata: JSON.
            facts: JSON.
            song_id: of a song that is there; None for a new one. Windows always get new ids.
        """
        state = self.state
        old = None if song_id is None else self._database.row(song_id)
        windows = np.ascontiguousarray(song.windows, dtype="<f4")
        whole = np.ascontiguousarray(song.song, dtype="<f4")
        place = self.parts.append(windows, whole)
        row = SongRow(
            id=state.next_song if song_id is None else song_id,
            path=path,
            content_hash=song.content_hash,
            duration_s=float(song.duration_s),
            metadata=metadata,
            facts=facts,
            part=place.part,
            row=place.row,
            song_row=place.song_row,
            windows=len(windows),
            first_window=state.next_window,
            starts=np.asarray(song.positions_s, dtype="<f8").tobytes(),
            vectors_crc=block_crc(windows, whole),
            generation=state.generation,
        )
        self.state = replace(
            state,
            songs=state.songs + (old is None),
            windows=state.windows + row.windows - (old.windows if old else 0),
            next_song=max(state.next_song, row.id + 1),
            next_window=state.next_window + row.windows,
        )
        self._store(row)
        return row

    def describe(self, row: SongRow, metadata: str) -> None:
        """Store other metadata, JSON, with a song that is there."""
        self._store(row._replace(generation=self.state.generation, metadata=metadata))

    def remove(self, row: SongRow) -> None:
        """Remove a song; its vectors stay in their files until the index is compacted."""
        self._database.remove(row.id, self.state.generation)
        self.records.append(remove_record(row.id, self.state.generation))
        self.state = replace(self.state, songs=self.state.songs - 1, windows=self.state.windows - row.windows)

    def finish(self) -> IndexState:
        """Bring vectors and journal to the disk and the state into the transaction."""
        try:
            self.parts.sync()
        except OSError as error:
            raise output_error(self._database.folder, error) from error
        state = replace(self.state, parts=self.parts.parts, next_part=self.parts.next_part)
        state = append_journal(self._database.folder, state, self.records)
        self._database.write_state(state)
        return state

    def _store(self, row: SongRow) -> None:
        self._database.put(row)
        self.records.append(put_record(row))


@contextmanager
def change_index(database: IndexDatabase) -> Iterator[Change]:
    """All or nothing: what is done with the `Change` is committed when the block ends without an error.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; nothing has changed then.
    """
    with database.transaction():
        change = Change(database, database.state())
        try:
            yield change
            state = change.finish()
        finally:
            change.parts.close()
    write_manifest(database.folder, state)
