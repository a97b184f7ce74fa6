"""Time and memory of Fx-normalisation: tables of `normalization.py`."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import published_normalization as published
import torch

from fxrep.audio import save_blocks
from fxrep.normalization import FxNormalizer
from fxrep.normalization.fitting import FitTrack
from fxrep.normalization.sources import TensorSource

MINUTES = 4
LONG_HOURS = 3
REPEATS = 3
MOST_SETTINGS = 20
"""Of the published compressor that are tried before it counts as found: the search can take a quarter of an hour."""

Heard = Iterator[tuple[FitTrack, torch.Tensor, int]]
T = TypeVar("T")


def long_track(tracks: Heard, minutes: float) -> tuple[FitTrack, torch.Tensor]:
    """One track again and again, each time at another level, so that it is no loop to any measure."""
    track, audio, rate = next(tracks)
    repeats = -(-round(minutes * 60 * rate) // audio.shape[-1])
    levels = torch.linspace(0.5, 1.0, repeats).repeat_interleave(audio.shape[-1])
    return track, (audio.repeat(1, repeats) * levels)[:, : round(minutes * 60 * rate)].contiguous()


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Seconds of the processors, the least of three, and the result."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time()
        result = call()
        best = min(best, time.process_time() - began)
    return best, result


def compare_speed(normalizer: FxNormalizer, tracks: Heard) -> None:
    """Step by step, each side on what its own step before has made, with targets off by 3 dB so that all have work."""
    other, reference, rate = next(tracks)
    track, audio = long_track(tracks, MINUTES)
    source, name = TensorSource(audio[None], rate), track.instrument
    plain = audio.double().numpy()
    goal = published.measure(reference.double().numpy(), name)
    published.compress_channel(plain[0, :1000], -20.0, 4.0, 1.0, 1.0)  # compiles
    rows: list[tuple[str, float, float, str]] = []
    for step in normalizer.steps:
        target = step.measure(reference, rate, name)
        if step.name == "dynamics":
            # Lower by 3 dB than what the step before has left.
            target = step.measure_source(source, [name])[0] * [1.0, 0.0] - [3.0, 0.0]
            mean, deviation = published.measure(plain, name).peak_db
        change_s, changed = timed(lambda: _changed(step, source, target, name))  # noqa: B023
        note, began = "", time.process_time()
        if step.name == "eq":
            plain = published.equalize(plain, goal.spectrum, name)
        elif step.name == "dynamics":
            plain, tried = published.compress(plain, (mean - 3.0 - deviation, deviation), name, most=MOST_SETTINGS)
            note = f"{tried} settings tried" + (", given up" if tried >= MOST_SETTINGS else "")
        elif step.name == "panning":
            plain = published.pan(plain, goal.panning, name)
        elif step.name == "loudness":
            plain = published.set_loudness(plain, goal.loudness_lufs)
        else:
            note = "not published"
        rows.append((step.name, change_s, time.process_time() - began if note != "not published" else 0.0, note))
        source = changed
    print(
        f"{track.instrument}, {MINUTES} min, stereo, {torch.get_num_threads()} threads; targets: {other.instrument}.\n"
    )
    print("Seconds of the processors.\n")
    print("| step | fxrep s | plain NumPy / SciPy s | ratio | |\n|---|---|---|---|---|")
    shared = [row for row in rows if row[3] != "not published"]
    rows.append(("together", sum(row[1] for row in shared), sum(row[2] for row in shared), ""))
    for name, ours_s, theirs_s, note in rows:
        ratio = f"{theirs_s / ours_s:.1f}" if theirs_s else ""
        print(f"| {name} | {ours_s:.2f} | {theirs_s:.2f} | {ratio} | {note} |")
    whole_s, _ = timed(lambda: normalizer(audio, rate, track.instrument))
    print(f"\nThe whole call, to the fitted averages: {whole_s:.2f} s, {60 * MINUTES / whole_s:.0f} times real time.")


def _changed(step, source, target, instrument):  # type: ignore[no-untyped-def]
    change = step.plan(source, target[None], [instrument])
    return source if change is None else source.changed(change)


def measure_memory(normalizer: FxNormalizer, tracks: Heard) -> None:
    """A long file from disk to disk. The peak is that of the process: measure in a run of its own."""
    track, audio, rate = next(tracks)
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "long.flac", Path(folder) / "normalized.flac"
        repeats = -(-LONG_HOURS * 3600 * rate // audio.shape[-1])
        save_blocks(path, (audio * (0.3 + 0.4 * index / repeats) for index in range(repeats)), rate)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, worked = time.perf_counter(), time.process_time()
        source = normalizer.open(path, instrument=track.instrument)
        gain = min(1.0, 0.99 / float(source.peaks()[0]))
        save_blocks(output, (block[0] * gain for block in source.blocks()), rate)
        spent_s, work_s = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{LONG_HOURS} h: {spent_s:.0f} s, {LONG_HOURS * 3600 / spent_s:.0f} times real time ({work_s:.0f} s of work")
    print(f"of the processors); peak memory {peak / 1e6:.2f} GB,")
    print(f"of which the interpreter with its libraries and the fit {before / 1e6:.2f} GB.")
