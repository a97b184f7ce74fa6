"""Whether shards are still as their index says."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from fxrep.data.checking import CheckReport
from fxrep.data.shards.index import ShardEntry, read_shard_index
from fxrep.errors import ArgumentError
from fxrep.files import file_hash
from fxrep.progress import track_progress


def check_shards(folder: str | os.PathLike[str], *, quick: bool = False, workers: int | None = None) -> CheckReport:
    """Compare a folder of shards with its index.

    Args:
        folder: of the shards, or the index in it.
        quick: compare sizes only; otherwise the whole content by its SHA-256.
        workers: files read at once; as many as processors when not given.

    Raises:
        DataError: there is no index, or it is damaged.
    """
    threads = workers if workers is not None else os.cpu_count() or 1
    if threads < 1:
        raise ArgumentError(f"workers must be at least 1, got {threads}")
    index = read_shard_index(folder)
    report = CheckReport(checked=len(index.entries))
    with ThreadPoolExecutor(threads) as pool:
        verdicts = pool.map(partial(_verdict, Path(index.address), quick), index.entries)
        for entry, verdict in zip(index.entries, track_progress(verdicts, "check", len(index.entries)), strict=True):
            if verdict:
                problem, reason = verdict
                {"missing": report.missing, "changed": report.changed, "unreadable": report.unreadable}[problem].append(
                    (entry.name, reason)
                )
    return report


def _verdict(folder: Path, quick: bool, entry: ShardEntry) -> tuple[str, str] | None:
    path = folder / entry.name
    if not path.is_file():
        return "missing", "not there"
    try:
        if (size := path.stat().st_size) != entry.bytes:
            return "changed", f"{size} bytes, in the index {entry.bytes}"
        if not quick and file_hash(path) != entry.sha256:
            return "changed", "the content is another one"
    except OSError as error:
        return "unreadable", error.strerror or str(error)
    return None
