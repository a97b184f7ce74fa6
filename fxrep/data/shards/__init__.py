"""Shards: tracks cut to passages, in tar archives that are read from front to back, from disks or object stores.

The archives follow WebDataset: members of one sample share a name up to its first dot. `write_shards` makes them and
their index, `ShardSampler` draws from them.
"""

from __future__ import annotations

from fxrep.data.shards.index import ShardEntry, ShardIndex, read_shard_index
from fxrep.data.shards.sampler import ShardSampler, ShardStream
from fxrep.data.shards.writing import ShardingResult, write_shards

__all__ = [
    "ShardEntry",
    "ShardIndex",
    "ShardSampler",
    "ShardStream",
    "ShardingResult",
    "read_shard_index",
    "write_shards",
]
