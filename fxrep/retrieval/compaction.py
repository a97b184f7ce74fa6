"""Giving back the space of songs that were removed or changed, and inverted lists for what has become large.

Vectors are copied to new files and nothing is written over; one commit makes these the ones that count. Killed at any
moment, either the old or the new files are the index, and what is left of the others goes with the next change.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.files import output_error
from fxrep.retrieval.changes import Change
from fxrep.retrieval.database import IndexDatabase
from fxrep.retrieval.index_state import IndexState
from fxrep.retrieval.inverted_lists import EXACT_WINDOWS, TAIL_SHARE, file_crc
from fxrep.retrieval.journal import append_journal, journal_name, snapshot_records
from fxrep.retrieval.list_building import build_lists
from fxrep.retrieval.manifest import write_manifest
from fxrep.retrieval.recovery import committed_files
from fxrep.retrieval.soundness import Soundness
from fxrep.retrieval.vector_parts import PartWriter
from fxrep.retrieval.view import View, load_view


@dataclass
class CompactReport:
    """What `ReferenceIndex.compact` did.

    Attributes:
        bytes_before: size of the index on disk.
        bytes_after: the same afterwards.
        parts: vector files that were written anew.
        damaged: ids of songs whose vectors are damaged; the files that hold them were left as they are.
        inverted: what is known of the inverted lists, recall among it; None where every search is exact.
    """

    bytes_before: int = 0
    bytes_after: int = 0
    parts: int = 0
    damaged: list[int] = field(default_factory=list)
    inverted: dict[str, Any] | None = None


def compact(database: IndexDatabase, soundness: Soundness, *, lists: bool | None = None) -> CompactReport:
    """Write what is left of parts with gaps to new parts, and make inverted lists where there should be some.

    Args:
        database: of the index, whose writer's lock is held.
        soundness: what is known of its vectors.
        lists: make inverted lists; None decides by size.
    """
    report = CompactReport(bytes_before=folder_bytes(database.folder))
    with database.snapshot():
        view = load_view(database)
    sparse = _sparse_parts(view)
    songs = np.flatnonzero(np.isin(view.places.part, sparse))
    bad = soundness.damaged(view, songs)
    report.damaged = [int(view.places.id[song]) for song in bad]
    sparse = np.setdiff1d(sparse, view.places.part[bad])
    songs = np.flatnonzero(np.isin(view.places.part, sparse))
    gone = database.connection.execute("SELECT 1 FROM removed LIMIT 1").fetchone()
    if len(sparse) or gone:
        _rewrite(database, view, songs, sparse)
        report.parts = len(sparse)
    _make_lists(database, soundness, lists)
    with database.errors():
        state = database.state()
        database.connection.execute("VACUUM")
    write_manifest(database.folder, state)
    report.inverted = dict(state.inverted) if state.inverted else None
    report.bytes_after = folder_bytes(database.folder)
    return report


def folder_bytes(folder: Path) -> int:
    """Size of the files of an index."""
    total = 0
    for file in folder.iterdir():
        with suppress(OSError):
            total += file.stat().st_size if file.is_file() else 0
    return total


def _sparse_parts(view: View) -> np.ndarray:
    """Parts with rows that no song has any more, and small ones where there are several."""
    sparse = []
    for number, part in view.state.parts.items():
        mine = view.places.part == number
        if int(view.places.windows[mine].sum()) < part.windows or int(mine.sum()) < part.songs:
            sparse.append(number)
    return np.asarray(sparse, dtype=np.int64)


def _rewrite(database: IndexDatabase, view: View, songs: np.ndarray, sparse: np.ndarray) -> None:
    folder, old = database.folder, view.state
    kept = {number: part for number, part in old.parts.items() if number not in set(sparse.tolist())}
    parts = PartWriter(folder, kept, old.next_part, old.dim, fresh=True)
    try:
        with database.transaction():
            generation = old.generation + 1
            for song in songs.tolist():
                vectors, row = view.vectors(song), database.row(int(view.places.id[song]))
                if vectors is None or row is None:
                    raise AssertionError("a song that was found sound is missing")
                place = parts.append(vectors[0], vectors[1][0])
                database.put(row._replace(part=place.part, row=place.row, song_row=place.song_row))
            try:
                parts.sync()
            except OSError as error:
                raise output_error(folder, error) from error
            database.connection.execute("DELETE FROM removed")
            number = int(old.journal.split("-")[1].split(".")[0]) + 1
            state = replace(
                old,
                generation=generation,
                epoch=old.epoch + 1,
                parts=parts.parts,
                next_part=parts.next_part,
                journal=journal_name(number),
                journal_bytes=0,
                journal_crc=0,
            )
            state = append_journal(folder, state, snapshot_records(database))
            database.write_state(state)
    finally:
        parts.close()
    write_manifest(folder, state)
    _discard(folder, old, state)


def _make_lists(database: IndexDatabase, soundness: Soundness, wanted: bool | None) -> None:
    with database.snapshot():
        view = load_view(database)
    state = view.state
    covered = int(state.inverted["next_window"]) if state.inverted else 0
    tail = int(view.places.windows[view.places.first_window >= covered].sum())
    large = state.windows > EXACT_WINDOWS
    should = large if wanted is None else wanted
    up_to_date = state.inverted is not None and tail <= TAIL_SHARE * state.windows and _lists_are_there(database, state)
    if should and wanted is None and up_to_date:
        return
    if not should and state.inverted is None:
        return
    described = None
    if should and state.windows:
        songs = np.arange(len(view.places))
        songs = np.setdiff1d(songs, soundness.damaged(view, songs))
        file = database.folder / f"inverted-{state.generation + 1}.faiss"
        try:
            described = build_lists(view, songs, file)
            _sync(file)
        except (OSError, RuntimeError) as error:
            file.unlink(missing_ok=True)
            raise output_error(database.folder, error if isinstance(error, OSError) else OSError(str(error))) from error
    with database.transaction():
        change = Change(database, database.state())
        change.state = replace(change.state, inverted=described)
        new = change.finish()
        change.parts.close()
    write_manifest(database.folder, new)
    _discard(database.folder, state, new)


def _lists_are_there(database: IndexDatabase, state: IndexState) -> bool:
    if state.inverted is None:
        return False
    try:
        return f"{file_crc(database.folder / str(state.inverted['file'])):08x}" == str(state.inverted["crc32"])
    except OSError:
        return False


def _discard(folder: Path, old: IndexState, new: IndexState) -> None:
    """Delete what the old state named and the new one does not; who reads it still can."""
    for file in set(committed_files(folder, old)) - set(committed_files(folder, new)):
        with suppress(OSError):  # Windows keeps what is open: the next writer tries again
            file.unlink()


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
