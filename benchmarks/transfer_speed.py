"""Mixing in the style of a reference: seconds and memory of every method, from files to the mix.

    python benchmarks/transfer_speed.py                # 8 tracks of 10 s: some minutes of CPU time; keep 9 GB free
    python benchmarks/transfer_speed.py --song         # `fxrep transfer` on 16 tracks of 4 minutes

Tracks and reference are bursts of noise in files of 24 bit, half of the tracks stereo. The first table is analysis and
rendering of the mix by each method and by the published architecture: Diff-MST at its size and with its console, at
random weights, which cost as much as trained ones; it hears ten seconds at once, as its program does. Models are open
and kernels compiled before the clock starts. The second one is the whole command: mix, stems, settings and report.
Every row is a process of its own with two threads, and its memory is all that the process held at most. CPU seconds do
not depend on what else the machine does; one core needs at most those seconds, two cores at least half of them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SYSTEMS = {
    "published": "published Diff-MST at random weights",
    "diff_mst": "`diff_mst`",
    "inference_time": "`inference_time`, 60 steps",
    "mixfx_cloner": "`mixfx_cloner`",
}
ROW = "| {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} to {:.2f} | {:.2f} GB |"
HEAD = (
    "| method | analysis CPU s | rendering CPU s | wall s | times real time on two cores | peak memory |\n"
    + 6 * "|---"
    + "|"
)


def build(system: str, model: str | None) -> Any:
    """The method itself."""
    from style_transfer import create_method

    if system != "published":
        return create_method(system, model)
    from style_transfer.diff_mst import DiffMST, SpectrogramConditioning

    return DiffMST(SpectrogramConditioning(window_s=10.0), "dasp", 512, 12, 8, 2048, norm_first=False).eval()


def measure(system: str, folder: Path, model: str | None) -> dict[str, float]:
    """Analysis and rendering, in seconds, and memory in GB; run in a process of its own."""
    import torch

    from style_transfer import transfer

    torch.set_num_threads(2)
    method = build(system, model)
    # What is compiled at its first use is compiled on a second of sound; the heavy encoders need no such thing.
    if system != "published":
        short = transfer([folder / "short"], folder / "short.wav", _hurried(system, method))
        short.mix  # noqa: B018
    began, used = time.perf_counter(), time.process_time()
    result = transfer([folder / "song"], folder / "reference.wav", method)
    analysed = time.process_time()
    result.mix  # noqa: B018
    spent, wall = time.process_time(), time.perf_counter() - began
    return {
        "analysis_s": analysed - used,
        "rendering_s": spent - analysed,
        "wall_s": wall,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def _hurried(system: str, method: Any) -> Any:
    from style_transfer.inference_time import InferenceTime

    return InferenceTime(steps=1, window_s=1.0) if system == "inference_time" else method


def write_song(folder: Path, tracks: int, seconds: float) -> None:
    """Tracks and a reference, and a second of both."""
    from mixing_session import RATE, write_tracks

    from fxrep.audio import load_audio, save_audio

    for name, count, length in (("song", tracks, seconds), ("short", 2, 2.0)):
        (folder / name).mkdir()
        write_tracks(folder / name, count, length)
    for name, source in (("reference.wav", "song"), ("short.wav", "short")):
        mix = sum(load_audio(folder / source / f"track_{number}.wav", channels=2)[0] for number in range(2))
        save_audio(folder / name, 0.3 * mix, RATE)


def in_fresh_process(arguments: list[str]) -> tuple[str, float, float, float]:
    """Output, CPU seconds, wall seconds and peak GB of a command."""
    began = time.perf_counter()
    # A thread that waits for another must not count as work.
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed")
    return output, usage.ru_utime + usage.ru_stime, time.perf_counter() - began, usage.ru_maxrss / 1e6


def song_table(folder: Path, systems: list[str], model: str | None, seconds: float) -> None:
    print("| method | CPU s | wall s | times real time on two cores | peak memory |\n" + 5 * "|---" + "|")
    for name in [name for name in systems if name != "published"]:
        command = ["-m", "fxrep", "transfer", str(folder / "song"), "-r", str(folder / "reference.wav")]
        command += ["--method", name, "-o", str(folder / name)]
        command += ["--model", model] if model and name == "mixfx_cloner" else []
        _, cpu_s, wall_s, peak_gb = in_fresh_process(command)
        times = f"{seconds / cpu_s:.1f} to {2.0 * seconds / cpu_s:.1f}"
        print(f"| {SYSTEMS[name]} | {cpu_s:.1f} | {wall_s:.1f} | {times} | {peak_gb:.2f} GB |", flush=True)


def method_table(folder: Path, systems: list[str], model: str | None, seconds: float) -> None:
    print(HEAD)
    for name in systems:
        command = [__file__, "--measure", name, "--folder", str(folder)]
        command += ["--model", model] if model and name == "mixfx_cloner" else []
        found = json.loads(in_fresh_process(command)[0].splitlines()[-1])
        cpu_s = found["analysis_s"] + found["rendering_s"]
        parts = (found["analysis_s"], found["rendering_s"], found["wall_s"])
        print(ROW.format(SYSTEMS[name], *parts, seconds / cpu_s, 2.0 * seconds / cpu_s, found["peak_gb"]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--song", action="store_true", help="the second table instead of the first")
    parser.add_argument("--tracks", type=int, help="default: 8, or 16 of a song")
    parser.add_argument("--seconds", type=float, help="default: 10, or 240 of a song")
    parser.add_argument("--system", choices=SYSTEMS, action="append", help="only this; may be repeated")
    parser.add_argument("--model", help="release of the cloner, instead of the one that ships")
    parser.add_argument("--measure", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.folder, arguments.model)))
        return
    systems = arguments.system or list(SYSTEMS)
    tracks, seconds = (16, 240.0) if arguments.song else (8, 10.0)
    tracks, seconds = arguments.tracks or tracks, arguments.seconds or seconds
    print(f"{tracks} tracks of {seconds:g} s\n")
    with tempfile.TemporaryDirectory() as name:
        write_song(Path(name), tracks, seconds)
        (song_table if arguments.song else method_table)(Path(name), systems, arguments.model, seconds)


if __name__ == "__main__":
    main()
