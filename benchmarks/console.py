"""Speed and memory of mixing a whole song on the full console: one Markdown table.

    python benchmarks/console.py [--seconds 240] [--tracks 16] [--threads 2] [--repetitions 3]

Noise in files of 24 bit, half of them stereo; every effect of every strip in use, two groups, both sends of every
track up, the limiter on. The factor is seconds of music per second of wall clock, reading and writing included; beside
it processor time, and the most memory that the process held, with what it held before the song.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import torch

from fxrep.audio import save_blocks
from fxrep.effects import ConsoleSettings, MixingConsole, default_console

RATE = 44100


def make_tracks(folder: Path, count: int, seconds: float) -> dict[str, Path]:
    """Write tracks of noise in bursts, mono and stereo in turn, the last a little shorter than the first."""
    generator = torch.Generator().manual_seed(0)
    tracks = {}
    for number in range(count):
        length = int(seconds * RATE) - 1000 * number
        path = folder / f"track_{number}.wav"
        blocks = (
            0.1 * torch.randn(1 + number % 2, min(RATE, length - start), generator=generator)
            for start in range(0, length, RATE)
        )
        save_blocks(path, blocks, RATE, subtype="PCM_24")
        tracks[path.stem] = path
    return tracks


def draw_settings(console: MixingConsole, names: list[str]) -> ConsoleSettings:
    """Draw settings with every effect in use; each track in one of two groups, or in none."""
    generator = torch.Generator().manual_seed(1)
    shapes = ((1, len(names), console.track_size), (1, console.bus_size), (1, console.master_size))
    positions = [0.3 + 0.4 * torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    for part, labels in zip(positions, console.setting_names(), strict=True):
        part[..., [column for column, label in enumerate(labels) if "fader" in label]] = 0.75
    members = {
        group: torch.tensor([[number % 3 == place for number in range(len(names))]])
        for place, group in enumerate(console.groups)
    }
    settings = console.unstack(console.denormalize(*positions, members), names)
    return settings.edit("master", "limiter.ceiling_db", -1)


def memory_mb() -> float:
    """Return the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(label: str, console: MixingConsole, settings: ConsoleSettings, tracks: dict, arguments) -> str:
    wall, processor = [], []
    for _ in range(arguments.repetitions):
        start, used = time.perf_counter(), time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            console.render_song(tracks, settings, Path(folder) / "mix.wav", threads=arguments.threads)
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    seconds, cpu = statistics.median(wall), statistics.median(processor)
    return f"| {label} | {seconds:.1f} | {arguments.seconds / seconds:.1f} | {cpu:.1f} | {memory_mb():.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--tracks", type=int, default=16)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    console = default_console(groups=["drums", "band"])
    with tempfile.TemporaryDirectory() as name:
        # One second first: what is compiled at first use does not count.
        warm = make_tracks(Path(name), 2, 1.0)
        console.render_song(warm, draw_settings(console, list(warm)), Path(name) / "mix.wav")
        tracks = make_tracks(Path(name), arguments.tracks, arguments.seconds)
        names = list(tracks)
        load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
        print(f"{arguments.tracks} tracks, {arguments.seconds:g} s at {RATE} Hz, {arguments.threads} threads, {load};")
        print(f"{memory_mb():.0f} MB held before the first song\n")
        print("| console | wall s | times real time | CPU s | peak MB |\n|---|---|---|---|---|", flush=True)
        print(measure("neutral", console, console.default_settings(names), tracks, arguments), flush=True)
        print(measure("everything on", console, draw_settings(console, names), tracks, arguments), flush=True)


if __name__ == "__main__":
    main()
