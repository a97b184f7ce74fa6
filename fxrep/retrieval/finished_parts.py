"""Parts of a table of embeddings that is being made: what is in them outlives an interruption."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fxrep.retrieval.database import Level
from fxrep.retrieval.embedding_table import Row, embedding_schema, song_rows, write_embeddings
from fxrep.retrieval.encoder import AudioEncoder, SongEmbedding


class FinishedParts:
    """Writes every so many songs to a file of their own, and the rest of them when its block ends, however it does.

    Args:
        folder: of the parts.
        encoder: what embeds the songs.
        level: what a row is.
        shard: see `embedding_schema`.
        songs: of a part.
        written: is called with every file.
    """

    def __init__(
        self,
        folder: Path,
        encoder: AudioEncoder,
        level: Level,
        shard: str,
        songs: int,
        written: Callable[[Path], None],
    ) -> None:
        self._folder, self._level, self._window_s = folder, level, encoder.window_s
        self._schema: Any = embedding_schema(encoder, level, shard)
        self._most, self._written = songs, written
        self._rows: list[Row] = []
        self._songs = 0

    def __enter__(self) -> FinishedParts:
        return self

    def __exit__(self, *_: object) -> None:
        # Also on an interrupt: what was embedded is worth keeping.
        self._write()

    def add(self, song: SongEmbedding) -> None:
        """Take a song that was embedded."""
        self._rows += song_rows(song, self._level, self._window_s)
        self._songs += 1
        if self._songs >= self._most:
            self._write()

    def _write(self) -> None:
        if not self._rows:
            return
        # Named by what it holds: two runs never overwrite each other's parts.
        held = "\n".join(f"{row['path']} {row['content_hash']}" for row in self._rows)
        file = self._folder / f"{hashlib.sha256(held.encode()).hexdigest()[:16]}.parquet"
        write_embeddings(file, self._rows, self._schema)
        self._written(file)
        self._rows, self._songs = [], 0
