"""Writing the shards of a manifest: each whole or not at all, and only those that are not there yet."""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from fxrep.audio import load_audio, resample
from fxrep.data.manifest import Manifest
from fxrep.data.segments import sounding_share
from fxrep.data.shards.archive import Sample, write_archive
from fxrep.data.shards.index import Holding, ShardEntry, ShardIndex, read_shard_index, write_shard_index
from fxrep.data.shards.members import CODECS, encode
from fxrep.data.shards.plan import Passage, PlannedShard, plan_shards
from fxrep.errors import ArgumentError, DataError, FxrepError, OutputError
from fxrep.files import atomic_file, file_hash, output_error
from fxrep.progress import track_progress

JOURNAL_NAME = "index.journal.jsonl"
_FORMAT_VERSION = 1


@dataclass(frozen=True)
class ShardingResult:
    """What `write_shards` did.

    Attributes:
        path: the index.
        index: what it says.
        written: shards written now.
        kept: shards that were there already.
        failures: (path, reason) of tracks that could not be read.
    """

    path: Path
    index: ShardIndex
    written: int
    kept: int
    failures: list[tuple[str, str]]


def write_shards(
    manifest: Manifest,
    folder: str | os.PathLike[str],
    *,
    codec: str = "flac",
    passage_s: float = 20.0,
    shard_s: float = 1200.0,
    sample_rate: int | None = None,
    seed: int = 0,
    workers: int = 1,
) -> ShardingResult:
    """Write the stems of a manifest as shards, ``train-000000.tar`` and so on, and ``index.json``.

    A sample is one passage: ``KEY.flac`` or ``KEY.opus``, and ``KEY.json`` with instrument, song, track, data set,
    artist, licence, place, loudness and the gain to take back. Passages in which nothing sounds are left out. The same
    manifest and arguments give the same bytes. What is there already is kept, so an interrupted call can be repeated;
    shards of an earlier call that are no longer wanted are removed.

    Args:
        manifest: whose stems; normally the Fx-normalised ones.
        folder: where the shards go.
        codec: ``"flac"`` (24 bit), ``"flac16"`` or ``"opus"`` (at 48 kHz, lossy).
        passage_s: shortest passage in seconds; no longer segment than this can be drawn of all of them.
        shard_s: seconds of audio in a shard, about.
        sample_rate: Hz to store; None keeps each track's.
        seed: another one deals the passages differently.
        workers: shards made at once; their bytes do not depend on it.

    Raises:
        ArgumentError: an argument is outside its range.
        DataError: the manifest has no stems, or none of them could be used.
        OutputError: the folder cannot be written, or the disk is full.
    """
    if codec not in CODECS:
        raise ArgumentError(f"format is {codec!r}: choose one of {', '.join(CODECS)}")
    if workers < 1 or seed < 0 or (sample_rate is not None and sample_rate < 1):
        raise ArgumentError(f"workers={workers}, seed={seed}, sample_rate={sample_rate}: expected 1, 0 and 1 or more")
    target = Path(folder)
    planned = plan_shards(manifest, passage_s, shard_s, seed)
    settings = {"codec": codec, "passage_s": passage_s, "shard_s": shard_s, "sample_rate": sample_rate, "seed": seed}
    recipes = {shard.name: shard.recipe(version=_FORMAT_VERSION, codec=codec, rate=sample_rate) for shard in planned}
    earlier = _earlier_entries(target)
    kept = {name: entry for name, entry in earlier.items() if _is_whole(target, entry, recipes.get(name))}
    missing = [shard for shard in planned if shard.name not in kept]
    writer = _Writer(manifest, target, codec, sample_rate, recipes)
    entries = dict(kept)
    for entry in track_progress(_write_all(writer, missing, workers), "shard", total=len(missing)):
        entries[entry.name] = entry
    chosen = [entries[shard.name] for shard in planned]
    failures = sorted({failure for entry in chosen for failure in entry.failures})
    if not any(entry.samples for entry in chosen):
        raise DataError(f"no track of the manifest could be used: {failures[0] if failures else 'all are silent'}")
    provenance = {split: manifest.filter(split=split, kind="stem").provenance() for split in _splits(chosen)}
    index = ShardIndex(chosen, provenance, settings, str(target))
    path = write_shard_index(target, index)
    for name in earlier.keys() - entries.keys():
        (target / name).unlink(missing_ok=True)
    (target / JOURNAL_NAME).unlink(missing_ok=True)
    return ShardingResult(path, index, len(missing), len(kept), failures)


class _Writer:
    """Makes one shard after the other."""

    def __init__(
        self, manifest: Manifest, folder: Path, codec: str, sample_rate: int | None, recipes: dict[str, str]
    ) -> None:
        self.manifest, self.folder, self.codec, self.sample_rate = manifest, folder, codec, sample_rate
        self.recipes = recipes
        self._lock = threading.Lock()

    def write(self, shard: PlannedShard) -> ShardEntry:
        """Write a shard and describe it."""
        held: dict[str, list[float]] = defaultdict(list)
        failures: list[tuple[str, str]] = []
        path = self.folder / shard.name
        with atomic_file(path) as draft:
            write_archive(draft, self._samples(shard, held, failures))
            size, checksum = draft.stat().st_size, file_hash(draft)
        holdings = {name: Holding(len(all_s), round(sum(all_s), 3), max(all_s)) for name, all_s in sorted(held.items())}
        recipe = self.recipes[shard.name]
        entry = ShardEntry(shard.name, shard.split, size, checksum, recipe, holdings, sorted(set(failures)))
        self._note(entry)
        return entry

    def _note(self, entry: ShardEntry) -> None:
        journal = self.folder / JOURNAL_NAME
        try:
            with self._lock, journal.open("a", encoding="utf-8") as stream:
                # The empty line ends one that a killed call left unfinished.
                stream.write("\n" + json.dumps(asdict(entry), ensure_ascii=False) + "\n")
        except OSError as error:
            raise output_error(journal, error) from error

    def _samples(
        self, shard: PlannedShard, held: dict[str, list[float]], failures: list[tuple[str, str]]
    ) -> Iterator[Sample]:
        suffix = CODECS[self.codec][0]
        for place, passage in enumerate(shard.passages):
            try:
                audio, rate = self._read(passage)
            except (FxrepError, OSError) as error:
                failures.append((passage.row.path, str(error)))
                continue
            share = sounding_share(audio, rate)
            if share == 0.0:
                continue
            data, gain_db = encode(audio, rate, self.codec)
            duration_s = audio.shape[-1] / rate
            held[passage.row.instrument].append(duration_s)
            about = _about(passage, duration_s, gain_db, round(share, 3))
            key = f"{shard.name.removesuffix('.tar')}-{place:05d}"
            text = json.dumps(about, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogateescape")
            yield Sample(key, {suffix: data, "json": text})

    def _read(self, passage: Passage) -> tuple[Tensor, int]:
        path, row = self.manifest.path_of(passage.row), passage.row
        if row.size_bytes and path.is_file() and path.stat().st_size != row.size_bytes:
            raise DataError("has changed since it was scanned: scan again with fxrep data scan")
        audio, rate = load_audio(path, start_s=passage.start_s, duration_s=passage.duration_s)
        if self.sample_rate is not None and rate != self.sample_rate:
            audio, rate = resample(audio, rate, self.sample_rate), self.sample_rate
        return audio, rate


def _about(passage: Passage, duration_s: float, gain_db: float, sounding: float) -> dict[str, Any]:
    row = passage.row
    return {
        **{
            name: getattr(row, name)
            for name in ("instrument", "song", "track", "dataset", "artist", "licence", "split")
        },
        "source": row.path,
        "source_hash": row.content_hash,
        "start_s": round(passage.start_s, 6),
        "duration_s": duration_s,
        "gain_db": gain_db,
        "sounding_share": sounding,
        "track_loudness_lufs": row.loudness_lufs,
    }


def _write_all(writer: _Writer, shards: list[PlannedShard], workers: int) -> Iterator[ShardEntry]:
    """Write shards, several at once: decoding and encoding release the interpreter lock."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="shard")
    try:
        yield from pool.map(writer.write, shards)
    finally:
        # After an interrupt those that are being written are still finished, and noted.
        pool.shutdown(wait=True, cancel_futures=True)


def _earlier_entries(folder: Path) -> dict[str, ShardEntry]:
    """What an earlier call left, finished or not."""
    found: dict[str, ShardEntry] = {}
    if (folder / "index.json").is_file():
        try:
            found = {entry.name: entry for entry in read_shard_index(folder).entries}
        except DataError as error:
            raise OutputError(f"{error}; or choose another folder, this one would be overwritten") from error
    with suppress(OSError):
        for line in (folder / JOURNAL_NAME).read_text(encoding="utf-8").splitlines():
            # The last line of a call that was killed may be cut short.
            with suppress(ValueError, KeyError, TypeError):
                entry = ShardEntry.from_plain(json.loads(line))
                found[entry.name] = entry
    return found


def _is_whole(folder: Path, entry: ShardEntry, recipe: str | None) -> bool:
    path = folder / entry.name
    # What could not be read the last time is tried again.
    return entry.recipe == recipe and not entry.failures and path.is_file() and path.stat().st_size == entry.bytes


def _splits(entries: list[ShardEntry]) -> list[str]:
    return list(dict.fromkeys(entry.split for entry in entries))
