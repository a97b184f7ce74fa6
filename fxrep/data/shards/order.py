"""Which shards an item is drawn from: a window that slides over them, computed from the item's place in the run.

Nothing is remembered from one item to the next, so a run goes on anywhere after reading one window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ShardOrder:
    """The shards are dealt to lanes anew in each pass; a lane has a window of neighbours and moves it on as it draws.

    Batch k of the run, `group` items of one process, is of lane k modulo `lanes`. With as many lanes as processes
    times workers, every worker of every machine serves one lane, and reads its shards alone.

    Attributes:
        shards: how many there are.
        lanes: how many streams there are, at most one a shard.
        window: shards that a lane draws from at a time: the shuffle buffer.
        batches_per_pass: batches of a lane until it has gone through its share of the shards.
        group: items per batch and process.
        groups_per_epoch: batches of all processes in an epoch.
        seed: another one deals differently.
    """

    shards: int
    lanes: int
    window: int
    batches_per_pass: int
    group: int
    groups_per_epoch: int
    seed: int = 0

    def place(self, epoch: int, index: int) -> tuple[int, list[int], int | None]:
        """Item `index` of an epoch: its lane, the shards it is drawn from, and the one that comes next, if any."""
        batch = epoch * self.groups_per_epoch + index // self.group
        lane, step = batch % self.lanes, batch // self.lanes
        own = len(range(lane, self.shards, self.lanes))
        if own <= self.window:
            return lane, self._dealt(lane, step // self.batches_per_pass), None
        first = step * own // self.batches_per_pass
        # At the end of a pass the first shards of the next one come in; one of them may be there still.
        window = list(dict.fromkeys(self._at(lane, own, first + place) for place in range(self.window)))
        upcoming = self._at(lane, own, first + self.window)
        return lane, window, None if upcoming in window else upcoming

    def _at(self, lane: int, own: int, place: int) -> int:
        turn, place = divmod(place, own)
        return self._dealt(lane, turn)[place]

    def _dealt(self, lane: int, turn: int) -> list[int]:
        order = np.random.default_rng([self.seed, turn]).permutation(self.shards)
        return [int(shard) for shard in order[lane :: self.lanes]]
