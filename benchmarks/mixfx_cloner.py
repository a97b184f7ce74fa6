"""CPU seconds and memory for a second of audio through the MixFXcloner: as published, and as it is rendered here.

python benchmarks/mixfx_cloner.py [--repeats 1]

Both forms at random weights, one thread, one stereo stem at 44.1 kHz. "one pass" is the network as its layers stand,
plain convolutions over the whole stem; to render a song in blocks that way, each block needs the receptive field around
it, which the row "blocks with context" counts in. "shipped" keeps what each layer has to hear again and convolves in
fewer products. The error is that of the shipped way against one pass, on a stem shorter than its blocks.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from style_transfer.mixfx_cloner import PUBLISHED, SMALL, ClonerNetwork, ClonerStream
from style_transfer.mixfx_cloner.stem_rendering import BLOCK

RATE = 44100
PUBLISHED_BLOCK = 1 << 19


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return sorted(seconds)[len(seconds) // 2]


@torch.no_grad()
def error_db(network: ClonerNetwork, embedding: Tensor) -> float:
    stem = 0.1 * torch.randn(1, 2, 5000)
    stream = ClonerStream(network, embedding)
    parts = [stream.push(part) for part in stem.split(2000, -1)]
    rest = stream.finish()
    assert rest is not None
    found, wanted = torch.cat([*parts, rest], -1), network(stem, embedding[None])
    return float(20.0 * torch.log10((found - wanted).abs().max() / wanted.abs().max()))


def measure(name: str, sizes: dict[str, Any], condition: int, repeats: int) -> None:
    torch.manual_seed(0)
    network = ClonerNetwork(condition, **sizes).eval()
    torch.nn.init.normal_(network.head.weight, std=0.05)
    embedding = torch.nn.functional.normalize(torch.randn(condition), dim=0)
    stem = 0.1 * torch.randn(1, 2, RATE)
    with torch.no_grad():
        plain = cpu_seconds(lambda: network(stem, embedding[None]), repeats)
    context = plain * (1.0 + 2 * network.reach / PUBLISHED_BLOCK)
    stream, block = ClonerStream(network, embedding), 0.1 * torch.randn(1, 2, BLOCK)
    # What the deepest layers hear has to be filled before a block costs what all later ones cost.
    for _ in range(1 + network.reach // BLOCK):
        stream.push(block)
    shipped = cpu_seconds(lambda: stream.push(block), max(2, repeats)) * RATE / BLOCK
    rows = [("one pass", plain), (f"blocks of {PUBLISHED_BLOCK} with context", context), ("shipped", shipped)]
    for way, seconds in rows:
        print(f"| {name} | {way} | {seconds:.3f} | {1.0 / seconds:.2f} |", flush=True)
    weights, error = sum(parameter.numel() for parameter in network.parameters()), error_db(network, embedding)
    print(f"\n{name}: {weights:,} weights, {network.receptive_field:,} samples, error {error:.0f} dB\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    print("| form | way | CPU seconds per second | times real time on one core |\n|---|---|---|---|")
    measure("published", PUBLISHED, 2048, repeats)
    measure("small", SMALL, 128, repeats)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
