"""The journal of a reference index: every committed change as one line, so that a damaged database can be made again.

A line is the CRC-32 of a JSON text in hexadecimal, a space, and that text: ``{"put": [a song]}``, ``{"remove": id}`` or
``{"commit": state}``, which makes the lines before it count.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fxrep.files import output_error
from fxrep.retrieval.database import IndexDatabase
from fxrep.retrieval.index_state import DamagedIndexError, IndexState
from fxrep.retrieval.song_row import SongRow
from fxrep.retrieval.vector_parts import sync_folder, write_all


def journal_name(number: int) -> str:
    """The name of the journal that was begun as the given number."""
    return f"journal-{number:06d}.log"


def append_journal(folder: Path, state: IndexState, records: Iterable[dict[str, Any]]) -> IndexState:
    """Write records and the commit of `state` behind what is committed; returns the state with the journal's end.

    Raises:
        OutputError: it cannot be written.
    """
    file = folder / state.journal
    is_new = not file.exists()
    size, crc = state.journal_bytes, state.journal_crc
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            os.ftruncate(descriptor, size)
            os.lseek(descriptor, size, os.SEEK_SET)
            for chunk in _chunks(_with_commit(records, state)):
                write_all(descriptor, chunk)
                size, crc = size + len(chunk), zlib.crc32(chunk, crc)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise output_error(folder, error) from error
    if is_new:
        sync_folder(folder)
    return replace(state, journal_bytes=size, journal_crc=crc)


def journal_is_sound(folder: Path, state: IndexState) -> bool:
    """Whether the committed part of the journal is what was written, in constant memory."""
    left, crc = state.journal_bytes, 0
    try:
        with (folder / state.journal).open("rb") as stream:
            while left and (piece := stream.read(min(left, 1 << 22))):
                left, crc = left - len(piece), zlib.crc32(piece, crc)
    except OSError:
        return False
    return left == 0 and crc == state.journal_crc


def replay(file: Path, database: IndexDatabase) -> IndexState:
    """Make the changes of a journal in an empty database, up to the last one that is complete.

    Raises:
        DamagedIndexError: the journal is damaged before its end, or holds no complete change.
    """
    state: IndexState | None = None
    size = crc = 0
    with file.open("rb") as stream:
        database.connection.execute("BEGIN")
        for line in stream:
            record = _parse(line)
            if record is None:
                if stream.read(1):
                    raise DamagedIndexError(f"{file.name} is damaged too")
                break
            size, crc = size + len(line), zlib.crc32(line, crc)
            if "put" in record:
                row = SongRow.from_plain(record["put"])
                database.put(row)
            elif "remove" in record:
                database.remove(int(record["remove"]), int(record["generation"]))
            elif "commit" in record:
                found = IndexState.from_json(record["commit"])
                state = replace(found, journal_bytes=size, journal_crc=crc)
                database.write_state(state)
                database.connection.execute("COMMIT")
                database.connection.execute("BEGIN")
        database.connection.execute("ROLLBACK")
    if state is None:
        raise DamagedIndexError(f"{file.name} holds no complete change")
    return state


def snapshot_records(database: IndexDatabase) -> Iterator[dict[str, Any]]:
    """The records of a new journal that says where the database stands."""
    for row in database.rows():
        yield put_record(row)
    for song_id, generation in database.connection.execute("SELECT id, generation FROM removed"):
        yield remove_record(song_id, generation)


def put_record(row: SongRow) -> dict[str, Any]:
    """A song that was added or changed."""
    return {"put": row.to_plain()}


def remove_record(song_id: int, generation: int) -> dict[str, Any]:
    """A song that was removed."""
    return {"remove": song_id, "generation": generation}


def _with_commit(records: Iterable[dict[str, Any]], state: IndexState) -> Iterator[dict[str, Any]]:
    yield from records
    yield {"commit": state.to_json()}


def _chunks(records: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    chunk = bytearray()
    for record in records:
        text = json.dumps(record).encode()
        chunk += b"%08x %s\n" % (zlib.crc32(text), text)
        if len(chunk) >= 1 << 20:
            yield bytes(chunk)
            chunk = bytearray()
    if chunk:
        yield bytes(chunk)


def _parse(line: bytes) -> dict[str, Any] | None:
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    record: dict[str, Any] = json.loads(text)
    return record
