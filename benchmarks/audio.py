"""Loudness beside pyloudnorm, and reading an excerpt beside reading the whole file.

    python benchmarks/audio.py
    python benchmarks/audio.py --minutes 4 --repeats 5

Times are processor time of one thread, the smallest of the repeats.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
import torch

from fxrep.audio import integrated_loudness, load_audio, resample, true_peak_db

RATE = 48000


def best_ms(function: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    # The first call compiles and fills caches.
    return 1000 * min(times[1:])


def signals() -> dict[str, tuple[np.ndarray, int]]:
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 10 * RATE))
    seconds = np.arange(noise.shape[1]) / RATE
    pink = np.cumsum(noise, axis=1)
    pink -= pink.mean(axis=1, keepdims=True)
    return {
        "white noise": (noise, 44100),
        "mono noise": (noise[:1], 44100),
        "brown noise": (0.3 * pink / np.abs(pink).max(), RATE),
        "997 Hz, one side, full scale": (np.stack([np.sin(2 * np.pi * 997 * seconds), 0 * seconds]), RATE),
        "50 Hz": (np.sin(2 * np.pi * 50 * seconds)[None], RATE),
        "10 kHz": (np.sin(2 * np.pi * 10000 * seconds)[None], RATE),
        "half silence": (noise * (seconds < 5), RATE),
        "bursts": (noise * (seconds % 1 < 0.1), RATE),
        "crescendo": (noise * (seconds / 10) ** 3, RATE),
        "8 kHz sample rate": (noise[:, : 8000 * 10], 8000),
        "192 kHz sample rate": (noise, 192000),
        "0.4 s": (noise[:, : int(0.4 * RATE)], RATE),
    }


def compare_loudness() -> None:
    print("| signal | pyloudnorm DeMan, LUFS | fxrep, LUFS | difference, LU |\n|---|---|---|---|")
    for name, (audio, rate) in signals().items():
        expected = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(audio.T.copy())
        measured = float(integrated_loudness(torch.tensor(audio, dtype=torch.float32), rate))
        print(f"| {name} | {expected:.4f} | {measured:.4f} | {measured - expected:+.5f} |")


def time_loudness(repeats: int) -> None:
    batch = 0.1 * torch.randn(64, 2, 4 * 44100)
    seconds = 64 * 4
    items = [item.T.double().numpy() for item in batch[:8]]
    meter = pyloudnorm.Meter(44100, filter_class="DeMan")
    wanting = batch.clone().requires_grad_()
    rows = {
        "pyloudnorm DeMan, one by one": best_ms(lambda: [meter.integrated_loudness(i) for i in items], repeats) * 8,
        "fxrep integrated_loudness": best_ms(lambda: integrated_loudness(batch, 44100), repeats),
        "… with its gradient": best_ms(lambda: integrated_loudness(wanting, 44100).sum().backward(), repeats),
        "fxrep true_peak_db": best_ms(lambda: true_peak_db(batch, 44100), repeats),
        "fxrep resample to 48 kHz": best_ms(lambda: resample(batch[:8], 44100, 48000), repeats) * 8,
    }
    print("\n| 64 x 2 x 4 s at 44.1 kHz | ms | ms per second of stereo |\n|---|---|---|")
    for name, ms in rows.items():
        print(f"| {name} | {ms:.1f} | {ms / seconds:.3f} |")


def time_excerpts(minutes: float, repeats: int) -> None:
    tile = 0.1 * np.random.default_rng(0).standard_normal((10 * RATE, 2)).astype(np.float32)
    print(
        f"\n| {minutes:g} minutes of stereo at 48 kHz | 10 s excerpt, ms | whole file, ms | ratio |\n|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("wav", "flac", "ogg", "opus", "mp3"):
            path = Path(folder) / f"long.{suffix}"
            options = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
            with soundfile.SoundFile(path, "w", RATE, 2, **options) as file:
                for _ in range(round(minutes * 6)):
                    file.write(tile)
            excerpt = best_ms(lambda path=path: load_audio(path, start_s=30 * minutes, duration_s=10), repeats)
            whole = best_ms(lambda path=path: load_audio(path), 1)
            print(f"| {suffix} | {excerpt:.1f} | {whole:.0f} | {whole / excerpt:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="length of the files that are read")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    compare_loudness()
    time_loudness(arguments.repeats)
    time_excerpts(arguments.minutes, arguments.repeats)


if __name__ == "__main__":
    main()
