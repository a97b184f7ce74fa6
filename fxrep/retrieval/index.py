"""A library of reference recordings that can be searched by the sound of their effects."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.audio import AudioInput, find_audio_files
from fxrep.errors import ArgumentError, OutputError
from fxrep.files import atomic_folder
from fxrep.retrieval.database import FORMAT_VERSION, LEVELS, IndexDatabase, Level
from fxrep.retrieval.embedding_table import EmbeddingTable, check_level
from fxrep.retrieval.encoder import AudioEncoder, SongEmbedding, embed_query, embed_song, hash_file
from fxrep.retrieval.hits import Hit, best_per_song
from fxrep.retrieval.model_check import check_model, check_windows
from fxrep.retrieval.path_check import PathCheck
from fxrep.retrieval.songs import SongTable
from fxrep.retrieval.vector_cache import VectorCache
from fxrep.retrieval.writer import AddReport, IndexWriter, Metadata

COMMIT_EVERY = 16


class ReferenceIndex:
    """An open `.fxindex` folder. Use `ReferenceIndex.open` or `ReferenceIndex.create`.

    Every song is stored twice: as its windows, to find the part that sounds alike, and as one vector. Search is
    exact (inner product of unit vectors). Changes are committed as they are made; there is nothing to save.
    Paths are stored relative to the folder that holds the index where possible, so a library can be moved with it.
    """

    def __init__(self, folder: Path, encoder: AudioEncoder | None) -> None:
        self.folder = folder
        self.encoder = encoder
        self._lock = threading.RLock()
        self._database = IndexDatabase(folder)
        with self._database.errors():
            self._meta = self._database.meta()
        self.dim = int(self._meta["dim"])
        self.fingerprint = self._meta["fingerprint"]
        self.model = self._meta["model"]
        self._songs = SongTable(self._database, folder, float(self._meta["window_s"]))
        self._caches: dict[Level, VectorCache] = {
            "window": VectorCache(self._database, "window", self.dim),
            "song": VectorCache(self._database, "song", self.dim),
        }
        self._writer = IndexWriter(self._database, self._songs, self._caches["window"])
        self._paths = PathCheck(folder)
        if encoder is not None:
            check_model(folder, self.fingerprint, encoder.fingerprint)

    @classmethod
    def create(cls, path: str | os.PathLike[str], encoder: AudioEncoder, *, model: str = "") -> ReferenceIndex:
        """Make an empty index.

        Args:
            path: folder to make, for example ``library.fxindex``.
            encoder: what the index will be made with, for good.
            model: the name under which the encoder was loaded, kept so that a search can load it again.

        Raises:
            OutputError: something is at `path` already, or it cannot be written.
        """
        folder = Path(path)
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise OutputError(f"{folder} exists already: add to it with: fxrep index add, or choose another name")
        with atomic_folder(folder) as temporary:
            database = IndexDatabase(temporary, create=True)
            with database.errors():
                database.set_meta(
                    {
                        "format_version": str(FORMAT_VERSION),
                        "generation": "0",
                        "fingerprint": encoder.fingerprint,
                        "model": model,
                        "dim": str(int(encoder.dim)),
                        "sample_rate": str(int(encoder.sample_rate)),
                        "window_s": repr(float(encoder.window_s)),
                    }
                )
            database.close()
        return cls(folder, encoder)

    @classmethod
    def open(cls, path: str | os.PathLike[str], encoder: AudioEncoder | None = None) -> ReferenceIndex:
        """Open an index; without an encoder it can be listed, drawn and pruned, but not added to or searched by audio.

        Raises:
            ReferenceIndexError: there is no index, it is corrupt, or it was made with another model.
        """
        return cls(Path(path), encoder)

    def __len__(self) -> int:
        with self._lock, self._database.errors():
            return self._database.count("songs")

    def __enter__(self) -> ReferenceIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._database.close()

    def add(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        metadata: Mapping[str, Metadata] | None = None,
        commit_every: int = COMMIT_EVERY,
    ) -> AddReport:
        """Embed files and folders into the index.

        A file that is in the index with the same content is left alone (its metadata is updated when given), a
        changed file replaces its old entry under a new id. Finished files are committed every `commit_every` files
        and when the work is interrupted.

        Args:
            paths: files and folders; folders are searched for audio.
            metadata: for some of the files, keyed by path: plain values to show and to filter by.
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

        def prepare(file: Path) -> SongEmbedding | None:
            content_hash = hash_file(file)
            if self._songs.has(file, content_hash):
                return None
            return self._songs.copy_of(file, content_hash) or embed_song(file, encoder, content_hash)

        with self._lock:
            return self._writer.add(files, prepare, metadata, commit_every)

    def add_embeddings(self, table: EmbeddingTable, *, metadata: Mapping[str, Metadata] | None = None) -> AddReport:
        """Add songs that were embedded before, for example by `fxrep embed --windows`.

        Raises:
            ReferenceIndexError: the table was made with another model.
            ArgumentError: it has no windows.
        """
        check_windows(table, self.fingerprint, str(self.folder))
        songs = {song.path: song for song in table.to_songs()}

        def prepare(file: Path) -> SongEmbedding | None:
            return None if self._songs.has(file, songs[file].content_hash) else songs[file]

        with self._lock:
            return self._writer.add(list(songs), prepare, metadata, commit_every=1024)

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

    def search(
        self,
        query: AudioInput,
        k: int = 10,
        *,
        sample_rate: int | None = None,
        level: Level = "window",
        all_windows: bool = False,
        where: Metadata | None = None,
        path_glob: str | None = None,
    ) -> list[Hit]:
        """Find the recordings whose effects are most like the query's.

        Args:
            query: a path, or an array with its sample rate.
            k: how many hits.
            sample_rate: of an array, in Hz.
            level: ``"window"`` compares every window of the query with every window of the songs and returns the best
                of each song, so that one alike passage is enough; ``"song"`` compares the query as a whole with whole
                songs.
            all_windows: return every matching window, several per song.
            where: metadata a song must have, compared as text.
            path_glob: shell pattern that the song's path must match.

        Returns:
            Hits, best first; songs with the same score in the order of their ids.

        Raises:
            AudioError: the query cannot be read as audio.
            ArgumentError: `k` is below one, or `level` is unknown.
        """
        windows = check_level(level) == "window"
        vectors = embed_query(query, self._require_encoder("search"), sample_rate, windows=windows)
        return self.search_vector(vectors, k, level=level, all_windows=all_windows, where=where, path_glob=path_glob)

    def search_vector(
        self,
        vector: np.ndarray,
        k: int = 10,
        *,
        level: Level = "window",
        all_windows: bool = False,
        where: Metadata | None = None,
        path_glob: str | None = None,
    ) -> list[Hit]:
        """`search` with an embedding ``(D,)`` of unit length, or with several ``(Q, D)``, instead of audio."""
        if k < 1:
            raise ArgumentError(f"k is {k}, but must be at least 1")
        query = np.ascontiguousarray(np.atleast_2d(vector), dtype=np.float32)
        if query.ndim != 2 or not len(query) or query.shape[1] != self.dim:
            raise ArgumentError(f"the query has shape {query.shape}, but the index holds vectors of {self.dim} values")
        cache = self._caches[check_level(level)]
        with self._lock, self._database.snapshot():
            cache.refresh()
            allowed = self._songs.allowed(level, where, path_glob)
            wanted = k
            while True:
                ids, scores = cache.search(query, wanted, allowed)
                hits = self._songs.hits(level, ids, scores)
                if level == "window" and not all_windows:
                    hits = best_per_song(hits)
                if len(hits) >= k or len(ids) < wanted:
                    break
                wanted *= 4
        self._paths.check(hit.path for hit in hits[:k])
        return hits[:k]

    def embeddings(self, level: Level = "song") -> EmbeddingTable:
        """All vectors with their paths, positions and metadata, in the order of their ids."""
        with self._lock, self._database.snapshot():
            ids, vectors = self._database.vectors(check_level(level), self.dim)
            return self._songs.table(level, ids, vectors, self.fingerprint)

    def songs(self) -> list[dict[str, Any]]:
        """Every song as plain values: id, path, duration_s, windows, metadata."""
        with self._lock, self._database.errors():
            listing = self._songs.listing()
        # Of a large library some are enough to know.
        self._paths.check(Path(song["path"]) for song in listing[:10])
        return listing

    def info(self) -> dict[str, Any]:
        """Counts, the encoder's identity, and the size on disk, after reading every page and vector of the database.

        Raises:
            ReferenceIndexError: the database is damaged.
        """
        with self._lock, self._database.errors():
            self._database.check_integrity()
            for level in LEVELS:
                self._database.vectors(level, self.dim)
            return {
                "path": str(self.folder),
                "songs": self._database.count("songs"),
                "windows": self._database.count("windows"),
                "dim": self.dim,
                "fingerprint": self.fingerprint,
                "model": self.model,
                "sample_rate": int(self._meta["sample_rate"]),
                "window_s": float(self._meta["window_s"]),
                "format_version": int(self._meta["format_version"]),
                "generation": self._database.generation(),
                "size_bytes": sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file()),
            }

    def _require_encoder(self, work: str) -> AudioEncoder:
        if self.encoder is None:
            raise ArgumentError(f"{self.folder} was opened without an encoder: give one to {work} audio")
        return self.encoder
