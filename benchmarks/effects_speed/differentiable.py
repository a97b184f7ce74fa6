"""Other differentiable effects: dasp-pytorch, and grafx and torchcomp where they are installed."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable

import dasp_pytorch
import torch

from . import grafx_effects
from .entries import BAND_HZ, CHAIN, DYNAMICS, RATE, Call, Entries, Entry

functional = dasp_pytorch.functional


def fixed(call: Call) -> Callable[[torch.device], Call]:
    """Return a maker of a call that needs nothing on a device."""
    return lambda device: call


def dasp_equalizer(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    bands = ("low_shelf", "band0", "band1", "band2", "band3", "high_shelf")
    parts = {}
    for band, hz in zip(bands, BAND_HZ.values(), strict=True):
        parts |= {f"{band}_gain_db": 6.0 * one, f"{band}_cutoff_freq": hz * one, f"{band}_q_factor": 1.0 * one}
    return functional.parametric_eq(audio, RATE, **parts)


def dasp_compressor(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    columns = {name: value * one for name, value in DYNAMICS.items()}
    return functional.compressor(audio, RATE, **columns, makeup_gain_db=0.0 * one)


def dasp_reverb(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    parts = {f"band{band}_{part}": 0.5 * one for band in range(12) for part in ("gain", "decay")}
    return functional.noise_shaped_reverberation(audio, RATE, mix=0.3 * one, **parts)


def dasp_panner(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    """Place the first channel, as the panner takes mono tracks."""
    return functional.stereo_panner(audio[:, :1], RATE, 0.65 * one[:, None])[:, :, 0]


def dasp_chain(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    audio = dasp_reverb(dasp_compressor(dasp_equalizer(audio, one), one), one)
    return functional.gain(dasp_panner(audio, one), RATE, 6.0 * one)


def dasp_entries() -> Entries:
    slow = "dasp-pytorch convolves directly: measured on one item of at most 5 s and scaled to the batch and length"
    calls: dict[str, tuple[Call, str]] = {
        "gain": (lambda x, one: functional.gain(x, RATE, 6.0 * one), ""),
        "panner": (dasp_panner, "dasp-pytorch places one mono track"),
        # It writes into its input.
        "stereo_width": (lambda x, one: functional.stereo_widener(x.clone(), RATE, 0.2 * one[:, None]), ""),
        "saturation": (lambda x, one: functional.distortion(x, RATE, 12.0 * one.repeat_interleave(x.shape[1])), ""),
        "parametric_eq": (dasp_equalizer, ""),
        "compressor": (dasp_compressor, "dasp-pytorch's compressor ignores its release time"),
        "noise_shaped_reverb": (dasp_reverb, slow),
        CHAIN: (dasp_chain, slow),
    }
    return {
        name: [Entry("dasp-pytorch", fixed(call), note=note, one_item=note == slow)]
        for name, (call, note) in calls.items()
    }


def torchcomp_call(name: str) -> Callable[[torch.device], Call]:
    torchcomp = importlib.import_module("torchcomp")

    def call(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
        level = audio.abs().amax(1).clamp(min=1e-6)
        attack, release = torchcomp.ms2coef(5.0 * one, RATE), torchcomp.ms2coef(100.0 * one, RATE)
        if name == "limiter":
            gain = torchcomp.limiter_gain(level, -12.0 * one, attack, release)
        elif name == "compressor":
            gain = torchcomp.compexp_gain(level, -24.0 * one, 4.0 * one, -150.0 * one, 0.5 * one, attack, release)
        else:
            gain = torchcomp.compexp_gain(level, 60.0 * one, 2.0 * one, -30.0 * one, 0.5 * one, attack, release)
        return gain[:, None] * audio

    return fixed(call)


def torchcomp_entries() -> Entries:
    notes = {
        "compressor": "torchcomp smooths the linear gain and has a hard knee",
        "limiter": "torchcomp's limiter does not look ahead: peaks pass by 7 to 11 dB",
        "expander": "torchcomp's expander has a hard knee and no range",
        "noise_gate": "torchcomp's expander stands for the gate: no hold, no range",
    }
    return {name: [Entry("torchcomp", torchcomp_call(name), note=note)] for name, note in notes.items()}


def entries() -> Entries:
    """Return the entries of all that can be imported; say which cannot."""
    found = dasp_entries()
    for library, build in (("grafx.processors", grafx_effects.entries), ("torchcomp", torchcomp_entries)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(library)
        except Exception as error:
            print(f"{library.split('.')[0]} is left out, as it cannot be imported: {error}", flush=True)
            continue
        for name, more in build().items():
            found.setdefault(name, []).extend(more)
    return found
