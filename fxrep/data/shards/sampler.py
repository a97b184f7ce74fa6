"""Drawing segments from shards: what `SegmentSampler` does with files, with a window of shards in memory."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from fxrep.data.segments import SegmentDrawing, Source
from fxrep.data.shards.addresses import read_address
from fxrep.data.shards.archive import Sample, read_archive
from fxrep.data.shards.index import ShardEntry, joint_holdings, read_shard_index
from fxrep.data.shards.members import decode
from fxrep.data.shards.order import ShardOrder
from fxrep.errors import ArgumentError, DataError

log = logging.getLogger(__name__)

SLACK_S = 1e-3
"""A passage that rounding to whole samples made this much shorter is padded, not refused."""


@dataclass(frozen=True)
class ShardPassage(Source):
    """A passage in memory, still encoded: `data` of a file, lowered by `gain_db`."""

    data: bytes | memoryview = b""
    gain_db: float = 0.0


@dataclass(frozen=True)
class ShardStream:
    """Shards to draw from, and in which order: what data sets take in place of a manifest.

    Attributes:
        addresses: folders or URLs of sets of shards, or their indexes.
        batch_size: items per batch of one process.
        batches_per_epoch: batches of all processes in an epoch.
        lanes: see `ShardOrder`.
        window: shards in memory per lane.
        draws_per_passage: how often each passage is drawn before the window has moved on, on average over a pass.
        everywhere: draw only instruments that every shard holds: processes with different shards then draw the same.
        seed: of the order.
    """

    addresses: tuple[str, ...]
    batch_size: int
    batches_per_epoch: int
    lanes: int = 1
    window: int = 4
    draws_per_passage: float = 4.0
    everywhere: bool = False
    seed: int = 0

    def open_sampler(
        self, split: str | None, segment_s: float, sample_rate: int, loudness_lufs: float | None
    ) -> ShardSampler:
        """A sampler of these shards."""
        return ShardSampler(self, split, segment_s, sample_rate, loudness_lufs)


class ShardSampler(SegmentDrawing):
    """Draws sounding segments from the passages of the shards at hand.

    `seek` says which item comes next, and loads what it needs; the following shard is read ahead. Checksums are
    compared at every reading. Memory holds `window` shards per lane that is served, encoded as they are on the disk.

    Args:
        stream: the shards and their order.
        split: whose shards; None for all.
        segment_s: length of a segment in seconds.
        sample_rate: Hz of the returned audio.
        loudness_lufs: every segment is brought to this loudness; None leaves the level as recorded.

    Raises:
        ArgumentError: a setting of the stream is out of range.
        DataError: there are no shards, an index is damaged, or no passage of that split is as long as one segment.
    """

    def __init__(
        self,
        stream: ShardStream,
        split: str | None = None,
        segment_s: float = 4.0,
        sample_rate: int = 44100,
        loudness_lufs: float | None = -23.0,
    ) -> None:
        super().__init__(segment_s, sample_rate, loudness_lufs)
        _check(stream)
        self._entries = [
            (number, f"{index.address}/{entry.name}", entry)
            for number, index in enumerate(read_shard_index(address) for address in stream.addresses)
            for entry in index.of_split(split)
        ]
        entries = [entry for _, _, entry in self._entries]
        held = joint_holdings(entries)
        self._seconds = {name: part.seconds for name, part in held.items() if part.longest_s >= segment_s - SLACK_S}
        if stream.everywhere:
            self._seconds = _in_every(entries, self._seconds, segment_s)
        if not self._seconds:
            which = "every shard" if stream.everywhere else "the shards"
            raise DataError(
                f"no passage of {segment_s:g} s or more in {which} of split {split or 'all'!r} of "
                f"{', '.join(stream.addresses)}: use shorter segments, or write longer passages (--passage)"
            )
        self.everywhere = stream.everywhere
        self.order = _order(stream, sum(entry.samples for entry in entries), len(entries))
        self._loaded: dict[int, list[ShardPassage]] = {}
        self._windows: dict[int, list[int]] = {}
        self._reader: ThreadPoolExecutor | None = None
        self._ahead: dict[int, Future[list[ShardPassage]]] = {}

    @property
    def instruments(self) -> list[str]:
        """Those of the window, or those of every shard, sorted."""
        return sorted(self._seconds) if self.everywhere else super().instruments

    def seek(self, epoch: int, index: int) -> None:
        """Hold the shards that item `index` of an epoch is drawn from.

        Raises:
            DataError: a shard is missing or damaged, or holds no passage that is long enough.
        """
        lane, window, upcoming = self.order.place(epoch, index)
        if self._windows.get(lane) != window:
            self._windows[lane] = window
            self._load(window, upcoming)
        sources: dict[str, list[Source]] = defaultdict(list)
        for number in window:
            for passage in self._loaded[number]:
                sources[passage.instrument].append(passage)
        if not sources:
            names = ", ".join(self._entries[number][1] for number in window)
            raise DataError(f"no passage of {self.segment_s:g} s or more in {names}: raise the window")
        self.sources = sources

    def _load(self, window: list[int], upcoming: int | None) -> None:
        wanted = {number for held in self._windows.values() for number in held}
        for number in window:
            if number not in self._loaded:
                ahead = self._ahead.pop(number, None)
                self._loaded[number] = self._read_shard(number) if ahead is None else ahead.result()
        for number in self._loaded.keys() - wanted:
            del self._loaded[number]
        self._ahead = {number: future for number, future in self._ahead.items() if number not in wanted}
        if upcoming is not None and upcoming not in self._loaded and upcoming not in self._ahead:
            if self._reader is None:  # made where it is used: threads are not copied to other processes
                self._reader = ThreadPoolExecutor(1, thread_name_prefix="shards")
            self._ahead[upcoming] = self._reader.submit(self._read_shard, upcoming)

    def _read_shard(self, number: int) -> list[ShardPassage]:
        collection, address, entry = self._entries[number]
        data = read_address(address)
        if len(data) != entry.bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise DataError(f"{address} is not as its index says: copy it again, or write it with fxrep data shard")
        passages = (_passage(sample, collection, address) for sample in read_archive(data, address))
        return [
            passage
            for passage in passages
            if passage.instrument in self._seconds and passage.duration_s >= self.segment_s - SLACK_S
        ]

    def _seconds_of(self, instrument: str) -> float:
        return self._seconds[instrument]

    def _decode(self, source: Source, start_s: float) -> tuple[Tensor, int]:
        assert isinstance(source, ShardPassage)
        audio, rate = decode(source.data, str(source.path), start_s, self.segment_s)
        return audio * 10.0 ** (-source.gain_db / 20.0), rate


def _passage(sample: Sample, collection: int, address: str) -> ShardPassage:
    name = f"{address}/{sample.key}"
    try:
        about = json.loads(bytes(sample.members["json"]))
        data = next(member for suffix, member in sample.members.items() if suffix != "json")
        song = f"{collection}/{about['dataset']}/{about['song']}"
        return ShardPassage(
            Path(name), str(about["instrument"]), song, float(about["duration_s"]), data, float(about["gain_db"])
        )
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise DataError(f"{name} is no sample that fxrep data shard wrote: write the shards again") from error


def _in_every(entries: Sequence[ShardEntry], seconds: dict[str, float], segment_s: float) -> dict[str, float]:
    def is_everywhere(name: str) -> bool:
        return all(
            name in entry.instruments and entry.instruments[name].longest_s >= segment_s - SLACK_S for entry in entries
        )

    return {name: value for name, value in seconds.items() if is_everywhere(name)}


def _order(stream: ShardStream, passages: int, shards: int) -> ShardOrder:
    lanes = min(stream.lanes, shards)
    if lanes < stream.lanes:
        log.warning(
            "%d shards for %d readers: several read the same ones; write smaller shards (--shard-minutes)",
            shards,
            stream.lanes,
        )
    batches = round(stream.draws_per_passage * passages / (2 * stream.batch_size * lanes))
    return ShardOrder(
        shards, lanes, stream.window, max(1, batches), stream.batch_size, stream.batches_per_epoch, stream.seed
    )


def _check(stream: ShardStream) -> None:
    if not stream.addresses:
        raise ArgumentError("shards is an empty list: name at least one set of shards")
    if stream.window < 1 or not 0.0 < stream.draws_per_passage < float("inf") or stream.lanes < 1:
        raise ArgumentError(
            f"window={stream.window}, draws_per_passage={stream.draws_per_passage}, lanes={stream.lanes}: "
            "expected 1 or more shards, a positive number and 1 or more lanes"
        )
