"""Embeddings in a table: one row per song or per window, and how they are written to Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fxrep.errors import ArgumentError
from fxrep.files import atomic_file
from fxrep.retrieval.database import Level
from fxrep.retrieval.encoder import AudioEncoder, SongEmbedding, unit_vectors
from fxrep.retrieval.hits import MetadataValue
from fxrep.retrieval.matched_encoder import matching_of
from fxrep.retrieval.matching import AS_RELEASED, Matching

if TYPE_CHECKING:
    import pyarrow
    from typing_extensions import Self

COLUMNS = ("path", "content_hash", "start_s", "duration_s", "embedding")
GROUP_ROWS = 8192
"""Rows that a Parquet file keeps together and that are in memory at once: 4 MB of vectors of 128 values."""

Row = dict[str, Any]
"""One embedding with the values of `COLUMNS`."""


@dataclass(frozen=True)
class EmbeddingTable:
    """N embeddings with where they come from.

    Attributes:
        paths: file of every row.
        content_hashes: SHA-256 of the file's bytes.
        start_s: start of the row's part of the file in seconds, float64 ``(N,)``.
        duration_s: its length in seconds, float64 ``(N,)``.
        vectors: unit vectors, float32 ``(N, D)``.
        level: whether a row is a song or a window.
        fingerprint: of the encoder that made the vectors.
        metadata: stored with the song; empty where there is none.
        matching: what the recordings were brought to before they were embedded; the fingerprint covers it.
    """

    paths: Sequence[str]
    content_hashes: Sequence[str]
    start_s: np.ndarray
    duration_s: np.ndarray
    vectors: np.ndarray
    level: Level
    fingerprint: str
    metadata: Sequence[dict[str, MetadataValue]] = field(default_factory=list)
    matching: Matching = AS_RELEASED

    def __len__(self) -> int:
        return len(self.paths)

    def part(self, first: int, end: int) -> EmbeddingTable:
        """Some rows in a row."""
        rows = slice(first, end)
        return EmbeddingTable(
            self.paths[rows],
            self.content_hashes[rows],
            self.start_s[rows],
            self.duration_s[rows],
            self.vectors[rows],
            self.level,
            self.fingerprint,
            self.metadata[rows],
            self.matching,
        )

    def songs(self) -> EmbeddingTable:
        """The same table with one row per song: windows are averaged and brought back to unit length."""
        if self.level == "song":
            return self
        rows: dict[str, list[int]] = {}
        for row, path in enumerate(self.paths):
            rows.setdefault(path, []).append(row)
        groups = list(rows.values())
        firsts = [group[0] for group in groups]
        means = [self.vectors[group].astype(np.float64).mean(axis=0) for group in groups]
        return EmbeddingTable(
            paths=list(rows),
            content_hashes=[self.content_hashes[first] for first in firsts],
            start_s=np.zeros(len(groups)),
            duration_s=np.array([float((self.start_s[group] + self.duration_s[group]).max()) for group in groups]),
            vectors=unit_vectors(np.array(means), "embeddings") if groups else self.vectors,
            level="song",
            fingerprint=self.fingerprint,
            metadata=[self.metadata[first] for first in firsts] if self.metadata else [],
            matching=self.matching,
        )

    def to_songs(self) -> list[SongEmbedding]:
        """The songs of a table of windows, as an index takes them."""
        whole = self.songs()
        rows: dict[str, list[int]] = {path: [] for path in whole.paths}
        for row, path in enumerate(self.paths):
            rows[path].append(row)
        return [
            SongEmbedding(
                path=Path(path),
                content_hash=whole.content_hashes[song],
                duration_s=float(whole.duration_s[song]),
                positions_s=self.start_s[rows[path]],
                windows=self.vectors[rows[path]],
                song=whole.vectors[song],
            )
            for song, path in enumerate(whole.paths)
        ]


def song_rows(song: SongEmbedding, level: Level, window_s: float) -> list[Row]:
    """The rows that one embedded file adds to a table, as plain values."""
    parts = [(0.0, song.duration_s, song.song)]
    if level == "window":
        parts = [
            (float(start), window_length(float(start), song.duration_s, window_s), vector)
            for start, vector in zip(song.positions_s, song.windows, strict=True)
        ]
    return [
        {
            "path": str(song.path),
            "content_hash": song.content_hash,
            "start_s": start_s,
            "duration_s": duration_s,
            "embedding": vector,
        }
        for start_s, duration_s, vector in parts
    ]


def window_length(start_s: float, song_duration_s: float, window_s: float) -> float:
    """Seconds of audio inside a window that may reach past the end of its song."""
    return max(0.0, min(window_s, song_duration_s - start_s))


def embedding_schema(encoder: AudioEncoder, level: Level, shard: str = "", sources: str = "") -> pyarrow.Schema:
    """Columns of an embedding file; the encoder's identity is in the schema's metadata.

    Args:
        encoder: what made the vectors.
        level: what a row is.
        shard: ``i/n``, where the file holds one of several.
        sources: what the embedded files looked like, see `fxrep.retrieval.ray_shard`.
    """
    import pyarrow as pa

    matching = matching_of(encoder)
    return pa.schema(
        [
            ("path", pa.string()),
            ("content_hash", pa.string()),
            ("start_s", pa.float64()),
            ("duration_s", pa.float64()),
            ("embedding", pa.list_(pa.float32(), encoder.dim)),
        ],
        metadata={
            "fxrep.fingerprint": encoder.fingerprint,
            "fxrep.level": level,
            "fxrep.sample_rate": str(encoder.sample_rate),
            "fxrep.window_s": repr(float(encoder.window_s)),
            **({"fxrep.matching": json.dumps([matching.loudness_lufs, matching.bandwidth_hz])} if matching else {}),
            **({"fxrep.shard": shard} if shard else {}),
            **({"fxrep.sources": sources} if sources else {}),
        },
    )


class EmbeddingWriter:
    """Writes rows to a Parquet file as they come, a group of rows in memory at a time.

    Args:
        file: a temporary name, see `fxrep.files.atomic_file`.
        schema: from `embedding_schema`.
    """

    def __init__(self, file: Path, schema: pyarrow.Schema) -> None:
        import pyarrow.parquet as pq

        self._schema = schema
        self._writer = pq.ParquetWriter(file, schema)
        self._waiting: list[Row] = []
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows; groups of them have one size, whatever is given at a time."""
        self.rows += len(rows)
        self._waiting += rows
        while len(self._waiting) >= GROUP_ROWS:
            rest = self._waiting[GROUP_ROWS:]
            del self._waiting[GROUP_ROWS:]
            self._flush()
            self._waiting = rest

    def _flush(self) -> None:
        import pyarrow as pa

        rows, schema = self._waiting, self._schema
        if not rows:
            return
        flat = np.concatenate([row["embedding"] for row in rows])
        columns: list[Any] = [pa.array([row[name] for row in rows], schema.field(name).type) for name in COLUMNS[:-1]]
        dim = schema.field("embedding").type.list_size
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), dim))
        self._writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        self._waiting = []


def write_embeddings(path: str | os.PathLike[str], rows: Sequence[Row], schema: pyarrow.Schema) -> None:
    """Write rows as one Parquet file, atomically.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    with atomic_file(path) as temporary, EmbeddingWriter(temporary, schema) as writer:
        writer.write(rows)


def check_level(level: str) -> Level:
    """`level` if it is one of the two that exist.

    Raises:
        ArgumentError: it is another word.
    """
    if level == "song":
        return "song"
    if level == "window":
        return "window"
    raise ArgumentError(f"level {level!r} is unknown: choose song or window")
