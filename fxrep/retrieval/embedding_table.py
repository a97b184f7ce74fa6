"""Embeddings in a table: one row per song or per window, written to and read from Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fxrep.errors import ArgumentError, DataError
from fxrep.files import atomic_file
from fxrep.retrieval.database import UNIT_TOLERANCE, Level
from fxrep.retrieval.encoder import AudioEncoder, SongEmbedding, unit_vectors
from fxrep.retrieval.hits import MetadataValue
from fxrep.table_kinds import table_kind

if TYPE_CHECKING:
    import pyarrow

COLUMNS = ("path", "content_hash", "start_s", "duration_s", "embedding")


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
    """

    paths: Sequence[str]
    content_hashes: Sequence[str]
    start_s: np.ndarray
    duration_s: np.ndarray
    vectors: np.ndarray
    level: Level
    fingerprint: str
    metadata: Sequence[dict[str, MetadataValue]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.paths)

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


def song_rows(song: SongEmbedding, level: Level, window_s: float) -> list[dict[str, Any]]:
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


def embedding_schema(encoder: AudioEncoder, level: Level, shard: str = "") -> pyarrow.Schema:
    """Columns of an embedding file; the encoder's identity and the shard ``i/n`` are in the schema's metadata."""
    import pyarrow as pa

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
            **({"fxrep.shard": shard} if shard else {}),
        },
    )


def write_embeddings(path: str | os.PathLike[str], rows: Sequence[dict[str, Any]], schema: pyarrow.Schema) -> None:
    """Write rows as one Parquet file, atomically.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    dim = schema.field("embedding").type.list_size
    flat = np.concatenate([row["embedding"] for row in rows]) if rows else np.empty(0, dtype=np.float32)
    columns: list[Any] = [pa.array([row[name] for row in rows], schema.field(name).type) for name in COLUMNS[:-1]]
    columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), dim))
    with atomic_file(path) as temporary:
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), temporary)


def read_embeddings(path: str | os.PathLike[str]) -> EmbeddingTable:
    """Read what `fxrep embed` wrote: one Parquet file, or a folder of them (the shards of one corpus).

    Raises:
        DataError: the file is missing, corrupt, not a table of embeddings, or its parts disagree.
    """
    source = Path(path)
    if not source.exists():
        raise DataError(f"{source} does not exist: make it with: fxrep embed SONGS -o {source}")
    files = sorted(source.glob("*.parquet")) if source.is_dir() else [source]
    if not files:
        raise DataError(f"{source} holds no .parquet file: make one with: fxrep embed SONGS -o {source}/part.parquet")
    tables = [_read_file(file) for file in files]
    kinds = {(table.fingerprint, table.level, table.vectors.shape[1]) for table in tables}
    if len(kinds) > 1:
        raise DataError(f"{source} holds embeddings of different models or levels: keep those of one run in a folder")
    return EmbeddingTable(
        paths=[entry for table in tables for entry in table.paths],
        content_hashes=[entry for table in tables for entry in table.content_hashes],
        start_s=np.concatenate([table.start_s for table in tables]),
        duration_s=np.concatenate([table.duration_s for table in tables]),
        vectors=np.concatenate([table.vectors for table in tables]),
        level=tables[0].level,
        fingerprint=tables[0].fingerprint,
    )


def read_shard(file: Path) -> str:
    """The shard ``i/n`` whose embeddings a readable file holds; ``""`` where it is not one of several."""
    import pyarrow.parquet as pq

    tags: dict[bytes, bytes] = pq.read_schema(file).metadata or {}
    return tags.get(b"fxrep.shard", b"").decode()


def _read_file(file: Path) -> EmbeddingTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).split("\n")[0]
        raise DataError(
            f"{file} is not a readable Parquet file ({reason}): delete it and write it again with fxrep embed"
        ) from error
    tags = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing or tags.get("fxrep.level") not in ("song", "window") or "fxrep.fingerprint" not in tags:
        # A name of its own: the file may be something that must not be written over.
        found = table_kind(file) or "nothing"
        raise DataError(
            f"{file} holds {found} and not fxrep embeddings: write these with: fxrep embed SONGS -o NEW.parquet"
        )
    embedding = table.column("embedding").combine_chunks()
    if not pa.types.is_fixed_size_list(embedding.type) or table.column("path").null_count or embedding.null_count:
        raise DataError(f"{file} was changed by another program: delete it and write it again with fxrep embed")
    dim = embedding.type.list_size
    vectors = embedding.flatten().to_numpy(zero_copy_only=False).reshape(table.num_rows, dim)
    # Asked this way round, NaN is noticed too.
    if not (np.abs(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64) - 1.0) < UNIT_TOLERANCE).all():
        raise DataError(f"{file} holds embeddings that are not finite or of unit length: delete it and write it again")
    return EmbeddingTable(
        paths=table.column("path").to_pylist(),
        content_hashes=table.column("content_hash").to_pylist(),
        start_s=table.column("start_s").to_numpy(),
        duration_s=table.column("duration_s").to_numpy(),
        vectors=vectors.astype(np.float32),
        level="song" if tags["fxrep.level"] == "song" else "window",
        fingerprint=tags["fxrep.fingerprint"],
    )


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
