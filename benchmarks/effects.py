"""Speed of the effects beside dasp-pytorch, pedalboard and SciPy: one Markdown table.

    python benchmarks/effects.py [--batch 16] [--seconds 5] [--repetitions 5] [--only parametric_eq …]

Times are CPU milliseconds (all threads), medians over the repetitions; the ratio is theirs over ours. Settings are
alike, the algorithms are not always: dasp's compressor has no release, its reverberation draws new noise each call
and convolves directly, so it is timed on one item and marked; pedalboard and SciPy have no gradient.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import dasp_pytorch
import numpy as np
import pedalboard
import scipy.signal
import torch

from fxrep import effects
from fxrep.effects.equalizer import BANDS

RATE = 44100
Call = Callable[[torch.Tensor, torch.Tensor], object]
EQ = {f"{band}_{part}": value for band in BANDS for part, value in (("gain_db", 6.0), ("q", 1.0))}
EQ_HZ = {
    "low_shelf": 100.0,
    "peak_1": 300.0,
    "peak_2": 1000.0,
    "peak_3": 3000.0,
    "peak_4": 8000.0,
    "high_shelf": 10000.0,
}
DYNAMICS = {"threshold_db": -24.0, "ratio": 4.0, "attack_ms": 5.0, "release_ms": 100.0, "knee_db": 6.0}


def ours() -> dict[str, Call]:
    """Return one call per effect; `one` is a column of ones that carries the gradient into the settings."""
    eq = {**EQ, **{f"{band}_hz": hz for band, hz in EQ_HZ.items()}}
    scaled = lambda settings, one: {name: value * one for name, value in settings.items()}  # noqa: E731
    room = {"decay_s": 1.2, "damping": 0.5, "pre_delay_ms": 10.0, "mix": 0.3}
    return {
        "gain": lambda x, one: effects.gain(x, RATE, gain_db=6.0 * one),
        "panner": lambda x, one: effects.panner(x, RATE, pan=0.3 * one),
        "stereo_width": lambda x, one: effects.stereo_width(x, RATE, width=0.4 * one),
        "saturation": lambda x, one: effects.saturation(x, RATE, drive_db=12.0 * one),
        "parametric_eq": lambda x, one: effects.parametric_eq(x, RATE, **scaled(eq, one)),
        "parametric_eq (fft)": lambda x, one: effects.parametric_eq(x, RATE, method="fft", **scaled(eq, one)),
        "compressor": lambda x, one: effects.compressor(x, RATE, **scaled(DYNAMICS, one)),
        "noise_shaped_reverb": lambda x, one: effects.noise_shaped_reverb(x, RATE, **scaled(room, one)),
    }


def dasp() -> dict[str, Call]:
    def equalizer(x: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
        bands = ("low_shelf", "band0", "band1", "band2", "band3", "high_shelf")
        parts = {}
        for band, hz in zip(bands, EQ_HZ.values(), strict=True):
            parts |= {f"{band}_gain_db": 6.0 * one, f"{band}_cutoff_freq": hz * one, f"{band}_q_factor": 1.0 * one}
        return dasp_pytorch.functional.parametric_eq(x, RATE, **parts)

    def reverb(x: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
        one = one[:1]
        parts = {f"band{band}_{part}": 0.5 * one for band in range(12) for part in ("gain", "decay")}
        return dasp_pytorch.functional.noise_shaped_reverberation(x[:1], RATE, mix=0.3 * one, **parts)

    functional = dasp_pytorch.functional
    names = ("threshold_db", "ratio", "attack_ms", "release_ms", "knee_db")
    return {
        "gain": lambda x, one: functional.gain(x, RATE, 6.0 * one),
        "stereo_width": lambda x, one: functional.stereo_widener(x.clone(), RATE, 0.2 * one[:, None]),
        "saturation": lambda x, one: functional.distortion(x, RATE, 12.0 * one.repeat_interleave(x.shape[1])),
        "parametric_eq": equalizer,
        "compressor": lambda x, one: functional.compressor(
            x, RATE, **{name: DYNAMICS[name] * one for name in names}, makeup_gain_db=0.0 * one
        ),
        "noise_shaped_reverb": reverb,
    }


def others() -> dict[str, dict[str, Call]]:
    bands = list(EQ_HZ.values())
    peaks = [pedalboard.PeakFilter(hz, 6.0, 1.0) for hz in bands[1:-1]]
    board = [pedalboard.LowShelfFilter(bands[0], 6.0, 1.0), *peaks, pedalboard.HighShelfFilter(bands[-1], 6.0, 1.0)]
    sections = np.concatenate([scipy.signal.butter(2, hz, fs=RATE, output="sos") for hz in bands])
    plugins = {
        "gain": pedalboard.Gain(6.0),
        "saturation": pedalboard.Distortion(12.0),
        "parametric_eq": pedalboard.Pedalboard(board),
        "compressor": pedalboard.Compressor(-24.0, 4.0, 5.0, 100.0),
        "noise_shaped_reverb": pedalboard.Reverb(0.5, wet_level=0.3, dry_level=0.7),
    }
    return {
        "pedalboard": {
            name: lambda x, _, plugin=plugin: [plugin(item, RATE) for item in x.numpy()]
            for name, plugin in plugins.items()
        },
        "SciPy": {
            "parametric_eq": lambda x, _: scipy.signal.sosfilt(sections, x.numpy(), axis=-1),
            "saturation": lambda x, _: np.tanh(x.numpy() * 4.0),
            "noise_shaped_reverb": lambda x, _: [
                scipy.signal.oaconvolve(item, np.ones((2, 52920), np.float32), axes=-1) for item in x.numpy()
            ],
        },
    }


def measure(call: Call, audio: torch.Tensor, repetitions: int, gradient: bool) -> float:
    """Return the median CPU time in milliseconds, after one call to warm up."""
    times = []
    for _ in range(repetitions + 1):
        source = audio.clone().requires_grad_(gradient)
        one = torch.ones(audio.shape[0], requires_grad=gradient)
        start = time.process_time()
        with torch.set_grad_enabled(gradient):
            result = call(source, one)
            if gradient:
                result.square().mean().backward()  # type: ignore[attr-defined]
        times.append(1000.0 * (time.process_time() - start))
    return statistics.median(times[1:])


def chain_rows(audio: torch.Tensor, repetitions: int) -> list[str]:
    """Return one row per named chain: the median over different random settings, without gradients."""
    rows = []
    for name in effects.CHAINS:
        chain, generator = effects.create_chain(name), torch.Generator().manual_seed(0)
        times = []
        with torch.no_grad():
            for _ in range(repetitions + 1):
                settings = chain.sample_batch(generator, audio.shape[0])
                start = time.process_time()
                chain(audio, RATE, settings)
                times.append(1000.0 * (time.process_time() - start))
        rows.append(f"| chain {name} | fxrep | {statistics.median(times[1:]):.0f} | | | |")
    return rows


def effect_rows(name: str, call: Call, audio: torch.Tensor, repetitions: int) -> list[str]:
    forward, backward = (measure(call, audio, repetitions, gradient) for gradient in (False, True))
    rows = [f"| {name} | fxrep | {forward:.0f} | 1 | {backward:.0f} | 1 |"]
    rivals = {"dasp-pytorch": dasp(), **others()}
    for library, calls in rivals.items():
        if name not in calls:
            continue
        direct = library == "dasp-pytorch" and name == "noise_shaped_reverb"
        scale, count = (audio.shape[0], 1) if direct else (1, repetitions)
        label = f"{library} (one item, times {scale})" if direct else library
        theirs = scale * measure(calls[name], audio[:1] if direct else audio, count, False)
        cells = f"{theirs:.0f} | {theirs / forward:.1f}"
        if library == "dasp-pytorch" and not direct:
            slow = measure(calls[name], audio, repetitions, True)
            cells += f" | {slow:.0f} | {slow / backward:.1f}"
        else:
            cells += " | | "
        rows.append(f"| {name} | {label} | {cells} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="effects to measure; 'chain' for the chains")
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    audio = 0.1 * torch.randn(arguments.batch, 2, int(arguments.seconds * RATE), generator=generator)
    print(f"{arguments.batch} x 2 x {arguments.seconds:g} s at {RATE} Hz, CPU ms\n", flush=True)
    print("| effect | library | forward | ratio | forward + backward | ratio |\n|---|---|---|---|---|---|", flush=True)
    for name, call in ours().items():
        if not arguments.only or name in arguments.only:
            print("\n".join(effect_rows(name, call, audio, arguments.repetitions)), flush=True)
    if not arguments.only or "chain" in arguments.only:
        print("\n".join(chain_rows(audio, arguments.repetitions)), flush=True)


if __name__ == "__main__":
    main()
