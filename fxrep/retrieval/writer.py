"""Changing a reference index: one writer, short transactions, nothing lost when the work is cut off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fxrep.errors import ArgumentError, FxrepError, OutputError, ReferenceIndexError
from fxrep.progress import track_progress
from fxrep.retrieval.changes import Change, change_index
from fxrep.retrieval.database import IndexDatabase
from fxrep.retrieval.encoder import SongEmbedding, failure
from fxrep.retrieval.hits import MetadataValue, metadata_json
from fxrep.retrieval.recovery import tidy
from fxrep.retrieval.songs import SongTable
from fxrep.retrieval.writer_lock import writer_lock

Metadata = Mapping[str, MetadataValue]


@dataclass
class AddReport:
    """What `ReferenceIndex.add` did.

    Attributes:
        added: ids of new songs.
        updated: ids of songs whose file has another content now; they stay the same.
        unchanged: files that were in the index already, with the same content.
        failures: (path, reason) of files that could not be added.
    """

    added: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def extend(self, other: AddReport) -> None:
        """Append what another call did."""
        self.added += other.added
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.failures += other.failures


@dataclass(frozen=True)
class Prepared:
    """A file that is ready to be added.

    Attributes:
        song: its embedding.
        facts: what its file says.
    """

    song: SongEmbedding
    facts: Metadata = field(default_factory=dict)


class IndexWriter:
    """Adds and removes songs.

    Args:
        database: the open database of the index.
        songs: its songs.
        repaired: where is noted what had to be repaired.
    """

    def __init__(self, database: IndexDatabase, songs: SongTable, repaired: list[str]) -> None:
        self._database = database
        self._songs = songs
        self._repaired = repaired

    def add(
        self,
        files: Sequence[Path],
        prepare: Callable[[Path], Prepared | None],
        metadata: Mapping[str, Metadata] | None,
        commit_every: int,
    ) -> AddReport:
        """Add files, `commit_every` per transaction.

        Args:
            files: what to add.
            prepare: the embedding of a file; None when it is in the index as it is.
            metadata: for some of the files, by path.
            commit_every: files per transaction.
        """
        # A link and its target are one file, which need not be embedded twice.
        unique = list({file.resolve(): file for file in files}.values())
        work = ((file, partial(prepare, file)) for file in track_progress(unique, "indexing"))
        return self.add_each(work, metadata, commit_every)

    def add_each(
        self,
        work: Iterable[tuple[Path, Callable[[], Prepared | None]]],
        metadata: Mapping[str, Metadata] | None,
        commit_every: int,
    ) -> AddReport:
        """`add` for files that come one by one, each with what gives its embedding; memory does not grow with them."""
        given = {Path(path).resolve(): values for path, values in (metadata or {}).items()}
        for values in given.values():
            metadata_json(values)
        report = AddReport()
        ready: list[tuple[Path, Prepared | None]] = []
        with self.writing():
            try:
                for file, prepare in work:
                    try:
                        with self._database.errors():
                            ready.append((file, prepare()))
                    except (ReferenceIndexError, OutputError):
                        raise  # the index is at fault and not this file
                    except FxrepError as error:
                        report.failures.append(failure(file, error))
                    if len(ready) >= commit_every:
                        done, ready = ready, []
                        self._commit(done, given, report)
            finally:
                # Also on an interrupt: what was embedded is worth keeping.
                self._commit(ready, given, report)
        return report

    def remove(self, song_ids: Sequence[int]) -> None:
        """Remove songs, all or none.

        Raises:
            ArgumentError: an id is not in the index.
        """
        if not song_ids:
            return
        with self.writing(), change_index(self._database) as change:
            for song_id in song_ids:
                row = self._database.row(song_id)
                if row is None:
                    where = self._database.folder
                    raise ArgumentError(
                        f"{where} has no song with id {song_id}: list the ids with: fxrep index info {where} --songs"
                    )
                change.remove(row)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the index for writing; first, what a killed writer left is cleared away.

        Raises:
            ReferenceIndexError: another process is writing.
        """
        with writer_lock(self._database.folder):
            self._repaired += tidy(self._database)
            yield

    def _commit(
        self, ready: Sequence[tuple[Path, Prepared | None]], metadata: Mapping[Path, Metadata], report: AddReport
    ) -> None:
        unchanged = [file for file, prepared in ready if prepared is None]
        new = [(file, prepared) for file, prepared in ready if prepared is not None]
        described = [(file, metadata[file.resolve()]) for file in unchanged if metadata and file.resolve() in metadata]
        if new or described:
            batch = AddReport()
            with change_index(self._database) as change:
                for file, values in described:
                    row = self._songs.at(file)
                    if row is not None and json.loads(row.metadata) != dict(values):
                        change.describe(row, metadata_json(values))
                for file, prepared in new:
                    self._put(change, file, prepared, metadata.get(file.resolve()) if metadata else None, batch)
            report.added += batch.added
            report.updated += batch.updated
        report.unchanged += [str(file) for file in unchanged]

    def _put(self, change: Change, file: Path, prepared: Prepared, given: Metadata | None, batch: AddReport) -> None:
        stored = self._songs.stored_path(file)
        old = self._songs.at(file, stored)
        inherited = old.metadata if old else "{}"
        text = inherited if given is None else metadata_json(given)
        facts = metadata_json(prepared.facts)
        row = change.put(stored, prepared.song, text, facts, old.id if old else None)
        (batch.updated if old else batch.added).append(row.id)
