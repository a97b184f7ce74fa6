"""Pairs per second of training, and where the time goes: data, effects, encoder.

python benchmarks/training_speed.py MANIFEST [--batch-size 32] [--steps 8]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from encoders import EffectEncoder, FxEncoder, SpectralEncoder
from encoders.objectives import nt_xent
from fxrep.data.pairs import PairDataset, PairRenderer


class Stopwatch:
    """CPU and wall seconds by name of what was done."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
        self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu


def train(encoder: EffectEncoder, arguments: argparse.Namespace) -> tuple[Stopwatch, int]:
    dataset = PairDataset(
        arguments.manifest, length=10**6, segment_s=arguments.segment_s, sample_rate=encoder.sample_rate
    )
    renderer = PairRenderer(arguments.chain)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-4)
    generator = torch.Generator().manual_seed(0)
    stopwatch, pairs = Stopwatch(), 0

    # The first step compiles kernels and is not counted.
    for step in range(arguments.steps + 1):
        clock = stopwatch if step else Stopwatch()
        with clock.measure("data"):
            items = [dataset[step * arguments.batch_size + i] for i in range(arguments.batch_size)]
            batch = {side: torch.stack([item[side] for item in items]) for side in "ab"}
        with clock.measure("effects"):
            rendered = renderer(batch, encoder.sample_rate, generator)
        with clock.measure("encoder"):
            nt_xent(encoder(rendered.a), encoder(rendered.b)).backward()
            optimizer.step()
            optimizer.zero_grad()
        pairs += len(rendered.a) if step else 0
    return stopwatch, pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--segment-s", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chain", default="default")
    parser.add_argument("--published", action="store_true", help="also the Fx-Encoder at its published size")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    encoders: dict[str, EffectEncoder] = {"SpectralEncoder": SpectralEncoder()}
    if arguments.published:
        encoders["Fx-Encoder (published size)"] = FxEncoder()
    print(
        f"{arguments.batch_size} contents of {arguments.segment_s:g} s a step, twice for hard negatives; "
        f"{arguments.threads} threads, reading in the same process\n"
    )
    print("| encoder | pairs per s | data | effects | encoder | data + effects | CPU s per pair |")
    print("|---|---|---|---|---|---|---|")
    for name, encoder in encoders.items():
        clock, pairs = train(encoder.train(), arguments)
        total = sum(clock.wall.values())
        shares = {part: seconds / total for part, seconds in clock.wall.items()}
        parts = " | ".join(f"{shares[part]:.0%}" for part in ("data", "effects", "encoder"))
        cpu = sum(clock.cpu.values()) / pairs
        print(f"| {name} | {pairs / total:.1f} | {parts} | {1 - shares['encoder']:.0%} | {cpu:.3f} |")


if __name__ == "__main__":
    main()
