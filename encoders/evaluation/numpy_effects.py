"""The usual effects, written with NumPy and SciPy in other ways than `fxrep.effects` has them.

An encoder that has learnt the sound of one implementation instead of what the effect does fails on these: other filter
prototypes in parallel instead of in series, a compressor of mean power with one time constant, an arctangent, other
laws of width and balance, a reverberation without bands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from fxrep.effects import BlackBox, Parameter
from fxrep.errors import ArgumentError

Samples = NDArray[np.float32]
QUIETEST = 1e-10
TAIL_SEED = 77


def three_bands(
    audio: Samples,
    sample_rate: int,
    *,
    low_db: float,
    low_hz: float,
    middle_db: float,
    middle_hz: float,
    high_db: float,
    high_hz: float,
) -> Samples:
    """Tone by three Butterworth bands added to the signal in parallel, (C, T) to (C, T)."""
    edges = ([low_hz], [middle_hz / math.sqrt(2.0), middle_hz * math.sqrt(2.0)], [high_hz])
    kinds = ("lowpass", "bandpass", "highpass")
    out = audio.astype(np.float64)
    for kind, edge, gain_db in zip(kinds, edges, (low_db, middle_db, high_db), strict=True):
        cutoff = np.minimum(edge, 0.45 * sample_rate)
        sections = signal.butter(1, cutoff if len(edge) > 1 else cutoff[0], kind, fs=sample_rate, output="sos")
        out += (_gain(gain_db) - 1.0) * signal.sosfilt(sections, audio, axis=-1)
    return out.astype(np.float32)


def leveller(
    audio: Samples, sample_rate: int, *, threshold_db: float, ratio: float, time_ms: float, makeup_db: float
) -> Samples:
    """Compression by the mean power of both channels with one time constant and no knee."""
    decay = math.exp(-1000.0 / (time_ms * sample_rate))
    power = signal.lfilter([1.0 - decay], [1.0, -decay], np.square(audio, dtype=np.float64).mean(0))
    over_db = np.maximum(10.0 * np.log10(np.maximum(power, QUIETEST)) - threshold_db, 0.0)
    leveled: Samples = (audio * _gain(makeup_db - over_db * (1.0 - 1.0 / ratio))).astype(np.float32)
    return leveled


def arctangent(audio: Samples, sample_rate: int, *, drive_db: float) -> Samples:
    """Saturation by an arctangent, full scale left at full scale."""
    drive = _gain(drive_db)
    bent: Samples = (np.arctan(drive * audio) / np.arctan(drive)).astype(np.float32)
    return bent


def spread(audio: Samples, sample_rate: int, *, width: float) -> Samples:
    """Width by cross-fading from mid (0) over both (0.5) to side (1)."""
    left, right = np.broadcast_to(audio, (2, audio.shape[-1]))
    middle, side = (1.0 - width) * (left + right), width * (left - right)
    both: Samples = np.stack([middle + side, middle - side]).astype(np.float32)
    return both


def side_level(audio: Samples, sample_rate: int, *, right_db: float) -> Samples:
    """Balance in dB: the right channel up and the left one down by half of it each."""
    left, right = np.broadcast_to(audio, (2, audio.shape[-1]))
    return np.stack([left * _gain(-right_db / 2.0), right * _gain(right_db / 2.0)]).astype(np.float32)


def noise_tail(audio: Samples, sample_rate: int, *, decay_s: float, cutoff_hz: float, wet: float) -> Samples:
    """Reverberation by noise that decays alike at all frequencies, below a cutoff; the dry signal stays."""
    tail = _tail(sample_rate, round(decay_s, 3), round(cutoff_hz), audio.shape[-1])
    added = signal.oaconvolve(np.broadcast_to(audio, (2, audio.shape[-1])), tail, axes=-1)[:, : audio.shape[-1]]
    reverberant: Samples = (audio + wet * added).astype(np.float32)
    return reverberant


def volume(audio: Samples, sample_rate: int, *, gain_db: float) -> Samples:
    """Level in dB."""
    return (audio * _gain(gain_db)).astype(np.float32)


@lru_cache(maxsize=4)
def _noise(length: int) -> NDArray[np.float64]:
    return np.random.default_rng(TAIL_SEED).standard_normal((2, length))


def _tail(sample_rate: int, decay_s: float, cutoff_hz: int, longest: int) -> NDArray[np.float64]:
    """Impulse response (2, K) of unit energy per channel, down by 60 dB at its end."""
    length = max(1, min(round(decay_s * sample_rate), longest))
    envelope = 10.0 ** (-3.0 * np.arange(length) / (decay_s * sample_rate))
    sections = signal.butter(2, min(cutoff_hz, 0.45 * sample_rate), fs=sample_rate, output="sos")
    tail: NDArray[np.float64] = signal.sosfilt(sections, _noise(round(5.0 * sample_rate))[:, :length] * envelope)
    scaled: NDArray[np.float64] = tail / np.sqrt(np.square(tail).sum(-1, keepdims=True).clip(QUIETEST))
    return scaled


def _gain(level_db: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(10.0 ** (np.asarray(level_db) / 20.0))


def _band(name: str) -> Parameter:
    return Parameter(f"{name}_db", "dB", -12.0, 12.0, "db", 0.0)


NUMPY_EFFECTS: dict[str, tuple[Callable[..., Samples], tuple[Parameter, ...], bool]] = {
    "three_bands": (
        three_bands,
        (
            _band("low"),
            Parameter("low_hz", "Hz", 60.0, 500.0, "log", 200.0),
            _band("middle"),
            Parameter("middle_hz", "Hz", 300.0, 4000.0, "log", 1000.0),
            _band("high"),
            Parameter("high_hz", "Hz", 2500.0, 12000.0, "log", 5000.0),
        ),
        False,
    ),
    "leveller": (
        leveller,
        (
            Parameter("threshold_db", "dB", -40.0, -10.0, "db", -20.0),
            Parameter("ratio", "", 1.5, 12.0, "log", 3.0),
            Parameter("time_ms", "ms", 5.0, 300.0, "log", 50.0),
            Parameter("makeup_db", "dB", 0.0, 9.0, "db", 0.0),
        ),
        False,
    ),
    "arctangent": (arctangent, (Parameter("drive_db", "dB", 0.0, 24.0, "db", 0.0),), False),
    "spread": (spread, (Parameter("width", "", 0.0, 0.9, "linear", 0.5),), True),
    "side_level": (side_level, (Parameter("right_db", "dB", -18.0, 18.0, "db", 0.0),), True),
    "noise_tail": (
        noise_tail,
        (
            Parameter("decay_s", "s", 0.2, 2.5, "log", 1.0),
            Parameter("cutoff_hz", "Hz", 1000.0, 16000.0, "log", 8000.0),
            Parameter("wet", "", 0.05, 0.8, "linear", 0.2),
        ),
        True,
    ),
    "volume": (volume, (Parameter("gain_db", "dB", -9.0, 9.0, "db", 0.0),), False),
}
"""By name: the function, its settings, and whether its output always has two channels."""


def numpy_processor(name: str) -> BlackBox:
    """One of `NUMPY_EFFECTS` as a processor for chains, called ``numpy_NAME`` there.

    Raises:
        ArgumentError: there is none of that name.
    """
    if name not in NUMPY_EFFECTS:
        raise ArgumentError(f"no effect is called {name!r}; choose from {', '.join(NUMPY_EFFECTS)}")
    function, parameters, stereo = NUMPY_EFFECTS[name]
    return BlackBox(function, f"numpy_{name}", parameters, gradient="none", stereo=stereo)
