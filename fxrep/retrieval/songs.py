"""Questions about the songs of an index, asked in SQL: who is there, under which path, with which metadata."""

from __future__ import annotations

import fnmatch
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.audio.paths import check_name
from fxrep.errors import ArgumentError
from fxrep.retrieval.database import IndexDatabase, Level, check_unit
from fxrep.retrieval.embedding_table import EmbeddingTable, window_length
from fxrep.retrieval.encoder import SongEmbedding
from fxrep.retrieval.hits import Hit, MetadataValue

_METADATA_TEXT = (
    "CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'null' THEN 'null' ELSE CAST(value AS TEXT) END"
)


class SongTable:
    """The songs of an open database.

    Args:
        database: open database of the index.
        folder: folder of the index; paths beside it are stored relative to its parent.
        window_s: length of a window in seconds.
    """

    def __init__(self, database: IndexDatabase, folder: Path, window_s: float) -> None:
        self._database = database
        self._base = folder.resolve().parent
        self._window_s = window_s

    def stored_path(self, file: Path) -> str:
        """The name under which a file is stored: relative to the index's parent folder where it is below it.

        Raises:
            AudioError: the name is not UTF-8, as SQLite's texts are.
        """
        check_name(file)
        resolved = file.resolve()
        inside = resolved.is_relative_to(self._base)
        return (resolved.relative_to(self._base) if inside else resolved).as_posix()

    def real_path(self, stored: str) -> Path:
        """The file of a stored name."""
        return self._base / stored

    def has(self, file: Path, content_hash: str) -> bool:
        """Whether this very file with this content is in the index."""
        row = self._one("SELECT content_hash FROM songs WHERE path = ?", self.stored_path(file))
        return row is not None and row[0] == content_hash

    def exists(self, song_id: int) -> bool:
        """Whether a song has this id."""
        # SQLite takes no number beyond 64 bits to look for.
        return 0 < song_id < 1 << 63 and self._one("SELECT 1 FROM songs WHERE id = ?", song_id) is not None

    def copy_of(self, file: Path, content_hash: str) -> SongEmbedding | None:
        """The embedding of another file with the same bytes, so that copies are not embedded twice."""
        row = self._one("SELECT id, duration_s, vector FROM songs WHERE content_hash = ? LIMIT 1", content_hash)
        if row is None:
            return None
        windows = self._all("SELECT start_s, vector FROM windows WHERE song_id = ? ORDER BY id", row[0])
        if not windows or any(len(vector) != len(row[2]) for _, vector in windows):
            raise sqlite3.DatabaseError(f"song {row[0]} has no whole windows")
        vectors = np.stack([np.frombuffer(vector, dtype=np.float32) for vector in (row[2], *(v for _, v in windows))])
        check_unit(vectors)
        return SongEmbedding(
            path=file,
            content_hash=content_hash,
            duration_s=row[1],
            positions_s=np.array([start for start, _ in windows]),
            windows=vectors[1:],
            song=vectors[0],
        )

    def replaced_by(self, file: Path) -> tuple[list[int], dict[str, MetadataValue]]:
        """Ids that a new version of `file` takes the place of, and the metadata it inherits."""
        row = self._one("SELECT id, metadata FROM songs WHERE path = ?", self.stored_path(file))
        return ([], {}) if row is None else ([row[0]], json.loads(row[1]))

    def set_metadata(self, file: Path, values: Mapping[str, MetadataValue]) -> None:
        """Store other metadata with a song that is there."""
        text = metadata_json(values)
        self._database.connection.execute(
            "UPDATE songs SET metadata = ? WHERE path = ?", (text, self.stored_path(file))
        )

    def allowed(
        self, level: Level, where: Mapping[str, MetadataValue] | None, path_glob: str | None
    ) -> np.ndarray | None:
        """Ids, int64, that pass the filters; None when there is no filter."""
        if not where and path_glob is None:
            return None
        clauses = [
            f"EXISTS (SELECT 1 FROM json_each(songs.metadata) WHERE key = ? AND {_METADATA_TEXT} = ?)"
            for _ in where or {}
        ]
        arguments = [text for key, value in (where or {}).items() for text in (key, _as_text(value))]
        rows = self._all(f"SELECT id, path FROM songs WHERE {' AND '.join(clauses) or '1'}", *arguments)
        if path_glob is not None:
            rows = [row for row in rows if fnmatch.fnmatch(str(self.real_path(row[1])), path_glob)]
        ids = [row[0] for row in rows]
        if level == "window":
            ids = [window_id for song_id in ids for window_id in self._database.window_ids(song_id)]
        return np.asarray(ids, dtype=np.int64)

    def hits(self, level: Level, ids: np.ndarray, scores: np.ndarray) -> list[Hit]:
        """Hits for found ids, best score first, equal scores by id."""
        if level == "song":
            rows = self._by_id("SELECT id, id, 0.0, path, duration_s, metadata FROM songs WHERE id IN", ids)
        else:
            rows = self._by_id(
                "SELECT windows.id, songs.id, start_s, path, duration_s, metadata "
                "FROM windows JOIN songs ON songs.id = song_id WHERE windows.id IN",
                ids,
            )
        if len(rows) < len(ids):
            raise sqlite3.DatabaseError("a song is missing")
        order = sorted(zip((-scores).tolist(), ids.tolist(), strict=True))
        return [self._hit(level, rows[found], -negative) for negative, found in order]

    def table(self, level: Level, ids: np.ndarray, vectors: np.ndarray, fingerprint: str) -> EmbeddingTable:
        """The embeddings `ids` as a table."""
        songs = {row[0]: row for row in self._all("SELECT id, path, content_hash, duration_s, metadata FROM songs")}
        parts: Sequence[tuple[Any, ...]] = [(song_id, song_id, 0.0) for song_id in songs]
        if level == "window":
            parts = self._all("SELECT id, song_id, start_s FROM windows")
        place = {part[0]: part for part in parts}
        if any(found not in place or place[found][1] not in songs for found in ids.tolist()):
            raise sqlite3.DatabaseError("a song is missing")
        rows = [(songs[place[found][1]], place[found][2]) for found in ids.tolist()]
        lengths = [
            song[3] if level == "song" else window_length(start_s, song[3], self._window_s) for song, start_s in rows
        ]
        return EmbeddingTable(
            paths=[str(self.real_path(song[1])) for song, _ in rows],
            content_hashes=[song[2] for song, _ in rows],
            start_s=np.array([start_s for _, start_s in rows], dtype=np.float64),
            duration_s=np.array(lengths, dtype=np.float64),
            vectors=vectors,
            level=level,
            fingerprint=fingerprint,
            metadata=[json.loads(song[4]) for song, _ in rows],
        )

    def listing(self) -> list[dict[str, Any]]:
        """Every song as plain values, in the order of the ids."""
        rows = self._all(
            "SELECT songs.id, path, duration_s, metadata, count(windows.id) FROM songs "
            "LEFT JOIN windows ON song_id = songs.id GROUP BY songs.id ORDER BY songs.id"
        )
        return [
            {
                "id": song_id,
                "path": str(self.real_path(path)),
                "duration_s": duration_s,
                "windows": windows,
                "metadata": json.loads(metadata),
            }
            for song_id, path, duration_s, metadata, windows in rows
        ]

    def _hit(self, level: Level, row: tuple[Any, ...], score: float) -> Hit:
        _, song_id, start_s, path, duration_s, metadata = row
        length = duration_s if level == "song" else window_length(start_s, duration_s, self._window_s)
        return Hit(self.real_path(path), start_s, length, score, song_id, json.loads(metadata))

    def _by_id(self, query: str, ids: np.ndarray) -> dict[int, tuple[Any, ...]]:
        rows: dict[int, tuple[Any, ...]] = {}
        for chunk in _chunks(ids.tolist(), 500):
            for row in self._all(f"{query} ({','.join('?' * len(chunk))})", *chunk):
                rows[row[0]] = row
        return rows

    def _one(self, query: str, *arguments: Any) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._database.connection.execute(query, arguments).fetchone()
        return row

    def _all(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return self._database.connection.execute(query, arguments).fetchall()


def metadata_json(values: Mapping[str, MetadataValue]) -> str:
    """Metadata as it is stored.

    Raises:
        ArgumentError: a key is not a word, or a value is not text, a finite number, a truth value or None.
    """
    for key, value in values.items():
        if not isinstance(key, str) or not isinstance(value, str | int | float | bool | None):
            raise ArgumentError(f"metadata {key!r}: {value!r} cannot be stored: use text, numbers, true, false or null")
        if isinstance(value, float) and not np.isfinite(value):
            raise ArgumentError(f"metadata {key!r} is {value}: use a finite number")
    return json.dumps(dict(values), ensure_ascii=False)


def _as_text(value: MetadataValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _chunks(values: list[int], size: int) -> Iterable[list[int]]:
    return (values[start : start + size] for start in range(0, len(values), size))
