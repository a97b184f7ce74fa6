"""Embedding throughput on the CPU: our encoders beside the published Fx-Encoder and Fx-Encoder++, in one run.

python benchmarks/embedding.py [--threads 2] [--seconds 10] [--model default --model tiny …]

Peak memory is that of a process of its own which loads one encoder and embeds the clip once, over what the same process
takes with the libraries imported and nothing loaded.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time

import torch
from effects_speed.measuring import held_mb

from encoders import EffectEncoder, FxEncoder, FxEncoderPlusPlus, SpectralEncoder, load_encoder


def measure(encoder: EffectEncoder, audio: torch.Tensor, repeats: int) -> tuple[float, float]:
    """Median wall and CPU seconds of one `embed` of (2, T) audio; weights do not change the speed."""
    encoder.eval()
    encoder.embed(audio, sample_rate=encoder.sample_rate)
    wall, cpu = [], []
    for _ in range(repeats):
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        encoder.embed(audio, sample_rate=encoder.sample_rate)
        wall.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    return statistics.median(wall), statistics.median(cpu)


PUBLISHED: dict[str, type[EffectEncoder]] = {
    "Fx-Encoder (published size)": FxEncoder,
    "Fx-Encoder++ (published size)": FxEncoderPlusPlus,
    "SpectralEncoder": SpectralEncoder,
}


def make_encoder(name: str) -> EffectEncoder:
    """An encoder with random weights, or a release by name or folder."""
    return PUBLISHED[name]() if name in PUBLISHED else load_encoder(name)


def peak_mb(name: str, seconds: float, threads: int) -> float:
    """Megabytes that loading an encoder and embedding once add to a fresh process at its highest."""
    torch.set_num_threads(threads)
    before = held_mb("VmRSS")
    make_encoder(name).eval().embed(0.1 * torch.randn(2, round(44100 * seconds)), sample_rate=44100)
    return held_mb("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the stereo clip")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--model", action="append", default=[], help="also a checkpoint, by name or folder")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    encoders = {name: make_encoder(name) for name in [*PUBLISHED, *arguments.model]}
    audio = 0.1 * torch.randn(2, round(44100 * arguments.seconds), generator=torch.Generator().manual_seed(0))
    # One after the other, then again in the other order: a machine that slows down in between would tilt one pass.
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in encoders}
    for names in (list(encoders), list(encoders)[::-1]):
        for name in names:
            found[name].append(measure(encoders[name], audio, arguments.repeats))
    print(f"{arguments.seconds:g} s stereo at 44.1 kHz, {arguments.threads} threads, torch {torch.__version__}\n")
    print("| encoder | parameters | wall ms | CPU ms | x real time (wall) | ratio | peak MB |")
    print("|---|---|---|---|---|---|---|")
    reference = min(wall for wall, _ in found["Fx-Encoder++ (published size)"])
    context = multiprocessing.get_context("spawn")
    for name, passes in found.items():
        wall, cpu = min(passes)
        size = sum(p.numel() for p in encoders[name].parameters()) / 1e6
        speed = arguments.seconds / wall
        with context.Pool(1) as pool:
            peak = pool.apply(peak_mb, (name, arguments.seconds, arguments.threads))
        print(
            f"| {name} | {size:.2f} M | {1e3 * wall:.1f} | {1e3 * cpu:.1f} | {speed:.0f} "
            f"| {reference / wall:.1f} | {peak:.0f} |"
        )


if __name__ == "__main__":
    main()
