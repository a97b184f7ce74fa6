"""Retrieval of encoders that were all trained for the same CPU time on the same data, beside the baselines.

python benchmarks/equal_time.py MANIFEST [--minutes 10] [--split test]

Every encoder starts from random weights and sees the same stream of pairs until its CPU seconds are spent.
"""

from __future__ import annotations

import argparse
import math
import time

import torch

from encoders import EffectEncoder, FxEncoder, SpectralEncoder
from encoders.evaluation import RetrievalProtocol, baseline_systems, encoder_system, retrieval_benchmark
from encoders.objectives import nt_xent
from fxrep.cli.evaluate import retrieval_table
from fxrep.data import read_manifest
from fxrep.data.pairs import PairDataset, PairRenderer


def train(encoder: EffectEncoder, arguments: argparse.Namespace, learning_rate: float) -> int:
    """Train for the CPU time given; returns the pairs seen. Cosine over the time that is left, 5 % warm-up."""
    dataset = PairDataset(arguments.manifest, length=10**6, segment_s=arguments.segment_s)
    renderer, generator = PairRenderer("default"), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=learning_rate)
    encoder.train()
    start, budget, pairs, step = time.process_time(), 60.0 * arguments.minutes, 0, 0
    while (spent := (time.process_time() - start) / budget) < 1.0:
        items = [dataset[step * arguments.batch_size + i] for i in range(arguments.batch_size)]
        batch = {side: torch.stack([item[side] for item in items]) for side in "ab"}
        rendered = renderer(batch, encoder.sample_rate, generator)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * min(spent / 0.05 + 1e-3, 0.5 + 0.5 * math.cos(math.pi * spent))
        nt_xent(encoder(rendered.a), encoder(rendered.b)).backward()
        optimizer.step()
        optimizer.zero_grad()
        pairs, step = pairs + len(rendered.a), step + 1
    encoder.eval()
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest")
    parser.add_argument("--minutes", type=float, default=10.0, help="CPU minutes per encoder")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--segment-s", type=float, default=4.0)
    parser.add_argument("--split", default="test")
    parser.add_argument("--groups", type=int, default=1)
    arguments = parser.parse_args()
    systems = baseline_systems()
    # The published learning rate for the published network; both networks diverge or crawl at the other's.
    for name, factory, learning_rate in (
        ("SpectralEncoder", SpectralEncoder, 1e-3),
        ("Fx-Encoder (published size)", FxEncoder, 1e-4),
    ):
        torch.manual_seed(0)
        systems[f"{name}, untrained"] = encoder_system(factory().eval())
        torch.manual_seed(0)
        encoder = factory()
        pairs = train(encoder, arguments, learning_rate)
        systems[f"{name}, {pairs} pairs"] = encoder_system(encoder)
    protocol = RetrievalProtocol(split=arguments.split, groups=arguments.groups)
    results = retrieval_benchmark(systems, read_manifest(arguments.manifest), protocol)
    print(f"{arguments.minutes:g} CPU minutes of training each, batches of {arguments.batch_size} contents\n")
    print(retrieval_table(results, protocol.candidates, protocol.instruments_used))


if __name__ == "__main__":
    main()
