"""Making a manifest: read every file of a dataset once, measure it, and give every song one split."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fxrep.data.datasets import open_dataset
from fxrep.data.journal import ScanJournal
from fxrep.data.manifest import Manifest, ManifestRow, read_manifest, write_manifest
from fxrep.data.measuring import Measurement, measure_file
from fxrep.data.multitrack import Multitrack
from fxrep.data.silence import SILENCE_DBFS
from fxrep.data.splits import SplitFractions, assign_splits
from fxrep.errors import ArgumentError, DataError, FxrepError, OccupiedError
from fxrep.progress import track_progress
from fxrep.table_kinds import MANIFEST, check_replaceable

logger = logging.getLogger(__name__)

SHORTEST_S = 0.1
"""One block of the measurement of silence; hits of a drum are longer."""


@dataclass(frozen=True)
class ScanResult:
    """What a scan found.

    Attributes:
        manifest: as it was written.
        failures: the files that were left out, each with the reason.
        resumed: how many files an earlier scan had measured already.
    """

    manifest: Manifest
    failures: list[tuple[str, str]]
    resumed: int


@dataclass(frozen=True)
class _Entry:
    song: Multitrack
    kind: str
    track: str
    instrument: str
    path: Path


def scan(
    root: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    dataset: str = "folder",
    fractions: SplitFractions | None = None,
    workers: int | None = None,
    options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> ScanResult:
    """Scan a dataset and write its manifest.

    Files that cannot be read, files shorter than 100 ms, and files without one 100 ms block above -60 dBFS, are left
    out and reported; a song stays as long as one of its files does. Finished measurements are kept in a journal beside
    `output`, so a scan that was killed, or a scan of a dataset that has grown, measures only what is missing.

    Args:
        root: the dataset's folder.
        output: the Parquet file to write.
        dataset: a key of `fxrep.data.DATASETS`.
        fractions: shares of the songs to hold out where the dataset does not say.
        workers: files read at once; as many as processors when not given.
        options: what the dataset's adapter takes besides the folder.
        overwrite: replace the manifest of another folder.

    Raises:
        DataError: there are no songs, or not one file is usable.
        OccupiedError: the output is there and no manifest, or that of another folder.
        OutputError: the output cannot be written.
    """
    check_replaceable(output, MANIFEST)
    threads = workers if workers is not None else os.cpu_count() or 1
    if threads < 1:
        raise ArgumentError(f"workers must be at least 1, got {threads}")
    base = Path(root) if Path(root).is_dir() else Path(root).parent
    if not overwrite:
        _check_same_root(output, base)
    entries = list(_entries(open_dataset(root, dataset, **(options or {}))))
    with ScanJournal(output) as journal:
        measured, failures, resumed = _measure_all({entry.path for entry in entries}, journal, threads)
    usable = [entry for entry in entries if entry.path in measured]
    if not usable:
        path, reason = failures[0]
        raise DataError(f"no file in {root} is usable ({len(failures)} tried); the first: {path}: {reason}")
    splits = _splits(usable, measured, fractions or SplitFractions())
    rows = [_row(entry, dataset, base, splits[entry.song.name], measured[entry.path]) for entry in usable]
    manifest = Manifest(rows, base)
    write_manifest(output, manifest)
    return ScanResult(manifest, failures, resumed)


def _check_same_root(output: str | os.PathLike[str], base: Path) -> None:
    """Refuse to replace the manifest of another folder."""
    if not Path(output).is_file():
        return
    try:
        earlier = read_manifest(output)
    except DataError:  # damaged, or of another version: to scan again is what helps
        return
    if earlier.root.resolve() != base.resolve():
        raise OccupiedError(
            f"{output} holds the manifest of another folder, {earlier.root} ({len(earlier)} files): choose another "
            "name, or replace it with --force"
        )


def _entries(songs: Iterable[Multitrack]) -> Iterator[_Entry]:
    for song in songs:
        taken: Counter[str] = Counter()
        for track in song.tracks:
            taken[track.name] += 1
            again = taken[track.name]
            name = track.name if again == 1 else f"{track.name} ({again})"
            yield _Entry(song, "stem", name, track.instrument, track.path)
        if song.mix:
            yield _Entry(song, "mix", "mix", "mixture", song.mix)


def _measure_all(
    paths: set[Path], journal: ScanJournal, threads: int
) -> tuple[dict[Path, Measurement], list[tuple[str, str]], int]:
    measured = {path: found for path in paths if (found := journal.find(path))}
    resumed = len(measured)
    failures: list[tuple[str, str]] = []
    for path, outcome in _measured_in_parallel(sorted(paths - measured.keys()), threads):
        if isinstance(outcome, Measurement):
            journal.add(path, outcome)
            measured[path] = outcome
        else:
            failures.append((str(path), outcome))
    useless = {path: reason for path, found in measured.items() if (reason := _no_use(found))}
    failures += [(str(path), reason) for path, reason in useless.items()]
    measured = {path: found for path, found in measured.items() if path not in useless}
    return measured, sorted(failures), resumed


def _no_use(found: Measurement) -> str | None:
    """Why a file that can be read is no track, or None."""
    if found.duration_s < SHORTEST_S:
        return f"is too short: {1000 * found.duration_s:.3g} ms, expected {1000 * SHORTEST_S:g} ms or more"
    return f"is silent: no 100 ms above {SILENCE_DBFS:.0f} dBFS" if found.silence_ratio >= 1 else None


def _measured_in_parallel(paths: list[Path], threads: int) -> Iterator[tuple[Path, Measurement | str]]:
    """Decoding, filtering and hashing all release the interpreter lock, so threads are enough.

    When it is interrupted, what was measured by then still comes before the interruption goes on.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="scan")
    stopped: BaseException | None = None
    try:
        waiting = {pool.submit(_measurement_or_reason, path): path for path in paths}
        try:
            for done in track_progress(as_completed(waiting), "scan", total=len(waiting)):
                stopped = done.exception()
                if stopped is not None:
                    break
                yield waiting.pop(done), done.result()
        except KeyboardInterrupt as interrupt:
            stopped = interrupt
        if stopped is not None:
            pool.shutdown(wait=True, cancel_futures=True)
            for done, path in waiting.items():
                if not done.cancelled() and done.exception() is None:
                    yield path, done.result()
            raise stopped
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _measurement_or_reason(path: Path) -> Measurement | str:
    try:
        return measure_file(path)
    except (FxrepError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return reason.removeprefix(f"{path}").lstrip(": ") or type(error).__name__


def _splits(entries: list[_Entry], measured: Mapping[Path, Measurement], fractions: SplitFractions) -> dict[str, str]:
    own: dict[str, str | None] = {}
    hashes: dict[str, list[str]] = {}
    for entry in entries:
        own[entry.song.name] = entry.song.split
        hashes.setdefault(entry.song.name, []).append(measured[entry.path].content_hash)
    splits = assign_splits(own, hashes, fractions)
    for song, split in splits.items():
        if own[song] not in (None, split):
            logger.info("%s: the dataset's split %s became %s", song, own[song], split)
    return splits


def _row(entry: _Entry, dataset: str, base: Path, split: str, measurement: Measurement) -> ManifestRow:
    return ManifestRow(
        path=Path(os.path.relpath(entry.path, base)).as_posix(),
        kind=entry.kind,
        dataset=dataset,
        song=entry.song.name,
        artist=entry.song.artist or "",
        licence=entry.song.licence or "",
        split=split,
        track=entry.track,
        instrument=entry.instrument,
        **asdict(measurement),
    )
