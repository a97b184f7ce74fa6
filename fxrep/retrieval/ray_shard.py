"""One shard of a corpus on one worker of a cluster: done or not, and if not, embedded to a Parquet file of its own.

Nothing here knows of Ray. A worker that is lost leaves finished parts beside the shard's file; who is given the shard
next goes on from them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxrep.errors import DataError, FxrepError
from fxrep.retrieval.corpus import CorpusReport, embed_files
from fxrep.retrieval.database import Level
from fxrep.retrieval.embedding_file import EmbeddingFile
from fxrep.retrieval.encoder import AudioEncoder

_PART_FILES = 16


@dataclass(frozen=True)
class ShardPlan:
    """What all workers are told.

    Attributes:
        folder: where the shards' files are written; every worker must see it.
        level: what a row is.
        count: number of shards.
        prune: drop the rows of files that are not named.
    """

    folder: str
    level: Level
    count: int
    prune: bool = False

    def file(self, number: int) -> Path:
        """The file of a shard."""
        return Path(self.folder) / f"part-{number:06d}-of-{self.count:06d}.parquet"


class ShardEmbedder:
    """A worker: loads the encoder once and embeds one shard after the other.

    Args:
        load: gives the encoder; called on the worker.
        plan: of the run.
    """

    def __init__(self, load: Callable[[], AudioEncoder], plan: ShardPlan) -> None:
        self._encoder = load()
        self._plan = plan

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row ``{"shard": number, "files": JSON}`` becomes ``{"counts": JSON, "error": JSON}``, one of them empty.

        Only paths and counts travel. The error is the class and the message of what must end the whole run.
        """
        files = [Path(name) for name in json.loads(row["files"])]
        try:
            report = embed_shard(int(row["shard"]), files, self._encoder, self._plan)
        except FxrepError as error:
            return {"counts": "", "error": json.dumps([type(error).__name__, str(error)])}
        return {"counts": json.dumps({**vars(report), "output": str(report.output)}), "error": ""}


def embed_shard(number: int, files: Sequence[Path], encoder: AudioEncoder, plan: ShardPlan) -> CorpusReport:
    """Embed a shard unless its file is there and was made of files as they are now, by size and time of change."""
    target, sources = plan.file(number), _describe(files)
    done = None if plan.prune or not sources else _finished(target, sources, encoder, plan)
    if done is not None:
        return CorpusReport(target, files=len(files), rows=done, reused=len(files))
    return embed_files(
        files,
        encoder,
        target,
        level=plan.level,
        shard=(number, plan.count),
        prune=plan.prune,
        part_files=_PART_FILES,
        readers=1,
        sources=sources,
    )


def _finished(target: Path, sources: str, encoder: AudioEncoder, plan: ShardPlan) -> int | None:
    """How many rows the finished file of a shard has; None where it is not finished."""
    if not target.is_file():
        return None
    try:
        file = EmbeddingFile(target)
    except DataError:
        return None
    same = (file.sources, file.fingerprint, file.level) == (sources, encoder.fingerprint, plan.level)
    return file.rows if same else None


def _describe(files: Sequence[Path]) -> str:
    """SHA-256 over names, sizes and times of change; ``""`` where a file cannot be looked at."""
    digest = hashlib.sha256()
    try:
        for file in files:
            status = file.stat()
            digest.update(json.dumps([str(file), status.st_size, status.st_mtime_ns]).encode())
    except OSError:
        return ""
    return digest.hexdigest()
