"""Reading pairs from files and from shards, and writing shards: processor time and size.

python benchmarks/shards.py [--songs 4] [--pairs 60]

Generated songs of 30 s, pairs of 4 s in one process on a local disk: what is compared is the work of a processor, not a
disk or a network.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch

from fxrep.data import SplitFractions, scan
from fxrep.data.pairs import PairDataset
from fxrep.data.shards import ShardStream, write_shards
from fxrep.data.synthesis.dataset import generate_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        generate_dataset(root / "songs", songs=arguments.songs, duration_s=30.0, suffix="wav")
        manifest = scan(root / "songs", root / "songs.parquet", fractions=SplitFractions(0.0, 0.0), workers=1).manifest
        minutes = sum(row.duration_s for row in manifest.rows) / 60.0
        given = {"length": arguments.pairs, "segment_s": 4.0, "mixture_probability": 0.0}
        print(f"{minutes:.0f} minutes of tracks\n")
        print("| data | MB per hour | writing, CPU s per hour | CPU ms per pair |\n|---|---|---|---|", flush=True)
        size = sum(path.stat().st_size for path in (root / "songs").rglob("*.wav"))
        datasets = {"files, 24-bit WAV": (PairDataset(manifest, **given), size, 0.0)}
        for codec in ("flac", "flac16", "opus"):
            started = time.process_time()
            index = write_shards(manifest, root / codec, codec=codec, passage_s=10.0, shard_s=240.0).index
            seconds = time.process_time() - started
            stream = ShardStream((str(root / codec),), batch_size=20, batches_per_epoch=arguments.pairs // 20)
            size = sum(entry.bytes for entry in index.entries)
            datasets[f"shards, {codec}"] = PairDataset(stream, **given), size, seconds
        for name, (pairs, size, writing) in datasets.items():
            pairs[0]  # the first window, and what is compiled
            started = time.process_time()
            for item in range(1, arguments.pairs):
                pairs[item]
            each = 1000.0 * (time.process_time() - started) / (arguments.pairs - 1)
            written = f"{60.0 * writing / minutes:.0f}" if writing else ""
            print(f"| {name} | {60.0 * size / 1e6 / minutes:.0f} | {written} | {each:.1f} |", flush=True)


if __name__ == "__main__":
    main()
