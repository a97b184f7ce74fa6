"""Control curves: what gain, pitch and cutoff do over a note, one point every `CONTROL_STEP` samples."""

from __future__ import annotations

import numpy as np

from fxrep.data.synthesis.compilation import CONTROL_STEP, Signal


def control_times(count: int, sample_rate: int) -> Signal:
    """Times in seconds of the control points that `count` samples need."""
    return np.arange(count // CONTROL_STEP + 2, dtype=np.float64) * (CONTROL_STEP / sample_rate)


def adsr(times: Signal, attack_s: float, decay_s: float, sustain: float, release_s: float, held_s: float) -> Signal:
    """Attack to 1, exponential fall towards `sustain`, and a release that reaches 0 after `held_s + release_s`."""
    rise = np.clip(times / max(attack_s, 1e-4), 0.0, 1.0)
    fall = sustain + (1.0 - sustain) * np.exp(-np.maximum(times - attack_s, 0.0) / max(decay_s, 1e-4))
    envelope: Signal = rise * fall * release(times, release_s, held_s)
    return envelope


def release(times: Signal, release_s: float, held_s: float) -> Signal:
    """1 while the note is held, then a smooth fall to 0 within `release_s`."""
    curve: Signal = np.square(np.clip(1.0 - (times - held_s) / max(release_s, 1e-4), 0.0, 1.0))
    return curve


def falling(times: Signal, decay_s: float) -> Signal:
    """Exponential decay from 1 by the factor e in `decay_s`."""
    curve: Signal = np.exp(-times / max(decay_s, 1e-4))
    return curve


def wander(points: int, period_points: float, generator: np.random.Generator) -> Signal:
    """A slow random curve with unit variance: drift of pitch, level or tone that never repeats.

    Args:
        points: length of the curve.
        period_points: points between two independent values; in between the curve is smooth.
        generator: where the values come from.
    """
    knots = int(points / max(period_points, 1.0)) + 3
    values = generator.standard_normal(knots)
    position = np.arange(points) / max(period_points, 1.0)
    whole = position.astype(np.int64)
    blend = 0.5 - 0.5 * np.cos(np.pi * (position - whole))
    curve: Signal = values[whole] * (1.0 - blend) + values[whole + 1] * blend
    return curve


def decay_samples(count: int, decay_s: float, sample_rate: int) -> Signal:
    """`falling`, one value per sample: for bursts too short for control curves."""
    curve: Signal = np.exp(np.arange(count) * (-1.0 / (max(decay_s, 1e-4) * sample_rate)))
    return curve


def note_hz(pitch: float) -> float:
    """Frequency of a MIDI pitch (69 is 440 Hz), fractions allowed."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def curve_hz(pitch: Signal) -> Signal:
    """Frequencies of a curve of MIDI pitches."""
    curve: Signal = 440.0 * np.exp2((pitch - 69.0) / 12.0)
    return curve
