"""Effects of grafx, for where it is installed."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable
from typing import Any

import torch

from .entries import BAND_HZ, CHAIN, NO_TONE, RATE, Call, Entries, Entry


def logit(value: float) -> float:
    return math.log(value / (1.0 - value))


def keep(milliseconds: float) -> float:
    """Return the share that a one-pole keeps per sample."""
    return math.exp(-1000.0 / (milliseconds * RATE))


def grafx_module(
    name: str, parameters: dict[str, list[Any]], options: dict[str, Any] | None = None
) -> Callable[[torch.device], Call]:
    """Return a maker of a grafx processor; each parameter is a (nested) list without the batch."""

    def make(device: torch.device) -> Call:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = getattr(importlib.import_module("grafx.processors"), name)(**(options or {})).to(device)
        values = {key: torch.tensor(value, device=device) for key, value in parameters.items()}

        def call(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
            columns = {key: one.view(-1, *[1] * value.dim()) * value for key, value in values.items()}
            output = module(audio, **columns)
            return output[0] if isinstance(output, tuple) else output

        return call

    return make


def grafx_dynamics(name: str, smoother: str, threshold_db: float, ratio: float) -> Callable[[torch.device], Call]:
    # Its detector works on natural logarithms of the energy, with an offset of 6.
    parameters = {
        "log_threshold": [threshold_db / 10.0 * math.log(10.0) + 6.0],
        "log_ratio": [math.log(ratio - 1.0)],
        "log_knee": [math.log(0.6 * math.log(10.0))],
        # The ballistics take one minus what is kept, release first.
        "z_alpha_pre": [-logit(keep(100.0)), -logit(keep(5.0))] if smoother == "ballistics" else [logit(keep(50.0))],
    }
    options = {"energy_smoother": smoother, "flashfftconv": False}
    return grafx_module(name, parameters, options)


def grafx_section(name: str, hz: float, gain: bool) -> Callable[[torch.device], Call]:
    parameters: dict[str, list[Any]] = {"w0": [[logit(2.0 * hz / RATE)]], "q_inv": [[0.35]]}
    if not gain:
        parameters = {key: value[0] for key, value in parameters.items()}
    if gain:
        parameters["log_gain"] = [[0.35]]
    return grafx_module(name, parameters, {"backend": "fsm", "flashfftconv": False})


def grafx_equalizer() -> Callable[[torch.device], Call]:
    parameters = {
        "w0": [[logit(2.0 * hz / RATE) for hz in BAND_HZ.values()]],
        "q_inv": [[0.0] * 6],
        "log_gain": [[0.35] * 6],
    }
    return grafx_module("ParametricEqualizer", parameters, {"num_filters": 6, "backend": "fsm", "flashfftconv": False})


def grafx_chain(device: torch.device) -> Call:
    makers = (
        grafx_equalizer(),
        grafx_dynamics("Compressor", "ballistics", -24.0, 4.0),
        GRAFX_STFT_REVERB,
        grafx_module("StereoGain", {"log_gain": [-0.2, 0.1]}),
        grafx_module("StereoGain", {"log_gain": [0.7, 0.7]}),
    )
    calls = [make(device) for make in makers]

    def call(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
        for step in calls:
            audio = step(audio, one)  # type: ignore[assignment]
        return audio

    return call


def grafx_graphic(scale: str, bands: int) -> Callable[[torch.device], Call]:
    gains = [[0.35 * (-1) ** band for band in range(bands)]]
    options = {"scale": scale, "sr": RATE, "backend": "fsm", "flashfftconv": False}
    return grafx_module("GraphicEqualizer", {"log_gains": gains}, options)


GRAFX_STFT_REVERB = grafx_module(
    "STFTMaskedNoiseReverb",
    {"init_log_magnitude": [[0.0] * 193] * 2, "delta_log_magnitude": [[-1.5] * 193] * 2},
    {"flashfftconv": False},
)


def entries() -> Entries:
    stretched = "grafx's convolution stretches its output where the padded length is odd, as here"
    noise = {"log_decay": [[0.0] * 12] * 2, "log_gain": [[1.0] * 12] * 2}
    sections = (("low_pass", "LowPassFilter", 4000.0, False), ("high_pass", "HighPassFilter", 120.0, False))
    sections += (("band_pass", "BandPassFilter", 1000.0, False), ("notch", "BandRejectFilter", 1000.0, False))
    sections += (("all_pass", "AllPassFilter", 1000.0, False), ("low_shelf", "LowShelf", 100.0, True))
    sections += (("high_shelf", "HighShelf", 8000.0, True), ("peak", "PeakingFilter", 1000.0, True))
    taps = {"delay_z": [[0.6, 0.7]] * 40, "log_fir_magnitude": [[0.0] * 20] * 40}
    swapped = "grafx's ballistics swap attack and release and start at full scale"
    found: Entries = {
        "gain": [Entry("grafx", grafx_module("StereoGain", {"log_gain": [0.7, 0.7]}))],
        "panner": [Entry("grafx", grafx_module("StereoGain", {"log_gain": [-0.2, 0.1]}))],
        "balance": [Entry("grafx", grafx_module("StereoGain", {"log_gain": [-0.2, 0.1]}))],
        "stereo_width": [Entry("grafx", grafx_module("SideGainImager", {"log_gain": [-0.9]}))],
        "saturation": [Entry("grafx", grafx_module("TanhDistortion", {"log_pre_gain": [1.4]}))],
        "tanh_drive": [
            Entry(
                "grafx",
                grafx_module("TanhDistortion", {"log_pre_gain": [1.4]}),
                note=f"a distortion by tanh alone, beside {NO_TONE}",
                against=NO_TONE,
            )
        ],
        "parametric_eq": [Entry("grafx", grafx_equalizer(), note=stretched)],
        "graphic_eq": [Entry("grafx", grafx_graphic("bark", 24), note=f"{stretched}; 24 Bark bands against 10")],
        "third_octave_eq": [Entry("grafx", grafx_graphic("third_octave", 31), note=stretched)],
        "fir_matching_eq": [
            Entry(
                "grafx",
                grafx_module("ZeroPhaseFIREqualizer", {"log_magnitude": [0.1] * 1024}),
                note="grafx's filter of 2047 taps is given, not made from a curve",
            )
        ],
        "delay": [
            Entry(
                "grafx",
                grafx_module("MultitapDelay", taps, {"flashfftconv": False}),
                note=f"{stretched}; its delay is 20 taps within 60000 samples, without feedback",
            )
        ],
        "noise_shaped_reverb": [
            Entry("grafx (STFT)", GRAFX_STFT_REVERB, note=stretched),
            Entry(
                "grafx (FNS)",
                grafx_module("FilteredNoiseShapingReverb", noise, {"sr": RATE, "flashfftconv": False}),
                note=stretched,
            ),
        ],
        CHAIN: [Entry("grafx", grafx_chain, note=f"{stretched}; {swapped}")],
    }
    for name, kind, threshold_db, ratio in (
        ("compressor", "Compressor", -24.0, 4.0),
        ("expander", "NoiseGate", -30.0, 2.0),
        ("noise_gate", "NoiseGate", -30.0, 10.0),
    ):
        found[name] = [
            Entry(f"grafx ({smoother})", grafx_dynamics(kind, smoother, threshold_db, ratio), note=note)
            for smoother, note in (("iir", "grafx's smoother is cut after 16384 samples"), ("ballistics", swapped))
        ]
    for name, kind, hz, gain in sections:
        found[name] = [Entry("grafx", grafx_section(kind, hz, gain), note=stretched)]
    return found
