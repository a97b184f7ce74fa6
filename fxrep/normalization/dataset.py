"""Normalising every file of a manifest into a folder that mirrors it, in processes, picking up where it stopped."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

import torch

from fxrep.audio import save_blocks
from fxrep.data.manifest import Manifest, ManifestRow, write_manifest
from fxrep.data.measuring import measure_file
from fxrep.errors import ArgumentError, AudioError, DataError, FxrepError, OutputError
from fxrep.files import output_error
from fxrep.normalization.journal import FinishedFiles, matches
from fxrep.normalization.normalizer import FxNormalizer
from fxrep.progress import track_progress

logger = logging.getLogger(__name__)

MANIFEST_NAME = "manifest.parquet"
SUBTYPES = {"flac": "PCM_24", "wav": "FLOAT"}
HIGHEST_PEAK_DB = -0.001


@dataclass(frozen=True)
class NormalizedDataset:
    """What a run made.

    Attributes:
        manifest: of the normalised files, as written to `path`.
        path: the new manifest.
        written: how many files this run wrote.
        skipped: how many an earlier run had finished from the same source with the same statistics.
        reduced: paths of FLAC files, of this run or an earlier one, brought down to full scale, because their target
            loudness exceeds it.
        failures: the sources that were left out, each with the reason.
    """

    manifest: Manifest
    path: Path
    written: int
    skipped: int
    reduced: list[str]
    failures: list[tuple[str, str]]


@dataclass(frozen=True)
class _Job:
    row: ManifestRow
    source: Path
    output: Path
    path: str


def normalize_dataset(
    manifest: Manifest,
    folder: str | os.PathLike[str],
    normalizer: FxNormalizer,
    *,
    audio_format: str = "flac",
    workers: int = 1,
) -> NormalizedDataset:
    """Normalise every file of a manifest and write a new manifest.

    Files keep their path and sample rate, are stereo, and end in .flac (24 bit) or .wav (32-bit float). FLAC holds
    nothing over full scale: such a file is brought down to it as a whole, as published, and named in `reduced`.
    A file that an earlier run finished is kept if its source and the statistics are the same. A source that no longer
    holds what the manifest says is a failure, and what an earlier run made of it leaves the new manifest.

    Args:
        manifest: all splits; the statistics should come from the training split alone.
        folder: where the files and `manifest.parquet` go.
        normalizer: fitted.
        audio_format: ``"flac"`` or ``"wav"``.
        workers: processes.

    Raises:
        ArgumentError: an unknown format, or the folder is the one that holds the sources.
        DataError: the manifest is empty, or none of its files could be normalised.
        OutputError: the folder cannot be written, or the disk is full; what was finished is kept.
    """
    check_target(manifest, folder, audio_format)
    target = Path(folder)
    jobs = list(_jobs(manifest, target, audio_format))
    if not jobs:
        raise DataError("the manifest has no rows: nothing to normalise")
    rows: dict[str, ManifestRow] = {}
    failures: list[tuple[str, str]] = []
    reduced: list[str] = []
    with FinishedFiles(target, normalizer.fingerprint) as finished:
        waiting = []
        for job in jobs:
            before = finished.find(job.row, job.source, job.output, job.path)
            if before is None:
                waiting.append(job)
                continue
            rows[job.row.path], over_full_scale = before
            reduced += [job.path] if over_full_scale else []
        skipped = len(rows)
        for job, outcome in track_progress(_run(waiting, normalizer, workers), "normalize", total=len(waiting)):
            if isinstance(outcome, str):
                failures.append((job.row.path, outcome))
                continue
            row, over_full_scale = outcome
            finished.add(job.row, job.source, row, over_full_scale)
            rows[job.row.path] = row
            reduced += [row.path] if over_full_scale else []
    if not rows:
        raise DataError(f"none of the {len(jobs)} files could be normalised; the first: {': '.join(failures[0])}")
    made = Manifest([rows[job.row.path] for job in jobs if job.row.path in rows], target)
    write_manifest(target / MANIFEST_NAME, made)
    return NormalizedDataset(
        made, target / MANIFEST_NAME, len(rows) - skipped, skipped, sorted(reduced), sorted(failures)
    )


def check_target(manifest: Manifest, folder: str | os.PathLike[str], audio_format: str) -> None:
    """Refuse what `normalize_dataset` would refuse, before averages are fitted for many minutes; makes the folder.

    Raises:
        ArgumentError: an unknown format, or the folder is the one that holds the sources.
        OutputError: the folder cannot be made.
    """
    if audio_format not in SUBTYPES:
        raise ArgumentError(f"audio format is {audio_format!r}: choose from {', '.join(SUBTYPES)}")
    target = Path(folder)
    if target.resolve() == manifest.root.resolve():
        raise ArgumentError(f"{target} holds the files to normalise: choose another folder, sources are never replaced")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(target, error) from error


def _jobs(manifest: Manifest, folder: Path, audio_format: str) -> Iterator[_Job]:
    bare = [str(PurePosixPath(row.path).with_suffix("")) for row in manifest.rows]
    taken = Counter(bare)
    for row, stem in zip(manifest.rows, bare, strict=True):
        # Two sources that differ in their suffix only keep it, so that one does not replace the other.
        path = f"{stem if taken[stem] == 1 else row.path}.{audio_format}"
        yield _Job(row, manifest.path_of(row), folder / path, path)


def _run(
    jobs: list[_Job], normalizer: FxNormalizer, workers: int
) -> Iterator[tuple[_Job, tuple[ManifestRow, bool] | str]]:
    if workers < 1:
        raise ArgumentError(f"workers is {workers}: expected at least 1")
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield job, _normalize_or_reason(job, normalizer)
        return
    # Fresh processes: a fork of one that holds compiled kernels and thread pools can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_start_worker, initargs=(normalizer,))
    try:
        waiting: dict[Future[tuple[ManifestRow, bool] | str], _Job] = {pool.submit(_work, job): job for job in jobs}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process was killed, likely for want of memory: run again with fewer workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker_normalizer: FxNormalizer | None = None


def _start_worker(normalizer: FxNormalizer) -> None:
    global _worker_normalizer
    torch.set_num_threads(1)
    _worker_normalizer = normalizer


def _work(job: _Job) -> tuple[ManifestRow, bool] | str:
    assert _worker_normalizer is not None
    return _normalize_or_reason(job, _worker_normalizer)


def _normalize_or_reason(job: _Job, normalizer: FxNormalizer) -> tuple[ManifestRow, bool] | str:
    try:
        return _normalize_file(job, normalizer)
    except OutputError:
        raise
    except (FxrepError, OSError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        return reason.removeprefix(str(job.source)).lstrip(": ")


def _normalize_file(job: _Job, normalizer: FxNormalizer) -> tuple[ManifestRow, bool]:
    if ".." in PurePosixPath(job.path).parts or PurePosixPath(job.path).is_absolute():
        raise AudioError("lies outside the manifest's folder: scan the folder that holds all files")
    if job.source.is_file() and not matches(job.row, job.source):
        raise AudioError("has changed since it was scanned: scan the dataset again")
    normalized = normalizer.open(job.source, instrument=job.row.instrument)
    gain = 1.0
    if job.output.suffix == ".flac":
        peak_db = 20 * math.log10(max(float(normalized.peaks()[0]), 1e-9))
        if peak_db > HIGHEST_PEAK_DB:
            logger.info("%s exceeds full scale by %.1f dB and was brought down to it", job.path, peak_db)
            gain = 10 ** ((HIGHEST_PEAK_DB - peak_db) / 20)
    blocks = (block[0] * gain if gain < 1.0 else block[0] for block in normalized.blocks())
    save_blocks(job.output, blocks, normalized.sample_rate, subtype=SUBTYPES[job.output.suffix[1:]])
    over_full_scale = gain < 1.0
    return replace(job.row, path=job.path, **asdict(measure_file(job.output))), over_full_scale
