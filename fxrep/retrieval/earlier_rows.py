"""What earlier and interrupted runs of `embed_corpus` left, and whether a new run may go on from it.

Of every file is remembered where its rows are; the rows stay where they are until they are copied.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fxrep.errors import DataError, OccupiedError
from fxrep.retrieval.database import Level
from fxrep.retrieval.embedding_file import EmbeddingFile
from fxrep.retrieval.embedding_table import EmbeddingTable, Row
from fxrep.retrieval.encoder import AudioEncoder
from fxrep.retrieval.matched_encoder import matching_of
from fxrep.retrieval.matching import Matching
from fxrep.table_kinds import EMBEDDINGS, check_replaceable

_GROUPS_KEPT = 4


@dataclass(frozen=True)
class KnownRows:
    """Where the rows of one audio file are.

    Attributes:
        content_hash: SHA-256 of the audio file.
        source: which of the Parquet files has them.
        rows: their numbers in it, ascending, int64.
    """

    content_hash: str
    source: int
    rows: np.ndarray


class EarlierRows:
    """Rows by file: of the output as it is, and of the parts that an interrupted run left beside it.

    Args:
        target: the Parquet file that will be written.
        parts: the folder of finished parts; damaged ones are left out, their files are embedded again.
        encoder: what the new run embeds with.
        level: what a row of the new run is.
        shard: the shard of the new run as text, ``""`` for all files.

    Raises:
        OccupiedError: the target is not of this model, level and shard, or no table of embeddings at all.
        DataError: the target is damaged.
    """

    def __init__(self, target: Path, parts: Path, encoder: AudioEncoder, level: Level, shard: str) -> None:
        self._known: dict[str, KnownRows] = {}
        self._sources: list[EmbeddingFile] = []
        self._groups: OrderedDict[tuple[int, int], EmbeddingTable] = OrderedDict()
        run = (encoder.fingerprint, matching_of(encoder), level, shard)
        check_replaceable(target, EMBEDDINGS)
        if target.is_file() and target.stat().st_size:
            file = EmbeddingFile(target)
            _check_same_run(file, f"{target} holds", *run)
            self._collect(file)
        # In the order they were written: of a file that has changed, the last version counts.
        found = parts.glob("*.parquet") if parts.is_dir() else ()
        for part in sorted(found, key=lambda part: (part.stat().st_mtime_ns, part.name)):
            try:
                file = EmbeddingFile(part)
                _check_same_run(file, f"{parts}, which an interrupted run left, holds", *run)
                self._collect(file)
            except DataError:
                continue

    def find(self, file: Path, content_hash: str) -> KnownRows | None:
        """The rows of a file with this content; None where there are none."""
        known = self._known.get(os.path.realpath(file))
        return known if known is not None and known.content_hash == content_hash else None

    def add(self, part: Path) -> None:
        """Know the rows of a part that was just written, too."""
        self._collect(EmbeddingFile(part))

    def others(self, files: Iterable[Path]) -> list[KnownRows]:
        """Rows of every file that is not among `files`, in the order they were found."""
        named = {os.path.realpath(file) for file in files}
        return [known for path, known in self._known.items() if path not in named]

    def read(self, known: KnownRows, path: Path | None = None) -> list[Row]:
        """The rows themselves.

        Args:
            known: from `find` or `others`.
            path: the name that the file has now; None for the one it had.
        """
        rows = []
        for row in known.rows.tolist():
            group, first = self._sources[known.source].group_of(row)
            table = self._group(known.source, group)
            at = row - first
            rows.append(
                {
                    "path": table.paths[at] if path is None else str(path),
                    "content_hash": known.content_hash,
                    "start_s": float(table.start_s[at]),
                    "duration_s": float(table.duration_s[at]),
                    "embedding": table.vectors[at],
                }
            )
        return rows

    def _group(self, source: int, number: int) -> EmbeddingTable:
        key = (source, number)
        if key not in self._groups:
            self._groups[key] = self._sources[source].group(number)
            while len(self._groups) > _GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key]

    def _collect(self, file: EmbeddingFile) -> None:
        fresh: dict[str, tuple[str, list[int]]] = {}
        first = 0
        for piece in file.pieces():
            for row, (path, content_hash) in enumerate(zip(piece.paths, piece.content_hashes, strict=True), first):
                fresh.setdefault(path, (content_hash, []))[1].append(row)
            first += len(piece)
        source = len(self._sources)
        self._sources.append(file)
        for path, (content_hash, rows) in fresh.items():
            self._known[os.path.realpath(path)] = KnownRows(content_hash, source, np.asarray(rows, dtype=np.int64))


def _check_same_run(
    file: EmbeddingFile, holds: str, fingerprint: str, matching: Matching, level: Level, shard: str
) -> None:
    advice = "choose another name, or delete it first"
    if file.matching != matching:
        raise OccupiedError(f"{holds} embeddings of recordings {file.matching}, not {matching}: {advice}")
    if file.fingerprint != fingerprint:
        raise OccupiedError(f"{holds} embeddings by another model ({file.fingerprint[:16]}): {advice}")
    if file.level != level:
        raise OccupiedError(f"{holds} one row per {file.level}, not per {level}: {advice}")
    if file.shard != shard:
        described = [f"shard {one}" if one else "all files" for one in (file.shard, shard)]
        raise OccupiedError(f"{holds} {described[0]}, not {described[1]}: give every shard an output of its own")
