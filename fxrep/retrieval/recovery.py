"""Opening an index whatever happened to it: what was cut off is undone, what is damaged is made again or named."""

from __future__ import annotations

import logging
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fxrep.errors import OutputError
from fxrep.files import output_error
from fxrep.retrieval.database import DATABASE_NAME, IndexDatabase, check_is_index
from fxrep.retrieval.index_state import DamagedIndexError, IndexState
from fxrep.retrieval.journal import append_journal, journal_is_sound, journal_name, replay, snapshot_records
from fxrep.retrieval.manifest import MANIFEST_NAME, manifest_fault, manifest_text, write_manifest
from fxrep.retrieval.vector_parts import part_file, sync_folder
from fxrep.retrieval.writer_lock import writer_lock
from fxrep.scratch_folder import is_scratch

logger = logging.getLogger(__name__)
_OURS = re.compile(r"(windows|songs)-\d{6}\.f32|journal-\d{6}\.log|inverted-\d+\.faiss|index\.sqlite\.new(-journal)?")


def open_database(folder: Path) -> tuple[IndexDatabase, list[str]]:
    """Open the database of an index; a damaged one is first made again from the journal.

    Returns:
        the database, and what was repaired.

    Raises:
        DamagedIndexError: database and journal are both damaged.
        ReferenceIndexError: there is no index, or it is of another format version.
    """
    check_is_index(folder)
    try:
        return _sound(folder), []
    except DamagedIndexError as error:
        return _open_repaired(folder, error)


def _open_repaired(folder: Path, error: DamagedIndexError) -> tuple[IndexDatabase, list[str]]:
    if not any(folder.glob("journal-*.log")):
        raise error
    try:
        with writer_lock(folder):
            with suppress(DamagedIndexError):
                return _sound(folder), []  # another process was quicker
            _rebuild_database(folder, error)
    except OutputError as other:
        raise DamagedIndexError(f"{error} (it could not be repaired: {other})") from error
    reason = str(error).partition("(")[2].partition("): rebuild")[0]
    done = f"{DATABASE_NAME} was damaged ({reason}) and was made again from the journal; no song is lost"
    logger.warning("%s: %s", folder, done)
    return IndexDatabase(folder), [done]


def _sound(folder: Path) -> IndexDatabase:
    if not (folder / DATABASE_NAME).is_file():
        raise DamagedIndexError(f"{folder} is corrupt ({DATABASE_NAME} is missing): rebuild it")
    database = IndexDatabase(folder)
    try:
        with database.snapshot():
            state, songs, windows = database.state(), 0, 0
            for row in database.rows():
                songs, windows = songs + 1, windows + row.windows
            if (songs, windows) != (state.songs, state.windows):
                raise DamagedIndexError(f"it holds {songs} songs and not {state.songs}")
    except BaseException:
        database.close()
        raise
    return database


def _rebuild_database(folder: Path, error: DamagedIndexError) -> None:
    """Make the database again of the newest journal that is sound; called under the writer's lock."""
    fresh = folder / f"{DATABASE_NAME}.new"
    for journal in sorted(folder.glob("journal-*.log"), reverse=True):
        for left in (fresh, fresh.with_name(fresh.name + "-journal")):
            left.unlink(missing_ok=True)
        database = IndexDatabase(folder, file=fresh, create=True)
        try:
            with database.errors():
                replay(journal, database)
        except (DamagedIndexError, ValueError, TypeError, KeyError):
            continue
        finally:
            database.close()
        try:
            # Before the new one is in its place: what an old transaction left must not be played back into it.
            (folder / f"{DATABASE_NAME}-journal").unlink(missing_ok=True)
            fresh.replace(folder / DATABASE_NAME)
            sync_folder(folder)
        except OSError as failure:
            raise output_error(folder, failure) from failure
        return
    fresh.unlink(missing_ok=True)
    raise error


def tidy(database: IndexDatabase) -> list[str]:
    """Clear away what a killed writer left and make the journal and the manifest right; under the writer's lock.

    Returns:
        what was damaged and is repaired; what was merely cut off is not worth a word.
    """
    folder, repaired = database.folder, []
    with database.errors():
        state = database.state()
    if not journal_is_sound(folder, state):
        state = renew_journal(database)
        repaired.append("the journal was damaged and was made again from the database; no song is lost")
    known = {file.name for file in committed_files(folder, state)}
    for file in folder.iterdir():
        if _OURS.fullmatch(file.name) and file.name not in known:
            with suppress(OSError):
                file.unlink()
        elif file.name.startswith(f".{MANIFEST_NAME}.") and is_scratch(file.name):
            shutil.rmtree(file, ignore_errors=True)
    if fault := manifest_fault(folder, state):
        repaired.append(f"{fault}; it was written again")
    if fault or not (folder / MANIFEST_NAME).is_file() or _is_behind(folder, state):
        write_manifest(folder, state)
    for line in repaired:
        logger.warning("%s: %s", folder, line)
    return repaired


def renew_journal(database: IndexDatabase) -> IndexState:
    """Begin a new journal that says where the database stands."""
    with database.transaction():
        state = database.state()
        number = int(re.sub(r"\D", "", state.journal) or 0) + 1
        fresh = replace(
            state, generation=state.generation + 1, journal=journal_name(number), journal_bytes=0, journal_crc=0
        )
        fresh = append_journal(database.folder, fresh, snapshot_records(database))
        database.write_state(fresh)
    with suppress(OSError):
        (database.folder / state.journal).unlink()
    return fresh


def committed_files(folder: Path, state: IndexState) -> list[Path]:
    """The files that a state names."""
    files = [part_file(folder, level, number) for number in state.parts for level in ("window", "song")]
    files.append(folder / state.journal)
    if state.inverted:
        files.append(folder / str(state.inverted["file"]))
    return files


def opening_faults(folder: Path, state: IndexState) -> list[str]:
    """What can be told at a glance to be wrong, without reading the vectors."""
    faults = [fault] if (fault := manifest_fault(folder, state)) else []
    for number, part in state.parts.items():
        for level, rows in (("window", part.windows), ("song", part.songs)):
            file = part_file(folder, "window" if level == "window" else "song", number)
            try:
                short = file.stat().st_size < rows * state.dim * 4
            except OSError:
                short = True
            if short:
                faults.append(f"{file.name} is missing or cut off")
    return faults


def _is_behind(folder: Path, state: IndexState) -> bool:
    try:
        return (folder / MANIFEST_NAME).read_text(encoding="utf-8") != manifest_text(folder, state)
    except (OSError, UnicodeDecodeError):
        return True
