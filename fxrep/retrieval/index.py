"""A library of reference recordings that can be searched by the sound of their effects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.audio import find_audio_files
from fxrep.errors import ArgumentError, OccupiedError
from fxrep.files import atomic_folder
from fxrep.progress import track_progress
from fxrep.retrieval.compaction import CompactReport, compact
from fxrep.retrieval.creation import create_files, state_without_songs
from fxrep.retrieval.embedding_file import embedding_files
from fxrep.retrieval.embedding_table import EmbeddingTable
from fxrep.retrieval.encoder import AudioEncoder, SongEmbedding, embed_song, hash_file
from fxrep.retrieval.model_check import check_windows
from fxrep.retrieval.reader import IndexReader
from fxrep.retrieval.song_facts import read_facts
from fxrep.retrieval.songs import embedding_of
from fxrep.retrieval.writer import AddReport, IndexWriter, Metadata, Prepared

COMMIT_EVERY = 16


class ReferenceIndex(IndexReader):
    """An open `.fxindex` folder. Use `ReferenceIndex.open` or `ReferenceIndex.create`.

    Every song is stored twice: as its windows, to find the part that sounds alike, and as one vector. Search is exact
    (inner product of unit vectors) until a library is large, see `compact`. Changes are committed as they are made;
    there is nothing to save. Any number of readers, in threads and processes, see one generation each while a writer
    works. Paths are stored relative to the folder that holds the index where possible, so a library can be moved with
    it.

    Attributes:
        folder: of the index.
        encoder: what embeds; may be set later, see `use`.
        repaired: what was found damaged or cut off and has been put right.
    """

    def __init__(self, folder: Path, encoder: AudioEncoder | None) -> None:
        super().__init__(folder, encoder)
        self._writer = IndexWriter(self._database, self._songs, self.repaired)

    @classmethod
    def create(cls, path: str | os.PathLike[str], encoder: AudioEncoder, *, model: str = "") -> ReferenceIndex:
        """Make an empty index.

        Args:
            path: folder to make, for example ``library.fxindex``.
            encoder: what the index will be made with, for good; from `match_encoder`, for one that hears every
                recording at one loudness and bandwidth.
            model: the name under which the encoder was loaded, kept so that a search can load it again.

        Raises:
            OccupiedError: something is at `path` already.
            OutputError: it cannot be written.
        """
        folder = Path(path)
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise OccupiedError(f"{folder} exists already: add to it with: fxrep index add, or choose another name")
        with atomic_folder(folder) as temporary:
            create_files(temporary, state_without_songs(encoder, model))
        return cls(folder, encoder)

    @classmethod
    def open(cls, path: str | os.PathLike[str], encoder: AudioEncoder | None = None) -> ReferenceIndex:
        """Open an index; without an encoder it can be listed, drawn and pruned, but not added to or searched by audio.

        What a killed process left undone is not seen. A damaged database is made again from the journal; `repaired`
        and the log say so.

        Raises:
            ReferenceIndexError: there is no index, it is corrupt beyond repair, or it was made with another model.
        """
        return cls(Path(path), encoder)

    def add(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        metadata: Mapping[str, Metadata] | None = None,
        loudness: bool = False,
        commit_every: int = COMMIT_EVERY,
    ) -> AddReport:
        """Embed files and folders into the index.

        A file that is in the index with the same content is left alone (its metadata is updated when given); a song
        whose file has another content is embedded anew and keeps its id. Finished files are committed every
        `commit_every` files and when the work is interrupted: the same call goes on from there.

        Args:
            paths: files and folders; folders are searched for audio.
            metadata: for some of the files, keyed by path: plain values to show and to filter by.
            loudness: measure ``loudness_lufs`` and ``loudness_range_lu`` of new files, to filter by; it decodes each
                once more. The tags of files are always read.
            commit_every: files per transaction.

        Returns:
            What was added, and which files could not be.

        Raises:
            AudioError: a path does not exist, or a folder holds no audio.
            ReferenceIndexError: another process is writing.
            OutputError: the folder cannot be written, or the disk is full; what was committed stays.
        """
        encoder = self._require_encoder("add")
        files = find_audio_files([paths] if isinstance(paths, str | os.PathLike) else paths)

        def prepare(file: Path) -> Prepared | None:
            content_hash = hash_file(file)
            if self._holds(file, content_hash):
                return None
            song = self._copy_of(file, content_hash) or embed_song(file, encoder, content_hash)
            return Prepared(song, read_facts(file, loudness=loudness))

        with self._lock:
            return self._writer.add(files, prepare, metadata, commit_every)

    def add_embeddings(self, table: EmbeddingTable, *, metadata: Mapping[str, Metadata] | None = None) -> AddReport:
        """Add songs that were embedded before, for example by `fxrep embed --windows`.

        Raises:
            ReferenceIndexError: the table was made with another model.
            ArgumentError: it has no windows.
        """
        check_windows(table, self.fingerprint, str(self.folder), self.matching)
        songs = {song.path: song for song in table.to_songs()}

        def prepare(file: Path) -> Prepared | None:
            return None if self._holds(file, songs[file].content_hash) else Prepared(songs[file])

        with self._lock:
            return self._writer.add(list(songs), prepare, metadata, commit_every=1024)

    def add_embedding_files(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        metadata: Mapping[str, Metadata] | None = None,
    ) -> AddReport:
        """Add songs from what `fxrep embed --windows` wrote, files and folders of them, however large these are.

        What is finished is committed, and left alone when the same call is made again.

        Raises:
            DataError: a file is missing, damaged, or no table of embeddings; what came before it stays added.
            ReferenceIndexError: a file was made with another model; nothing is added then.
            ArgumentError: it has no windows; likewise.
        """
        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        files = [file for path in given for file in embedding_files(path)]
        for file in files:
            check_windows(file, self.fingerprint, str(self.folder), self.matching)

        def prepare(song: SongEmbedding) -> Prepared | None:
            return None if self._holds(song.path, song.content_hash) else Prepared(song)

        songs = (song for file in files for song in file.songs())
        work = ((song.path, partial(prepare, song)) for song in track_progress(songs, "indexing"))
        with self._lock:
            return self._writer.add_each(work, metadata, commit_every=1024)

    def remove(self, ids: int | Iterable[int]) -> int:
        """Remove songs by their ids; ids are never used again.

        Returns:
            How many songs were removed.

        Raises:
            ArgumentError: an id is not in the index, or no integer; nothing is removed then.
        """
        # A text is no list of ids: "12" would be two songs.
        given: list[Any] = [ids] if isinstance(ids, int | str) else list(ids)
        if wrong := [song_id for song_id in given if not isinstance(song_id, int | np.integer)]:
            raise ArgumentError(f"{wrong[0]!r} is not the id of a song: ids are integers, songs() lists them")
        wanted = sorted({int(song_id) for song_id in given})
        with self._lock:
            self._writer.remove(wanted)
        return len(wanted)

    def compact(self, *, lists: bool | None = None) -> CompactReport:
        """Give back the space of what was removed or changed; make inverted lists for a large library.

        Up to 200 000 windows every search compares all of them. Beyond, lists are made that say which are worth
        comparing, and their recall against exact search is measured and reported. What is added later is compared
        exactly until the next call.

        Args:
            lists: make inverted lists, or do away with them; None decides by size.

        Raises:
            ReferenceIndexError: another process is writing.
            OutputError: the folder cannot be written, or the disk is full; nothing has changed then.
        """
        with self._lock, self._writer.writing(), self._database.errors():
            return compact(self._database, self._searcher.soundness, lists=lists)

    def repair(self) -> AddReport:
        """Embed songs whose vectors are damaged again; they keep their ids.

        What is cut off or damaged otherwise has been put right already: the database when the index was opened, journal
        and manifest before the first change.

        Raises:
            ArgumentError: there is something to embed, but the index was opened without an encoder.
        """
        with self._lock:
            with self._writer.writing():
                pass
            files = [Path(song["path"]) for song in self.damaged()]
            report = AddReport()
            there = [file for file in files if file.is_file()]
            if there:
                report.extend(self.add(there))
            report.failures += [(str(file), "does not exist") for file in files if file not in set(there)]
            return report

    def _holds(self, file: Path, content_hash: str) -> bool:
        """Whether a file is in the index with this content and sound vectors."""
        row = self._songs.at(file)
        return row is not None and row.content_hash == content_hash and self._sound_vectors(row.id) is not None

    def _copy_of(self, file: Path, content_hash: str) -> SongEmbedding | None:
        """The embedding of another file with the same bytes, so that copies are not embedded twice."""
        for row in self._songs.copies(content_hash):
            vectors = self._sound_vectors(row.id)
            if vectors is not None:
                return embedding_of(row, vectors, file)
        return None
