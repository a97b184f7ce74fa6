"""Which passage of which track goes into which shard, from the manifest alone.

A pair is two contents of one instrument, and is drawn from the few shards that a process holds at a time. So each
instrument is spread evenly over the shards, of different songs next to each other, and one with fewer passages than
shards goes into fewer of them, never alone.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fxrep.data.manifest import Manifest, ManifestRow
from fxrep.data.multitrack import SPLITS
from fxrep.data.segments import UNKNOWN_INSTRUMENT
from fxrep.errors import ArgumentError, DataError

TOGETHER = 2
"""Passages of one instrument in a shard, at the least, where it has so many."""


@dataclass(frozen=True)
class Passage:
    """A part of a track: `row` of the manifest, from `start_s` for `duration_s`."""

    row: ManifestRow
    start_s: float
    duration_s: float

    @property
    def song(self) -> tuple[str, str]:
        """The song, told apart from those of other datasets."""
        return self.row.dataset, self.row.song


@dataclass(frozen=True)
class PlannedShard:
    """A shard to write: its file name, its split and what it holds, in this order."""

    name: str
    split: str
    passages: tuple[Passage, ...]

    def recipe(self, **settings: object) -> str:
        """A hash of all that decides on the shard's bytes; `settings` are those of the writing."""
        parts = [
            [p.row.path, p.row.content_hash, p.row.instrument, *p.song, p.start_s, p.duration_s] for p in self.passages
        ]
        return hashlib.sha256(json.dumps([self.name, settings, parts], sort_keys=True).encode()).hexdigest()


def plan_shards(
    manifest: Manifest, passage_s: float = 20.0, shard_s: float = 1200.0, seed: int = 0
) -> list[PlannedShard]:
    """Cut the stems of a manifest to passages and deal them out.

    The plan depends on the rows, not on their order, and on the arguments.

    Args:
        manifest: what to cut.
        passage_s: shortest passage in seconds; tracks are cut to equal parts of this length or a little more, so all
            of a track is used once. A track shorter than that is one passage.
        shard_s: seconds of audio in a shard, about.
        seed: another one deals differently.

    Raises:
        ArgumentError: a length is not positive, or shards are shorter than passages.
        DataError: the manifest has no stems.
    """
    if not 0.0 < passage_s < float("inf") or not passage_s <= shard_s < float("inf"):
        raise ArgumentError(f"passages of {passage_s} s in shards of {shard_s} s: expected positive, shards the longer")
    stems = sorted(
        manifest.filter(kind="stem").rows,
        key=lambda row: (row.dataset, row.song, row.track, row.path, row.content_hash),
    )
    if not stems:
        raise DataError("the manifest has no stems: shards are made of tracks, see fxrep data scan --help")
    planned: list[PlannedShard] = []
    for number, split in enumerate(SPLITS):
        passages = [passage for row in stems if row.split == split for passage in _cut(row, passage_s)]
        if passages:
            rng = np.random.default_rng([seed, number])
            shards = _deal(passages, shard_s, rng)
            planned += [
                PlannedShard(f"{split}-{place:06d}.tar", split, tuple(shard)) for place, shard in enumerate(shards)
            ]
    return planned


def _cut(row: ManifestRow, passage_s: float) -> list[Passage]:
    count = max(1, int(row.duration_s / passage_s))
    length = row.duration_s / count
    return [Passage(row, place * length, length) for place in range(count)]


def _deal(passages: Sequence[Passage], shard_s: float, rng: np.random.Generator) -> list[list[Passage]]:
    total_s = sum(passage.duration_s for passage in passages)
    shards: list[list[Passage]] = [[] for _ in range(max(1, round(total_s / shard_s)))]
    filled_s = np.zeros(len(shards))
    by_instrument: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        by_instrument[passage.row.instrument].append(passage)
    # The common ones first: the rare then fill up what is left lower.
    for instrument, group in sorted(by_instrument.items(), key=lambda item: (-len(item[1]), item[0])):
        together = 1 if instrument == UNKNOWN_INSTRUMENT else TOGETHER
        used = min(len(shards), max(1, len(group) // together))
        emptiest = np.lexsort((rng.random(len(shards)), filled_s))[:used]
        ordered = _songs_apart(group, rng)
        for place, shard in enumerate(rng.permutation(emptiest)):
            part = ordered[place * len(ordered) // used : (place + 1) * len(ordered) // used]
            shards[shard] += part
            filled_s[shard] += sum(passage.duration_s for passage in part)
    return [[shard[place] for place in rng.permutation(len(shard))] for shard in shards]


def _songs_apart(passages: Sequence[Passage], rng: np.random.Generator) -> list[Passage]:
    """One passage of every song, then another of each, and so on: neighbours are of different songs where they can."""
    by_song: dict[tuple[str, str], list[Passage]] = defaultdict(list)
    for passage in passages:
        by_song[passage.song].append(passage)
    songs = [[group[place] for place in rng.permutation(len(group))] for group in by_song.values()]
    order = rng.permutation(len(songs))
    longest = max(len(group) for group in songs)
    return [songs[song][turn] for turn in range(longest) for song in order if turn < len(songs[song])]
