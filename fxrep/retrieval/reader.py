"""Reading a reference index: searches and listings, each of one generation, whatever a writer does meanwhile."""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fxrep.audio import AudioInput
from fxrep.errors import ArgumentError
from fxrep.retrieval.compaction import folder_bytes
from fxrep.retrieval.database import Level
from fxrep.retrieval.embedding_table import EmbeddingTable, check_level
from fxrep.retrieval.encoder import AudioEncoder
from fxrep.retrieval.exact_search import Matches
from fxrep.retrieval.filters import Filter, Where
from fxrep.retrieval.hits import Hit
from fxrep.retrieval.known_songs import known_query, same_songs
from fxrep.retrieval.matched_encoder import match_encoder, matching_of
from fxrep.retrieval.model_check import check_model
from fxrep.retrieval.path_check import PathCheck
from fxrep.retrieval.point_reader import IndexPoints, list_points
from fxrep.retrieval.queries import DISLIKE, EmbeddedQuery, QueryReader, Question
from fxrep.retrieval.recovery import open_database, opening_faults
from fxrep.retrieval.searching import Searcher
from fxrep.retrieval.songs import SongTable
from fxrep.retrieval.view import View, load_view

if TYPE_CHECKING:
    from typing_extensions import Self

_UNLOCKED_TRIES = 2


class IndexReader:
    """What `ReferenceIndex` can do without changing anything; any number of threads may do it at once.

    Args:
        folder: of the index.
        encoder: what it was made with; None for what needs none.
    """

    def __init__(self, folder: Path, encoder: AudioEncoder | None) -> None:
        self.folder = folder
        self.encoder: AudioEncoder | None = None
        self._lock = threading.RLock()
        self._database, self.repaired = open_database(folder)
        with self._database.snapshot():
            self._view = load_view(self._database)
        state = self._view.state
        self.dim, self.fingerprint, self.model = state.dim, state.fingerprint, state.model
        self.window_s, self.matching = state.window_s, state.matching
        self._songs = SongTable(self._database, folder, state.window_s)
        self._searcher = Searcher(folder)
        self._paths = PathCheck(folder)
        self._queries = QueryReader(
            lambda: self._require_encoder("search"),
            partial(known_query, self),
            state.window_s,
            state.matching,
            partial(same_songs, self),
        )
        if encoder is not None:
            self.use(encoder)

    def use(self, encoder: AudioEncoder) -> None:
        """Give an index that was opened without an encoder the one it was made with.

        One that hears recordings as they are is matched as the index was.

        Raises:
            ReferenceIndexError: it is another one.
        """
        if encoder.fingerprint != self.fingerprint and not matching_of(encoder):
            encoder = match_encoder(encoder, self.matching)
        check_model(self.folder, self.fingerprint, self.matching, encoder)
        self.encoder = encoder

    def __len__(self) -> int:
        with self._lock, self._database.errors():
            return self._database.state().songs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._database.close()

    def search(
        self,
        query: Question,
        k: int = 10,
        *,
        sample_rate: int | None = None,
        start_s: float = 0.0,
        duration_s: float | None = None,
        stem: AudioInput | None = None,
        unlike: Question | None = None,
        dislike: float = DISLIKE,
        level: Level = "window",
        all_windows: bool = False,
        where: Where | None = None,
        path_glob: str | None = None,
        folder: str | os.PathLike[str] | None = None,
        exact: bool | None = None,
    ) -> list[Hit]:
        """Find the recordings whose effects are most like the query's.

        Args:
            query: a path, an array with its sample rate, the id of a song in the index (which is not found itself), or
                a list of these: the mean of them is looked for.
            k: how many hits.
            sample_rate: of arrays, in Hz.
            start_s: compare from this second of the query on.
            duration_s: compare so many seconds of it; None for all that follows.
            stem: compare one instrument inside the query: its name, or a clip of it as an array or `pathlib.Path`. For
                encoders that take queries.
            unlike: what the hits should not be like, given as `query` is; songs of the index that are named, by their
                ids or as files with the same bytes, are not found.
            dislike: how much of that is taken away, 0 to 2.
            level: ``"window"`` compares every window of the query with every window of the songs and returns the best
                of each song, so that one alike passage is enough; ``"song"`` compares the query as a whole with whole
                songs.
            all_windows: return every matching window, several per song.
            where: what a song's metadata, or else the facts of its file, must be: a value, a list of which one is
                enough, or a `Between`.
            path_glob: shell pattern that the song's path must match.
            folder: the song must lie below this folder.
            exact: compare everything however large the library is; None decides by size.

        Returns:
            Hits, best first; songs with the same score in the order of their ids.

        Raises:
            AudioError: the query cannot be read as audio.
            ArgumentError: `k` is below one, `level` is unknown, the encoder takes no stem, or no song has what `where`
                names.
        """
        asked = self._queries.read(
            query,
            windows=check_level(level) == "window",
            sample_rate=sample_rate,
            start_s=start_s,
            duration_s=duration_s,
            stem=stem,
            unlike=unlike,
            dislike=dislike,
        )
        return self._search(asked, k, level, all_windows, Filter(where, path_glob, folder), exact)

    def search_vector(
        self,
        vector: np.ndarray,
        k: int = 10,
        *,
        level: Level = "window",
        all_windows: bool = False,
        where: Where | None = None,
        path_glob: str | None = None,
        folder: str | os.PathLike[str] | None = None,
        exact: bool | None = None,
    ) -> list[Hit]:
        """`search` with an embedding ``(D,)`` of unit length, or with several ``(Q, D)``, instead of audio."""
        query = np.ascontiguousarray(np.atleast_2d(vector), dtype=np.float32)
        if query.ndim != 2 or not len(query) or query.shape[1] != self.dim:
            raise ArgumentError(f"the query has shape {query.shape}, but the index holds vectors of {self.dim} values")
        if not np.isfinite(query).all():
            raise ArgumentError("the query holds values that are not finite: check what embedded it")
        wanted = Filter(where, path_glob, folder)
        return self._search(EmbeddedQuery(query), k, check_level(level), all_windows, wanted, exact)

    def embeddings(self, level: Level = "song") -> EmbeddingTable:
        """All vectors with their paths, positions and metadata, in the order of the songs' ids."""
        with self._lock, self._database.snapshot():
            view = self._refresh()
            songs = np.argsort(view.places.id)
            bad = self._searcher.soundness.damaged(view, np.arange(len(songs)))
            return self._songs.table(view, check_level(level), songs[~np.isin(songs, bad)], self.fingerprint)

    def points(self, level: Level = "song") -> IndexPoints:
        """What `embeddings` gives without paths and metadata; vectors are read when they are asked for."""
        with self._lock, self._database.snapshot():
            view = self._refresh()
            songs = np.argsort(view.places.id)
            bad = self._searcher.soundness.damaged(view, np.arange(len(songs)))
            return list_points(self._database, view, check_level(level), songs[~np.isin(songs, bad)])

    def songs(self) -> list[dict[str, Any]]:
        """Every song as plain values: id, path, duration_s, windows, metadata, facts."""
        with self._lock, self._database.errors():
            listing = self._songs.listing()
        # Of a large library some are enough to know.
        self._paths.check(Path(song["path"]) for song in listing[:10])
        return listing

    def damaged(self) -> list[dict[str, Any]]:
        """Songs whose vectors are not what was written, as `songs` lists them, after reading all vectors."""
        with self._lock, self._database.snapshot():
            view = self._refresh()
            bad = self._searcher.soundness.damaged(view, np.arange(len(view.places)))
            ids = set(view.places.id[bad].tolist())
            return [song for song in self._songs.listing() if song["id"] in ids]

    def info(self) -> dict[str, Any]:
        """Counts, the encoder's identity, size and soundness, after every vector was read.

        Raises:
            ReferenceIndexError: the database is damaged.
        """
        damaged = [song["id"] for song in self.damaged()]
        with self._lock, self._database.snapshot():
            state = self._database.state()
            return {
                "path": str(self.folder),
                "songs": state.songs,
                "windows": state.windows,
                "dim": state.dim,
                "fingerprint": state.fingerprint,
                "model": state.model,
                "sample_rate": state.sample_rate,
                "window_s": state.window_s,
                "heard": str(state.matching),
                "format_version": state.format_version,
                "generation": state.generation,
                "size_bytes": folder_bytes(self.folder),
                "search": dict(state.inverted) if state.inverted else "exact",
                "damaged": damaged,
                "faults": opening_faults(self.folder, state),
                "repaired": list(self.repaired),
            }

    def _search(
        self, query: EmbeddedQuery, k: int, level: Level, all_windows: bool, wanted: Filter, exact: bool | None
    ) -> list[Hit]:
        if k < 1:
            raise ArgumentError(f"k is {k}, but must be at least 1")
        for _ in range(_UNLOCKED_TRIES):
            # Other threads read meanwhile, and a writer commits: what was found counts if it is still all true.
            with self._lock, self._database.snapshot():
                view, allowed = self._prepare(wanted, query)
            matches = self._searcher.search(
                view, query.vectors, k, level, allowed, all_windows=all_windows, exact=exact
            )
            with self._lock, self._database.snapshot():
                if self._database.state().generation == view.state.generation:
                    return self._hits(view, level, query, matches)
        with self._lock, self._database.snapshot():
            view, allowed = self._prepare(wanted, query)
            matches = self._searcher.search(
                view, query.vectors, k, level, allowed, all_windows=all_windows, exact=exact
            )
            return self._hits(view, level, query, matches)

    def _prepare(self, wanted: Filter, query: EmbeddedQuery) -> tuple[View, np.ndarray | None]:
        view = self._refresh()
        allowed = self._searcher.allowed(view, self._database, self._songs.base, wanted)
        if query.song_ids:
            others = ~np.isin(view.places.id, query.song_ids)
            allowed = others if allowed is None else allowed & others
        return view, allowed

    def _hits(self, view: View, level: Level, query: EmbeddedQuery, matches: Matches) -> list[Hit]:
        hits = self._songs.hits(view, level, query, matches)
        self._paths.check(hit.path for hit in hits)
        return hits

    def _refresh(self) -> View:
        self._view = load_view(self._database, self._view)
        return self._view

    def _sound_vectors(self, song_id: int) -> tuple[np.ndarray, np.ndarray] | None:
        with self._database.snapshot():
            view = self._refresh()
        song = view.find(song_id)
        if song is None or not self._searcher.soundness.song(view, song):
            return None
        return view.vectors(song)

    def _require_encoder(self, work: str) -> AudioEncoder:
        if self.encoder is None:
            raise ArgumentError(f"{self.folder} was opened without an encoder: give one to {work} audio")
        return self.encoder
