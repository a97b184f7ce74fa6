"""Questions about the songs of an index: who is there, under which path, with which metadata."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.audio.paths import check_name
from fxrep.retrieval.database import IndexDatabase, Level
from fxrep.retrieval.embedding_table import EmbeddingTable, window_length
from fxrep.retrieval.encoder import SongEmbedding
from fxrep.retrieval.exact_search import Matches
from fxrep.retrieval.hits import Hit, MetadataValue
from fxrep.retrieval.queries import EmbeddedQuery
from fxrep.retrieval.song_row import SongRow
from fxrep.retrieval.view import View


class SongTable:
    """The songs of an open database.

    Args:
        database: open database of the index.
        folder: folder of the index; paths beside it are stored relative to its parent.
        window_s: length of a window in seconds.
    """

    def __init__(self, database: IndexDatabase, folder: Path, window_s: float) -> None:
        self._database = database
        self.base = folder.resolve().parent
        self._inside = os.path.normcase(os.path.join(self.base, ""))  # noqa: PTH118
        self._window_s = window_s

    def stored_path(self, file: Path) -> str:
        """The name under which a file is stored: relative to the index's parent folder where it is below it.

        Raises:
            AudioError: the name is not UTF-8, as SQLite's texts are.
        """
        check_name(file)
        # As texts: paths are asked for by the million.
        real = os.path.realpath(file)
        if os.path.normcase(real).startswith(self._inside):
            real = real[len(self._inside) :]
        return real if os.sep == "/" else Path(real).as_posix()

    def real_path(self, stored: str) -> Path:
        """The file of a stored name."""
        return self.base / stored

    def at(self, file: Path, stored: str | None = None) -> SongRow | None:
        """The song of a file; `stored` is its `stored_path`, where that is known."""
        return next(self._database.rows("path = ?", self.stored_path(file) if stored is None else stored), None)

    def copies(self, content_hash: str) -> list[SongRow]:
        """Songs with the same bytes."""
        return list(self._database.rows("content_hash = ? ORDER BY id", content_hash))

    def hits(self, view: View, level: Level, query: EmbeddedQuery, matches: Matches) -> list[Hit]:
        """Hits for what was found in a view that is still current."""
        found = []
        for song, window, score, asked in zip(
            matches.song.tolist(), matches.window.tolist(), matches.score.tolist(), matches.query.tolist(), strict=True
        ):
            row = self._database.row(int(view.places.id[song]))
            if row is None:
                raise AssertionError("a song of the current view is missing")
            start = 0.0 if level == "song" else float(row.starts_s[window])
            length = row.duration_s if level == "song" else window_length(start, row.duration_s, self._window_s)
            query_start = query.start_of(asked)
            found.append(
                Hit(
                    path=self.real_path(row.path),
                    start_s=start,
                    duration_s=length,
                    score=score,
                    song_id=row.id,
                    metadata=json.loads(row.metadata),
                    facts=json.loads(row.facts),
                    query_start_s=query_start,
                    query_duration_s=None if query_start is None else query.window_s,
                    query_passages=query.passages_of(asked),
                )
            )
        return found

    def table(self, view: View, level: Level, songs: np.ndarray, fingerprint: str) -> EmbeddingTable:
        """The embeddings of some songs, by number in the view, as a table in the order given."""
        rows = {row.id: row for row in self._database.rows()}
        paths: list[str] = []
        hashes: list[str] = []
        starts: list[float] = []
        lengths: list[float] = []
        vectors: list[np.ndarray] = []
        metadata: list[dict[str, MetadataValue]] = []
        for song in songs.tolist():
            row, found = rows[int(view.places.id[song])], view.vectors(song)
            if found is None:
                continue
            at = [0.0] if level == "song" else row.starts_s.tolist()
            vectors.append(found[1 if level == "song" else 0])
            starts += at
            lengths += [
                row.duration_s if level == "song" else window_length(start, row.duration_s, self._window_s)
                for start in at
            ]
            paths += [str(self.real_path(row.path))] * len(at)
            hashes += [row.content_hash] * len(at)
            metadata += [json.loads(row.metadata)] * len(at)
        matrix = np.concatenate(vectors) if vectors else np.empty((0, view.state.dim), dtype=np.float32)
        return EmbeddingTable(
            paths=paths,
            content_hashes=hashes,
            start_s=np.array(starts, dtype=np.float64),
            duration_s=np.array(lengths, dtype=np.float64),
            vectors=np.array(matrix, dtype=np.float32),
            level=level,
            fingerprint=fingerprint,
            metadata=metadata,
            matching=view.state.matching,
        )

    def listing(self) -> list[dict[str, Any]]:
        """Every song as plain values, in the order of the ids."""
        return [
            {
                "id": row.id,
                "path": str(self.real_path(row.path)),
                "duration_s": row.duration_s,
                "windows": row.windows,
                "metadata": json.loads(row.metadata),
                "facts": json.loads(row.facts),
            }
            for row in self._database.rows("1 ORDER BY id")
        ]


def embedding_of(row: SongRow, vectors: tuple[np.ndarray, np.ndarray], path: Path) -> SongEmbedding:
    """What an index holds of a song, as it was given."""
    windows, song = (np.array(part, dtype=np.float32) for part in vectors)
    return SongEmbedding(path, row.content_hash, row.duration_s, row.starts_s.copy(), windows, song.reshape(-1))
