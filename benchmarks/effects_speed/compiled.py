"""Effects without gradients: pedalboard, SciPy and NumPy, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pedalboard
import scipy.signal
import torch

from fxrep.effects.drive import tilt_coefficients
from fxrep.effects.filter_sections import Sections

from .entries import (
    BAND_HZ,
    BANDS,
    BITS_ALONE,
    CHAIN,
    DYNAMICS,
    NO_TONE,
    OURS,
    RATE,
    RESPONSE_LENGTH,
    SECTION_HZ,
    Call,
    Entries,
    Entry,
    impulse_response,
)

FREEVERB = "pedalboard's reverb is Freeverb: eight combs and four all-passes, whose decay is set as a room size"
NOTES = {
    "compressor": "pedalboard's milliseconds are 2 pi shorter, its knee is hard and its channels are not linked",
    "limiter": "pedalboard's limiter adds make-up gain and lets peaks through to 0 dB",
    "noise_shaped_reverb": FREEVERB,
    "schroeder_reverb": FREEVERB,
    "low_pass": "pedalboard's low and high pass are of first order",
    "high_pass": "pedalboard's low and high pass are of first order",
    "saturation": "pedalboard's distortion is tanh alone",
    "tanh_drive": f"a distortion by tanh alone, beside {NO_TONE}",
    "soft_clip": "NumPy clips with tanh",
    "bit_crusher": f"pedalboard's bit crusher keeps the sample rate: beside {BITS_ALONE}",
    "delay": "pedalboard's delay has no damping in its feedback",
    "vibrato": "pedalboard's vibrato is its chorus without the direct sound",
    "phaser": "pedalboard's phaser has six stages",
    CHAIN: "pedalboard's chain ends without a panner, and its reverb is Freeverb",
}
AGAINST = {"tanh_drive": NO_TONE, "bit_crusher": BITS_ALONE}


def sections(kinds: tuple[str, ...], hz: list[float], gain_db: float, q: float) -> np.ndarray:
    """Return the coefficients (S, 6) of the sections of ours for SciPy's cascade."""
    column = torch.ones(1, len(kinds), dtype=torch.float64)
    frequencies = torch.tensor([hz], dtype=torch.float64)
    five = Sections.design(kinds, frequencies, gain_db * column, q * column, RATE).coefficients()[0].numpy()
    return np.concatenate((five[:, :3], np.ones((len(kinds), 1)), five[:, 3:]), axis=1)


def plugin(build: Callable[[], Any]) -> Callable[[torch.device], Call]:
    """Return a maker of a pedalboard effect; it takes one item at a time."""

    def make(device: torch.device) -> Call:
        effect = build()
        return lambda audio, one: [effect(item, RATE) for item in audio.numpy()]

    return make


def array(function: Callable[[np.ndarray], object]) -> Callable[[torch.device], Call]:
    return lambda device: lambda audio, one: function(audio.numpy())


def equalizer() -> list[pedalboard.Plugin]:
    low, *peaks, high = BAND_HZ.values()
    bells = [pedalboard.PeakFilter(hz, 6.0, 1.0) for hz in peaks]
    return [pedalboard.LowShelfFilter(low, 6.0, 1.0), *bells, pedalboard.HighShelfFilter(high, 6.0, 1.0)]


def chain() -> pedalboard.Pedalboard:
    parts = [*equalizer(), *(PLUGINS[name]() for name in ("compressor", "noise_shaped_reverb", "gain"))]
    return pedalboard.Pedalboard(parts)


def reverb() -> pedalboard.Plugin:
    return pedalboard.Reverb(0.5, 0.5, wet_level=0.3, dry_level=0.7)


PLUGINS: dict[str, Callable[[], Any]] = {
    "gain": lambda: pedalboard.Gain(6.0),
    "parametric_eq": lambda: pedalboard.Pedalboard(equalizer()),
    "compressor": lambda: pedalboard.Compressor(*(DYNAMICS[n] for n in list(DYNAMICS)[:4])),
    "noise_shaped_reverb": reverb,
    "schroeder_reverb": reverb,
    "convolution_reverb": lambda: pedalboard.Convolution(impulse_response().numpy(), 0.3, RATE),
    "saturation": lambda: pedalboard.Distortion(12.0),
    "tanh_drive": lambda: pedalboard.Distortion(12.0),
    "hard_clip": lambda: pedalboard.Clipping(-12.0),
    "bit_crusher": lambda: pedalboard.Bitcrush(8),
    "delay": lambda: pedalboard.Delay(0.3, 0.4, 0.3),
    "chorus": lambda: pedalboard.Chorus(0.8, 0.25, 12.0, 0.0, 0.5),
    "flanger": lambda: pedalboard.Chorus(0.3, 0.25, 1.0, 0.5, 0.5),
    "vibrato": lambda: pedalboard.Chorus(5.0, 0.25, 7.0, 0.0, 1.0),
    "phaser": lambda: pedalboard.Phaser(0.5, 0.5, 800.0, 0.3, 0.5),
    "limiter": lambda: pedalboard.Limiter(-12.0, 100.0),
    "expander": lambda: pedalboard.NoiseGate(-30.0, 2.0, 5.0, 100.0),
    "noise_gate": lambda: pedalboard.NoiseGate(-30.0, 10.0, 1.0, 100.0),
    "low_pass": lambda: pedalboard.LowpassFilter(SECTION_HZ["low_pass"]),
    "high_pass": lambda: pedalboard.HighpassFilter(SECTION_HZ["high_pass"]),
    "low_shelf": lambda: pedalboard.LowShelfFilter(SECTION_HZ["low_shelf"], 6.0, 0.7),
    "high_shelf": lambda: pedalboard.HighShelfFilter(SECTION_HZ["high_shelf"], 6.0, 0.7),
    "peak": lambda: pedalboard.PeakFilter(SECTION_HZ["peak"], 6.0, 0.7),
    CHAIN: chain,
}


def arrays() -> dict[str, tuple[str, Callable[[np.ndarray], object]]]:
    """Return what SciPy and NumPy can do in a call or two, by processor."""
    bands = sections(("low_shelf", *(["peak"] * 4), "high_shelf"), [BAND_HZ[band] for band in BANDS], 6.0, 1.0)
    single = {name: sections((name,), [hz], 6.0, 0.7) for name, hz in SECTION_HZ.items()}
    response = impulse_response().numpy()
    room = response[:, : min(RESPONSE_LENGTH, int(1.2 * RATE))]
    four, half = np.float32(4.0), np.float32(0.5)
    low = np.float32(10.0 ** (-12.0 / 20.0))
    five = tilt_coefficients(torch.tensor([3.0], dtype=torch.float64), RATE)[0, 0].to(torch.float32).numpy()
    tilt = five[:2], np.append(np.float32(1.0), five[3:4])

    def convolve(audio: np.ndarray, kernel: np.ndarray) -> list[np.ndarray]:
        length = audio.shape[-1]
        return [0.7 * x + 0.3 * scipy.signal.oaconvolve(x, kernel, axes=-1)[:, :length] for x in audio]

    return {
        "gain": ("NumPy", lambda x: x * np.float32(2.0)),
        "parametric_eq": ("SciPy", lambda x: scipy.signal.sosfilt(bands, x, axis=-1)),
        "noise_shaped_reverb": ("SciPy", lambda x: convolve(x, room)),
        "convolution_reverb": ("SciPy", lambda x: convolve(x, response)),
        "saturation": ("NumPy", lambda x: np.tanh(x * np.float32(4.0))),
        "tanh_drive": ("SciPy", lambda x: scipy.signal.lfilter(*tilt, np.tanh(x * four) * half, axis=-1)),
        "soft_clip": ("NumPy", lambda x: np.tanh(x / low) * low),
        "hard_clip": ("NumPy", lambda x: np.clip(x, -low, low)),
        **{name: ("SciPy", lambda x, sos=sos: scipy.signal.sosfilt(sos, x, axis=-1)) for name, sos in single.items()},
    }


def entries() -> Entries:
    found: Entries = {}
    for name, build in PLUGINS.items():
        against = AGAINST.get(name, OURS)
        found[name] = [Entry("pedalboard", plugin(build), gradient=False, note=NOTES.get(name, ""), against=against)]
    for name, (library, function) in arrays().items():
        note = "SciPy convolves with a response at hand" if name == "noise_shaped_reverb" else ""
        note = NOTES[name] if name == "soft_clip" else note
        found.setdefault(name, []).append(Entry(library, array(function), gradient=False, note=note))
    return found
