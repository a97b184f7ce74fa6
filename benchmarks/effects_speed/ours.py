"""Every processor of this library, with settings that leave nothing switched off."""

from __future__ import annotations

from typing import Any

import torch

from fxrep import effects
from fxrep.effects.processor import Processor

from .entries import (
    BAND_HZ,
    BANDS,
    BITS_ALONE,
    CHAIN,
    DYNAMICS,
    NO_TONE,
    OURS,
    RATE,
    SECTION_HZ,
    Call,
    Entries,
    Entry,
    impulse_response,
)

Settings = dict[str, Any]

EQ: Settings = {f"{band}_{part}": value for band in BANDS for part, value in (("gain_db", 6.0), ("q", 1.0))}
EQ |= {f"{band}_hz": hz for band, hz in BAND_HZ.items()}
ROOM = {"decay_s": 1.2, "damping": 0.5, "pre_delay_ms": 10.0, "mix": 0.3}
MULTIBAND = {
    f"{band}_{name}": value
    for band in ("low", "low_mid", "high_mid", "high")
    for name, value in (("threshold_db", -30.0), ("ratio", 3.0), ("makeup_db", 3.0))
}
# What is not named here keeps its default.
SETTINGS: dict[str, Settings] = {
    "gain": {"gain_db": 6.0},
    "parametric_eq": EQ,
    "compressor": DYNAMICS,
    "noise_shaped_reverb": ROOM,
    "convolution_reverb": {"mix": 0.3},
    "panner": {"pan": 0.3},
    "stereo_width": {"width": 0.4},
    "saturation": {"drive_db": 12.0},
    "fader": {"gain_db": -6.0},
    "polarity": {"polarity": "invert"},
    "balance": {"balance": 0.3},
    "stereo_imager": {"low_width": 0.5, "low_mid_width": 0.8, "high_mid_width": 1.2, "high_width": 1.5},
    "soft_clip": {"threshold_db": -12.0},
    "hard_clip": {"threshold_db": -12.0},
    "tanh_drive": {"drive_db": 12.0, "tone_db": 3.0, "output_db": -6.0},
    "tube_drive": {"drive_db": 12.0, "output_db": -6.0},
    "bit_crusher": {"bits": 8.0, "rate_factor": 4.0},
    "delay": {"mix": 0.3},
    "chorus": {"mix": 0.5},
    "flanger": {"mix": 0.5},
    "vibrato": {"depth_ms": 1.0},
    "phaser": {"mix": 0.5},
    "tremolo": {"depth": 0.5},
    "feedback_delay_network": {"mix": 0.3},
    "schroeder_reverb": {"mix": 0.3},
    "plate_reverb": {"mix": 0.3},
    "spring_reverb": {"mix": 0.3},
    "limiter": {"ceiling_db": -12.0},
    "expander": {"threshold_db": -30.0, "ratio": 2.0},
    "noise_gate": {"threshold_db": -30.0, "range_db": 40.0},
    "multiband_compressor": MULTIBAND,
    "de_esser": {"threshold_db": -40.0, "ratio": 4.0},
    "transient_shaper": {"attack_db": 6.0, "sustain_db": -3.0},
    **{name: {"frequency_hz": hz} for name, hz in SECTION_HZ.items()},
    "fir_matching_eq": {"amount": 1.0},
}
SETTINGS |= {name: SETTINGS[name] | {"gain_db": 6.0} for name in ("low_shelf", "high_shelf", "peak")}


def processor(name: str, device: torch.device) -> Processor:
    if name == "convolution_reverb":
        return effects.ConvolutionReverb(impulse_response().to(device))
    if name == "fir_matching_eq":
        return effects.FIRMatchingEQ(curve_db=6.0 * torch.linspace(-5.0, 9.0, 61, device=device).sin())
    return effects.create_processor(name)


def settings_of(module: Processor, name: str) -> Settings:
    """Return all settings: those above, the defaults of the others, graphic equalisers up and down."""
    if name in ("graphic_eq", "third_octave_eq"):
        return {p.name: 3.0 * (-1) ** place for place, p in enumerate(module.parameter_table)}
    return {**module.defaults(), **SETTINGS[name]}


def make_call(name: str, device: torch.device, **fixed: Any) -> Call:
    """Return the call of a processor; what is `fixed` is no column and has no gradient."""
    module = processor(name, device).to(device)
    settings = settings_of(module, name)
    numbers = {key: value for key, value in settings.items() if isinstance(value, float) and key not in fixed}
    others = {**{key: value for key, value in settings.items() if key not in numbers}, **fixed}
    # A method is not a setting of the module.
    function = type(module).function if "method" in fixed else module

    def call(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
        return function(audio, RATE, **others, **{key: value * one for key, value in numbers.items()})

    return call


def make_chain(device: torch.device) -> Call:
    names = ("parametric_eq", "compressor", "noise_shaped_reverb", "panner", "gain")
    calls = [make_call(name, device) for name in names]

    def call(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
        for step in calls:
            audio = step(audio, one)  # type: ignore[assignment]
        return audio

    return call


def entries() -> Entries:
    found = {name: [Entry(OURS, lambda device, name=name: make_call(name, device))] for name in effects.PROCESSORS}
    for name, library, fixed in (
        ("parametric_eq", f"{OURS} (fft)", {"method": "fft"}),
        ("tanh_drive", NO_TONE, {"tone_db": 0.0}),
        ("bit_crusher", BITS_ALONE, {"rate_factor": 1.0}),
    ):
        found[name].append(
            Entry(library, lambda device, name=name, fixed=fixed: make_call(name, device, **fixed), against=library)
        )
    found[CHAIN] = [Entry(OURS, make_chain)]
    return found
