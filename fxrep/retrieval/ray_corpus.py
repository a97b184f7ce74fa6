"""Embedding a corpus on a cluster by Ray Data: paths travel, workers read, decode, embed and write.

A path belongs to a shard by its name, for good, and a shard is a Parquet file. Ray gives the shards of a lost worker
to others.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fxrep.errors
from fxrep.audio import find_audio_files
from fxrep.errors import ArgumentError, FxrepError, OccupiedError, OutputError, require
from fxrep.files import atomic_file, output_error
from fxrep.progress import track_progress
from fxrep.retrieval.corpus import CorpusReport, shard_of
from fxrep.retrieval.database import Level
from fxrep.retrieval.embedding_file import SHARDS_NAME
from fxrep.retrieval.encoder import AudioEncoder
from fxrep.retrieval.ray_shard import ShardEmbedder, ShardPlan

_MOST_BLOCKS = 10_000


def embed_on_ray(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    load: Callable[[], AudioEncoder],
    folder: str | os.PathLike[str],
    *,
    address: str = "auto",
    level: Level = "window",
    prune: bool = False,
    shard_files: int = 64,
    workers: int | None = None,
) -> CorpusReport:
    """Embed all audio below `paths` into a folder of Parquet files, which `read_embeddings` and an index take.

    Run it again after any interruption: a finished shard whose files have the sizes and times that they had is
    skipped without being read; of the others, files with the same content are not embedded again.

    Args:
        paths: files and folders, under names by which every worker reaches them.
        load: gives the encoder; called once on every worker.
        folder: where to write; every worker must reach it by this name.
        address: of the cluster, as ``ray.init`` takes it: ``"auto"``, ``"host:6379"``; ``"local"`` starts Ray here. An
            initialised Ray is used as it is.
        level: ``"song"`` or ``"window"``.
        prune: drop the rows of files that are not among `paths`.
        shard_files: files per shard, about; a folder keeps the number of shards that it was begun with.
        workers: how many at most, one CPU each; None for as many as there are CPUs.

    Raises:
        MissingExtraError: Ray is not installed.
        AudioError: there is no audio, or not one file could be embedded.
        OccupiedError: the folder holds another model's or level's embeddings.
        OutputError: it cannot be written.
    """
    ray = require("ray", "ray")
    if shard_files < 1 or (workers is not None and workers < 1):
        raise ArgumentError(f"shard_files={shard_files}, workers={workers}: expected at least 1 of each")
    names = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    files = find_audio_files([Path(name).absolute() for name in names])
    plan = _plan(Path(folder).absolute(), level, prune, math.ceil(len(files) / shard_files))
    shards = _share(files, plan)
    report = CorpusReport(Path(plan.folder))
    with _connected(ray, address):
        for result in track_progress(_results(ray, shards, load, plan, workers), "embedding shards", len(shards)):
            report.extend(result)
    report.check(len(files))
    report.failures.sort()
    return report


def _plan(folder: Path, level: Level, prune: bool, shards: int) -> ShardPlan:
    """The number of shards is written down before anything else: it says where a path belongs."""
    file = folder / SHARDS_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.is_file():
            if any(folder.glob("*.parquet")):
                raise OccupiedError(f"{folder} holds Parquet files of another kind of run: choose an empty folder")
            with atomic_file(file) as temporary:
                temporary.write_text(json.dumps({"shards": shards}), encoding="utf-8")
        count = int(json.loads(file.read_text(encoding="utf-8"))["shards"])
    except OSError as error:
        raise output_error(folder, error) from error
    except (ValueError, TypeError, KeyError) as error:
        raise OutputError(f"{file} is damaged: choose an empty folder") from error
    return ShardPlan(str(folder), level, count, prune)


def _share(files: Iterable[Path], plan: ShardPlan) -> dict[int, list[str]]:
    shards: dict[int, list[str]] = {}
    if plan.prune:
        shards = {number: [] for number in range(1, plan.count + 1) if plan.file(number).is_file()}
    for file in files:
        shards.setdefault(shard_of(file, plan.count), []).append(str(file))
    return shards


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise ArgumentError(
            f"no Ray cluster at {address!r} ({reason}): give its address, or local to start Ray on this machine"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _results(
    ray: Any, shards: dict[int, list[str]], load: Callable[[], AudioEncoder], plan: ShardPlan, workers: int | None
) -> Iterator[CorpusReport]:
    data = require("ray.data", "ray")
    data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    rows = [{"shard": number, "files": json.dumps(names)} for number, names in sorted(shards.items())]
    most = max(1, min(len(rows), workers or int(ray.cluster_resources().get("CPU", 1))))
    dataset = data.from_items(rows, override_num_blocks=min(len(rows), _MOST_BLOCKS)).map(
        ShardEmbedder,
        fn_constructor_args=(load, plan),
        num_cpus=1,
        compute=data.ActorPoolStrategy(size=most),
    )
    for row in dataset.iter_rows():
        if row["error"]:
            kind, message = json.loads(row["error"])
            error = getattr(fxrep.errors, kind, FxrepError)
            raise error(message)
        yield CorpusReport(**json.loads(row["counts"]))
