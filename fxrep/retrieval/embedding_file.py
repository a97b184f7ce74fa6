"""Reading Parquet files of embeddings: whole, or in pieces that fit into memory whatever the size of the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fxrep.errors import DataError
from fxrep.retrieval.database import UNIT_TOLERANCE, Level
from fxrep.retrieval.embedding_table import COLUMNS, GROUP_ROWS, EmbeddingTable
from fxrep.retrieval.encoder import SongEmbedding
from fxrep.retrieval.matching import Matching
from fxrep.table_kinds import table_kind

if TYPE_CHECKING:
    import pyarrow

SHARDS_NAME = "shards.json"
"""In a folder of shards: how many there are."""


class EmbeddingFile:
    """One Parquet file that `fxrep embed` wrote.

    Attributes:
        path: of the file.
        rows: how many there are.
        level: whether a row is a song or a window.
        fingerprint: of the encoder that made the vectors.
        matching: what the recordings were brought to before they were embedded.
        shard: ``i/n``; ``""`` where the file is not one of several.
        sources: what the embedded files looked like, ``""`` where it is not known.
        dim: length D of a vector.

    Raises:
        DataError: the file is missing, corrupt, or not a table of embeddings.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        try:
            # Closed again: there may be many thousands of parts.
            with pq.ParquetFile(path) as file:
                schema, self._metadata = file.schema_arrow, file.metadata
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error
        tags = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
        missing = [name for name in COLUMNS if name not in schema.names]
        if missing or tags.get("fxrep.level") not in ("song", "window") or "fxrep.fingerprint" not in tags:
            # A name of its own: the file may be something that must not be written over.
            found = table_kind(path) or "nothing"
            raise DataError(
                f"{path} holds {found} and not fxrep embeddings: write these with: fxrep embed SONGS -o NEW.parquet"
            )
        if not pa.types.is_fixed_size_list(schema.field("embedding").type):
            raise DataError(f"{path} was changed by another program: delete it and write it again with fxrep embed")
        self._schema = schema
        self.rows: int = self._metadata.num_rows
        self.level: Level = "song" if tags["fxrep.level"] == "song" else "window"
        self.fingerprint = tags["fxrep.fingerprint"]
        self.matching = _matching(path, tags.get("fxrep.matching", "[null, null]"))
        self.shard = tags.get("fxrep.shard", "")
        self.sources = tags.get("fxrep.sources", "")
        self.dim = int(schema.field("embedding").type.list_size)
        groups = range(self._metadata.num_row_groups)
        ends = np.cumsum([self._metadata.row_group(number).num_rows for number in groups])
        self._ends = ends.astype(np.int64)

    def table(self) -> EmbeddingTable:
        """All of it."""
        return joined(list(self.pieces()) or [self._table(self._schema.empty_table())])

    def pieces(self, rows: int = GROUP_ROWS) -> Iterator[EmbeddingTable]:
        """All of it, at most so many rows at a time.

        Raises:
            DataError: what is there is damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path, metadata=self._metadata) as file:
                for batch in file.iter_batches(rows, columns=list(COLUMNS)):
                    yield self._table(pa.Table.from_batches([batch]))
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error

    def songs(self) -> Iterator[SongEmbedding]:
        """The songs of a file of windows, one after the other, a piece of the file in memory at a time.

        Raises:
            DataError: what is there is damaged, or the rows of a song are not together.
        """
        seen: set[str] = set()
        rest: EmbeddingTable | None = None
        for piece in self.pieces():
            table = piece if rest is None else joined([rest, piece])
            # The last song may go on in the next piece.
            last = table.paths[-1]
            cut = next((row for row in range(len(table) - 1, -1, -1) if table.paths[row] != last), -1) + 1
            yield from _fresh(table.part(0, cut).to_songs(), seen, self.path)
            rest = table.part(cut, len(table))
        if rest is not None:
            yield from _fresh(rest.to_songs(), seen, self.path)

    def group_of(self, row: int) -> tuple[int, int]:
        """Number and first row of the group that holds a row."""
        group = int(np.searchsorted(self._ends, row, side="right"))
        return group, int(self._ends[group - 1]) if group else 0

    def group(self, number: int) -> EmbeddingTable:
        """The rows of one group.

        Raises:
            DataError: they are damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path, metadata=self._metadata) as file:
                return self._table(file.read_row_group(number, columns=list(COLUMNS)))
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error

    def _table(self, table: pyarrow.Table) -> EmbeddingTable:
        embedding = table.column("embedding").combine_chunks()
        if table.column("path").null_count or embedding.null_count:
            raise DataError(
                f"{self.path} was changed by another program: delete it and write it again with fxrep embed"
            )
        vectors = embedding.flatten().to_numpy(zero_copy_only=False).reshape(table.num_rows, self.dim)
        # Asked this way round, NaN is noticed too.
        if not (np.abs(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64) - 1.0) < UNIT_TOLERANCE).all():
            raise DataError(
                f"{self.path} holds embeddings that are not finite or of unit length: delete it and write it again"
            )
        return EmbeddingTable(
            paths=table.column("path").to_pylist(),
            content_hashes=table.column("content_hash").to_pylist(),
            start_s=table.column("start_s").to_numpy(),
            duration_s=table.column("duration_s").to_numpy(),
            vectors=vectors.astype(np.float32),
            level=self.level,
            fingerprint=self.fingerprint,
            matching=self.matching,
        )

    def _unreadable(self, error: Exception) -> DataError:
        reason = str(error).split("\n")[0]
        return DataError(
            f"{self.path} is not a readable Parquet file ({reason}): delete it and write it again with fxrep embed"
        )


def _matching(path: Path, text: str) -> Matching:
    try:
        return Matching(*json.loads(text))
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{path} was changed by another program: delete it and write it again with fxrep embed"
        ) from error


def is_embeddings(path: str | os.PathLike[str]) -> bool:
    """Whether a path is embeddings and not audio: a Parquet file, or a folder of shards."""
    # A folder of audio may hold a table beside it.
    return Path(path).suffix == ".parquet" or (Path(path) / SHARDS_NAME).is_file()


def embedding_files(path: str | os.PathLike[str]) -> list[EmbeddingFile]:
    """The files that make up what `fxrep embed` wrote: one Parquet file, or a folder of them.

    Raises:
        DataError: a file is missing, corrupt, not a table of embeddings, or the files disagree.
    """
    source = Path(path)
    if not source.exists():
        raise DataError(f"{source} does not exist: make it with: fxrep embed SONGS -o {source}")
    names = sorted(source.glob("*.parquet")) if source.is_dir() else [source]
    if not names:
        raise DataError(f"{source} holds no .parquet file: make one with: fxrep embed SONGS -o {source}/part.parquet")
    files = [EmbeddingFile(name) for name in names]
    if len({(file.fingerprint, file.level, file.dim) for file in files}) > 1:
        raise DataError(f"{source} holds embeddings of different models or levels: keep those of one run in a folder")
    return files


def read_embeddings(path: str | os.PathLike[str]) -> EmbeddingTable:
    """Read what `fxrep embed` wrote: one Parquet file, or a folder of them (the parts of one corpus).

    Raises:
        DataError: the file is missing, corrupt, not a table of embeddings, or its parts disagree.
    """
    return joined([file.table() for file in embedding_files(path)])


def _fresh(songs: list[SongEmbedding], seen: set[str], file: Path) -> list[SongEmbedding]:
    for song in songs:
        name = str(song.path)
        if name in seen:
            raise DataError(f"{file}: the windows of {name} are not together: write it again with fxrep embed")
        seen.add(name)
    return songs


def joined(tables: Sequence[EmbeddingTable]) -> EmbeddingTable:
    """Tables of one model and level as one."""
    if len(tables) == 1:
        return tables[0]
    return EmbeddingTable(
        paths=[entry for table in tables for entry in table.paths],
        content_hashes=[entry for table in tables for entry in table.content_hashes],
        start_s=np.concatenate([table.start_s for table in tables]),
        duration_s=np.concatenate([table.duration_s for table in tables]),
        vectors=np.concatenate([table.vectors for table in tables]),
        level=tables[0].level,
        fingerprint=tables[0].fingerprint,
        matching=tables[0].matching,
    )
