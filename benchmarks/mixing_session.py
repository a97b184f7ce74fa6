"""Time and memory of whole songs as mixing sessions: one Markdown table.

    python benchmarks/mixing_session.py [--tracks 16] [--seconds 60 240] [--threads 2]

Noise in bursts in files of 24 bit, half of them stereo, on the project's console with every effect of every strip in
use, both sends of every track up and the limiter on. What is measured of each song: loudness of all tracks and windows
in which they sound; the mix, as the console makes it of the levelled tracks; the same with everything set otherwise
from the middle on; wet stems. Each runs in a process of its own, after a song of one second, so that kernels are
compiled; memory is what it held at most above what it held then.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from fxrep.audio import save_blocks
from fxrep.effects import ConsoleSettings, default_console
from fxrep.mixing import MixSession, Section, TrackSet

RATE = 44100


def write_tracks(folder: Path, count: int, seconds: float) -> Path:
    generator = torch.Generator().manual_seed(0)
    fall = torch.exp(-(torch.arange(RATE) % (RATE // 2)) / 4000.0)
    for number in range(count):
        blocks = (0.1 * fall * torch.randn(1 + number % 2, RATE, generator=generator) for _ in range(int(seconds)))
        save_blocks(folder / f"track_{number}.wav", blocks, RATE, subtype="PCM_24")
    return folder


def draw_settings(names: list[str], seed: int) -> ConsoleSettings:
    console = default_console()
    generator = torch.Generator().manual_seed(seed)
    shapes = ((1, len(names), console.track_size), (1, console.bus_size), (1, console.master_size))
    positions = [0.3 + 0.4 * torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    settings = console.unstack(console.denormalize(*positions), names)
    return settings.edit("master", "limiter.ceiling_db", -1)


def analyse(folder: Path, output: Path, threads: int) -> None:
    tracks = TrackSet([folder])
    tracks.input_gain_db(-24.0)
    tracks.windows(10.0, 3)


def mix(folder: Path, output: Path, threads: int, sections: int = 0, stems: bool = False) -> None:
    tracks = TrackSet([folder])
    gains = dict.fromkeys(tracks.names, -6.0)
    later = [Section(tracks.duration_s / 2, draw_settings(tracks.names, 2))][:sections]
    session = MixSession(draw_settings(tracks.names, 1), tracks, gains, later)
    if stems:
        session.stems_to(output)
    else:
        save_blocks(output / "mix.wav", session.iter_blocks(threads=threads), RATE)


WORK: dict[str, Callable[[Path, Path, int], None]] = {
    "loudness and windows": analyse,
    "mix": mix,
    "mix, two sections": lambda *call: mix(*call, sections=1),
    "stems": lambda *call: mix(*call, stems=True),
}


def measure(name: str, folder: Path, threads: int, results: multiprocessing.SimpleQueue) -> None:
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as output:
        WORK[name](write_tracks(Path(output) / "short", 2, 1.0), Path(output), threads)
        before, used = peak_mb(), time.process_time()
        WORK[name](folder, Path(output), threads)
        results.put((time.process_time() - used, peak_mb() - before))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=16)
    parser.add_argument("--seconds", type=float, nargs="+", default=[60.0, 240.0])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print("| work | tracks | seconds of music | CPU s | MB |\n|---|---|---|---|---|")
    # Fresh interpreters: a fork of this one would begin with the memory that it held.
    fresh = multiprocessing.get_context("spawn")
    for seconds in arguments.seconds:
        with tempfile.TemporaryDirectory() as folder:
            write_tracks(Path(folder), arguments.tracks, seconds)
            for name in WORK:
                results = fresh.SimpleQueue()
                process = fresh.Process(target=measure, args=(name, Path(folder), arguments.threads, results))
                process.start()
                used, memory = results.get()
                process.join()
                print(
                    f"| {name} | {arguments.tracks} | {seconds:g} | {used:.1f} | {memory:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
