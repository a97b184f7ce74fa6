"""Filters of the synthesiser: a sweepable state-variable filter, formants that move, and a remover of DC."""

from __future__ import annotations

import numpy as np
from scipy import signal as scipy_signal

from fxrep.data.synthesis.compilation import CONTROL_STEP, Signal, compiled

LOW, BAND, HIGH = 0, 1, 2


@compiled
def sweep_filter(audio: Signal, cutoff_hz: Signal, q: float, kind: int, sample_rate: float) -> None:
    """Filter `audio` (T,) in place with a second-order state-variable filter whose cutoff is a control curve.

    Trapezoidal integration (Zavalishin, "The Art of VA Filter Design", 2012), stable under fast sweeps.
    `kind` is LOW, BAND (unit gain at the centre) or HIGH; `cutoff_hz` is limited to 0.45 of the sample rate.
    """
    damping = 1.0 / q
    first_state = 0.0
    second_state = 0.0
    limit = 0.45 * sample_rate
    slope = np.tan(np.pi * min(cutoff_hz[0], limit) / sample_rate)
    count = audio.shape[0]
    for block in range((count + CONTROL_STEP - 1) // CONTROL_STEP):
        target = np.tan(np.pi * min(cutoff_hz[block + 1], limit) / sample_rate)
        change = (target - slope) / CONTROL_STEP
        for index in range(block * CONTROL_STEP, min(count, (block + 1) * CONTROL_STEP)):
            high = (audio[index] - (damping + slope) * first_state - second_state) / (1.0 + slope * (slope + damping))
            rise = slope * high
            band = rise + first_state
            first_state = band + rise
            rise = slope * band
            low = rise + second_state
            second_state = low + rise
            slope += change
            if kind == 0:
                audio[index] = low
            elif kind == 1:
                audio[index] = band * damping
            else:
                audio[index] = high
        slope = target


@compiled
def formant_filter(audio: Signal, hz: Signal, bandwidth_hz: Signal, sample_rate: float) -> None:
    """Filter `audio` (T,) in place with resonators in cascade, their centres `hz` (F, points) moving.

    The digital resonator of Klatt (1980), unit gain at DC; `bandwidth_hz` is (F,). Coefficients change once per
    control step, which is finer than any articulation.
    """
    count = audio.shape[0]
    for formant in range(hz.shape[0]):
        last = -np.exp(-2.0 * np.pi * bandwidth_hz[formant] / sample_rate)
        radius = 2.0 * np.exp(-np.pi * bandwidth_hz[formant] / sample_rate)
        before = 0.0
        earlier = 0.0
        for block in range((count + CONTROL_STEP - 1) // CONTROL_STEP):
            middle = radius * np.cos(2.0 * np.pi * hz[formant, block] / sample_rate)
            gain = 1.0 - middle - last
            for index in range(block * CONTROL_STEP, min(count, (block + 1) * CONTROL_STEP)):
                value = gain * audio[index] + middle * before + last * earlier
                earlier = before
                before = value
                audio[index] = value


def band_pass(audio: Signal, low_hz: float, high_hz: float, sample_rate: int) -> Signal:
    """Second-order Butterworth band-pass of `audio` (..., T), limits kept below Nyquist."""
    high = min(high_hz, 0.47 * sample_rate)
    low = min(low_hz, 0.7 * high)
    sections = scipy_signal.butter(1, [low, high], "bandpass", fs=sample_rate, output="sos")
    filtered: Signal = scipy_signal.sosfilt(sections, audio)
    return filtered


def high_pass(audio: Signal, hz: float, sample_rate: int, order: int = 2) -> Signal:
    """Butterworth high-pass of `audio` (..., T)."""
    sections = scipy_signal.butter(order, min(hz, 0.45 * sample_rate), "highpass", fs=sample_rate, output="sos")
    filtered: Signal = scipy_signal.sosfilt(sections, audio)
    return filtered


def low_pass(audio: Signal, hz: float, sample_rate: int, order: int = 2) -> Signal:
    """Butterworth low-pass of `audio` (..., T)."""
    sections = scipy_signal.butter(order, min(hz, 0.45 * sample_rate), "lowpass", fs=sample_rate, output="sos")
    filtered: Signal = scipy_signal.sosfilt(sections, audio)
    return filtered


def body_resonance(audio: Signal, hz: Signal, q: Signal, gain: Signal, sample_rate: int) -> Signal:
    """`audio` (T,) plus what resonances at `hz` with quality `q` add to it, each `gain` times as loud at its peak."""
    total = audio.copy()
    for centre, quality, level in zip(hz, q, gain, strict=True):
        if centre < 0.45 * sample_rate:
            numerator, denominator = scipy_signal.iirpeak(centre, quality, fs=sample_rate)
            total += level * scipy_signal.lfilter(numerator, denominator, audio)
    return total
