"""What gradient caching, bfloat16 and torch.compile cost and save: processor time and memory of a training step.

python benchmarks/training_at_scale.py [--pairs 64] [--seconds 4] [--chunk 16] [--encoder spectral|fx_encoder]

One process for each row, on noise, without reading and effects. "most memory" is what the step adds to the process's
memory before it; "first step" includes compilation. On a GPU (--device cuda) times are of the wall, memory is torch's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from encoders import EffectEncoder, FxEncoder, SpectralEncoder
from encoders.objectives import nt_xent
from encoders.training.gradient_cache import FeatureExtraction

ENCODERS: dict[str, Callable[[], EffectEncoder]] = {
    "spectral": SpectralEncoder,
    "fx_encoder": lambda: FxEncoder(
        [16, 32, 64, 96, 128, 192, 256, 256], [25, 25, 15, 15, 9, 9, 5, 5], [4, 4, 4] + 5 * [2]
    ),
}


def measure(arguments: argparse.Namespace, settings: dict[str, Any], results: Any) -> None:
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    encoder = ENCODERS[arguments.encoder]().train().to(device)
    features = FeatureExtraction(encoder, settings.get("chunk"), settings.get("backend"))
    a, b = 0.1 * torch.randn(2, arguments.pairs, 2, round(44100 * arguments.seconds), device=device)
    half = torch.autocast(device.type, torch.bfloat16) if settings.get("bf16") else nullcontext()
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    # A step on a few rows in chunks first: what it imports and plans is no part of what the others hold.
    small = FeatureExtraction(encoder, 2)
    with half:
        nt_xent(small(a[:4]).float(), small(b[:4]).float()).backward()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(arguments.steps + 1):
        started = clock()
        encoder.zero_grad()
        with half:
            loss = nt_xent(features(a).float(), features(b).float())
        loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - started)
    most_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    if device.type == "cuda":
        most_mb = torch.cuda.max_memory_allocated() / 2**20
    results.put((times[0], statistics.median(times[1:]), most_mb, float(loss.detach())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--chunk", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--encoder", choices=ENCODERS, default="spectral")
    arguments = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {
        "plain": {},
        f"{arguments.chunk} rows at a time": {"chunk": arguments.chunk},
        "bfloat16": {"bf16": True},
        "compiled": {"backend": "inductor"},
    }
    context = multiprocessing.get_context("spawn")
    print("| step | CPU s | against plain | most memory MB | first step CPU s | loss |")
    print("|---|---|---|---|---|---|", flush=True)
    plain = None
    for name, settings in rows.items():
        results = context.Queue()
        process = context.Process(target=measure, args=(arguments, settings, results))
        process.start()
        first, median, memory, loss = results.get()
        process.join()
        plain = plain or median
        print(f"| {name} | {median:.2f} | {median / plain:.2f} | {memory:.0f} | {first:.1f} | {loss:.4f} |", flush=True)


if __name__ == "__main__":
    main()
