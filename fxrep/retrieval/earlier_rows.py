"""What earlier and interrupted runs of `embed_corpus` left, and whether a new run may go on from it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fxrep.errors import DataError, OutputError
from fxrep.retrieval.database import Level
from fxrep.retrieval.embedding_table import EmbeddingTable, read_embeddings, read_shard
from fxrep.retrieval.encoder import AudioEncoder
from fxrep.table_kinds import EMBEDDINGS, check_replaceable

Row = dict[str, Any]


class EarlierRows:
    """Rows by file: of the output as it is, and of the parts that an interrupted run left beside it.

    Args:
        target: the Parquet file that will be written.
        parts: the folder of finished parts; damaged ones are left out, their files are embedded again.
        encoder: what the new run embeds with.
        level: what a row of the new run is.
        shard: the shard of the new run as text, ``""`` for all files.

    Raises:
        OutputError: the target is not of this model, level and shard, or no table of embeddings at all.
        DataError: the target is damaged.
    """

    def __init__(self, target: Path, parts: Path, encoder: AudioEncoder, level: Level, shard: str) -> None:
        self._rows: dict[str, tuple[str, list[Row]]] = {}
        check_replaceable(target, EMBEDDINGS)
        if target.is_file() and target.stat().st_size:
            table = read_embeddings(target)
            _check_same_run(table, read_shard(target), f"{target} holds", encoder, level, shard)
            self._collect(table)
        # In the order they were written: of a file that has changed, the last version counts.
        found = parts.glob("*.parquet") if parts.is_dir() else ()
        for part in sorted(found, key=lambda part: (part.stat().st_mtime_ns, part.name)):
            try:
                table = read_embeddings(part)
            except DataError:
                continue
            where = f"{parts}, which an interrupted run left, holds"
            _check_same_run(table, read_shard(part), where, encoder, level, shard)
            self._collect(table)

    def find(self, file: Path, content_hash: str) -> list[Row] | None:
        """Rows of a file with this content, under the name it has now; None where there are none."""
        known_hash, rows = self._rows.get(os.path.realpath(file), ("", []))
        return [{**row, "path": str(file)} for row in rows] if rows and known_hash == content_hash else None

    def others(self, files: Iterable[Path]) -> list[list[Row]]:
        """Rows of every file that is not among `files`, in the order they were found."""
        named = {os.path.realpath(file) for file in files}
        return [rows for path, (_, rows) in self._rows.items() if path not in named]

    def _collect(self, table: EmbeddingTable) -> None:
        real = {path: os.path.realpath(path) for path in set(table.paths)}
        fresh: dict[str, tuple[str, list[Row]]] = {}
        for row, (path, content_hash) in enumerate(zip(table.paths, table.content_hashes, strict=True)):
            fresh.setdefault(real[path], (content_hash, []))[1].append(
                {
                    "path": path,
                    "content_hash": content_hash,
                    "start_s": float(table.start_s[row]),
                    "duration_s": float(table.duration_s[row]),
                    "embedding": table.vectors[row],
                }
            )
        self._rows.update(fresh)


def _check_same_run(
    table: EmbeddingTable, found_shard: str, holds: str, encoder: AudioEncoder, level: Level, shard: str
) -> None:
    advice = "choose another name, or delete it first"
    if table.fingerprint != encoder.fingerprint:
        raise OutputError(f"{holds} embeddings by another model ({table.fingerprint[:16]}): {advice}")
    if table.level != level:
        raise OutputError(f"{holds} one row per {table.level}, not per {level}: {advice}")
    if found_shard != shard:
        described = [f"shard {one}" if one else "all files" for one in (found_shard, shard)]
        raise OutputError(f"{holds} {described[0]}, not {described[1]}: give every shard an output of its own")
