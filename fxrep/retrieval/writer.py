"""Changing a reference index: one writer, short transactions, nothing lost when the work is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fxrep.errors import ArgumentError, FxrepError, OutputError, ReferenceIndexError
from fxrep.progress import track_progress
from fxrep.retrieval.database import IndexDatabase
from fxrep.retrieval.encoder import SongEmbedding, failure
from fxrep.retrieval.hits import MetadataValue
from fxrep.retrieval.songs import SongTable, metadata_json
from fxrep.retrieval.vector_cache import VectorCache
from fxrep.retrieval.writer_lock import writer_lock

Metadata = Mapping[str, MetadataValue]


@dataclass
class AddReport:
    """What `ReferenceIndex.add` did.

    Attributes:
        added: ids of new songs, changed files included.
        replaced: ids that changed files had before; they are gone.
        unchanged: files that were in the index already, with the same content.
        failures: (path, reason) of files that could not be added.
    """

    added: list[int] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def extend(self, other: AddReport) -> None:
        """Append what another call did."""
        self.added += other.added
        self.replaced += other.replaced
        self.unchanged += other.unchanged
        self.failures += other.failures


class IndexWriter:
    """Adds and removes songs; the database is changed first, the vectors in memory follow.

    Args:
        database: the open database of the index.
        songs: its songs.
        cache: its windows in memory.
    """

    def __init__(self, database: IndexDatabase, songs: SongTable, cache: VectorCache) -> None:
        self._database = database
        self._songs = songs
        self._cache = cache

    def add(
        self,
        files: Sequence[Path],
        prepare: Callable[[Path], SongEmbedding | None],
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
        given = {Path(path).resolve(): values for path, values in (metadata or {}).items()}
        for values in given.values():
            metadata_json(values)
        report = AddReport()
        ready: list[tuple[Path, SongEmbedding | None]] = []
        with self._writing():
            # A link and its target are one file: adding both in one transaction would count it twice.
            unique = list({file.resolve(): file for file in files}.values())
            try:
                for file in track_progress(unique, "indexing"):
                    try:
                        with self._database.errors():
                            ready.append((file, prepare(file)))
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
        with self._writing():
            with self._database.transaction():
                unknown = [song_id for song_id in song_ids if not self._songs.exists(song_id)]
                if unknown:
                    where = self._database.folder
                    raise ArgumentError(
                        f"{where} has no song with id {unknown[0]}: list the ids with: fxrep index info {where} --songs"
                    )
                removed = self._database.delete_songs(song_ids)
            self._follow([removed], [])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with writer_lock(self._database.folder):
            with self._database.snapshot():
                self._cache.refresh()
                before = self._database.generation()
            try:
                yield
            finally:
                with self._database.errors():
                    changed = self._database.generation() != before
                if changed:
                    self._cache.save()

    def _commit(
        self,
        ready: Sequence[tuple[Path, SongEmbedding | None]],
        metadata: Mapping[Path, Metadata],
        report: AddReport,
    ) -> None:
        unchanged = [file for file, song in ready if song is None]
        new = [(file, song) for file, song in ready if song is not None]
        described = [(file, metadata[file.resolve()]) for file in unchanged if file.resolve() in metadata]
        if new or described:
            batch = AddReport()
            removed: list[np.ndarray] = []
            windows: list[tuple[np.ndarray, np.ndarray]] = []
            with self._database.transaction():
                for file, values in described:
                    self._songs.set_metadata(file, values)
                for file, song in new:
                    old_ids, inherited = self._songs.replaced_by(file)
                    removed.append(self._database.delete_songs(old_ids))
                    text = metadata_json(metadata.get(file.resolve(), inherited))
                    song_id, window_ids = self._database.insert_song(self._songs.stored_path(file), song, text)
                    windows.append((window_ids, song.windows))
                    batch.added.append(song_id)
                    batch.replaced += old_ids
            self._follow(removed, windows)
            report.added += batch.added
            report.replaced += batch.replaced
        report.unchanged += [str(file) for file in unchanged]

    def _follow(self, removed: list[np.ndarray], windows: list[tuple[np.ndarray, np.ndarray]]) -> None:
        with self._database.errors():
            generation = self._database.generation()
        self._cache.apply(
            generation,
            np.concatenate([np.empty(0, dtype=np.int64), *removed]),
            np.concatenate([np.empty(0, dtype=np.int64), *(ids for ids, _ in windows)]),
            np.concatenate([np.empty((0, self._cache.dim), dtype=np.float32), *(vectors for _, vectors in windows)]),
        )
