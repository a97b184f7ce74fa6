"""Compiled loops of the limiter: how far the true peaks exceed the ceiling, and the smoothing of the gain."""

from __future__ import annotations

from typing import Any

import numpy as np

from fxrep.audio.peaks import INTERPOLATOR_PHASES
from fxrep.effects.block_maths import BLOCK, log2_block
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.level_kernels import DB_PER_NEPER, DB_PER_OCTAVE

PHASES = np.array(INTERPOLATOR_PHASES)
TAPS = PHASES.shape[1]
# The interpolated values at time m lie between the samples m - 6 and m - 5.
CENTRE = TAPS // 2
# No interpolated value is larger than this times the largest of the samples that it is made of.
LARGEST_GAIN = float(np.abs(PHASES).sum(1).max())


@compile_kernel
def _interpolate_block(x: Any, taps: Any, count: int, peak: Any) -> None:
    """Raise `peak` to the magnitude of one phase; `x` begins 11 samples earlier."""
    dtype = x.dtype.type
    a, b, c, d = dtype(taps[11]), dtype(taps[10]), dtype(taps[9]), dtype(taps[8])
    e, f, g, h = dtype(taps[7]), dtype(taps[6]), dtype(taps[5]), dtype(taps[4])
    o, p, q, r = dtype(taps[3]), dtype(taps[2]), dtype(taps[1]), dtype(taps[0])
    for i in range(count):
        first = (a * x[i] + b * x[i + 1]) + (c * x[i + 2] + d * x[i + 3])
        second = (e * x[i + 4] + f * x[i + 5]) + (g * x[i + 6] + h * x[i + 7])
        third = (o * x[i + 8] + p * x[i + 9]) + (q * x[i + 10] + r * x[i + 11])
        peak[i] = max(peak[i], abs((first + second) + third))


@compile_kernel
def excess_rows(audio: Any, ceiling_db: Any, excess: Any) -> None:
    """Write by how many dB samples and interpolated values exceed the ceiling.

    Args:
        audio: (B, C, 11 + T): 11 samples of the past first.
        ceiling_db: (B,).
        excess: (B, T), 0 or more: the largest over all channels at time m of the four values between the samples m - 6
            and m - 5, and of the sample m - 6.
    """
    dtype = audio.dtype.type
    peak, scratch = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    for item in range(audio.shape[0]):
        zero, scale, ceiling = dtype(0.0), dtype(DB_PER_OCTAVE), dtype(ceiling_db[item])
        harmless = 10.0 ** (ceiling_db[item] / 20.0) / LARGEST_GAIN
        for start in range(0, excess.shape[1], BLOCK):
            end = min(start + BLOCK, excess.shape[1])
            out = excess[item, start:end]
            largest = zero
            for channel in range(audio.shape[1]):
                source = audio[item, channel, start : end + TAPS - 1]
                for i in range(len(source)):
                    largest = max(largest, abs(source[i]))
            if largest <= harmless:
                out[:] = zero
                continue
            peak[:] = dtype(harmless)
            for channel in range(audio.shape[1]):
                source = audio[item, channel, start : end + TAPS - 1]
                samples = audio[item, channel, start + TAPS - 1 - CENTRE : end + TAPS - 1 - CENTRE]
                for i in range(end - start):
                    peak[i] = max(peak[i], abs(samples[i]))
                for phase in range(PHASES.shape[0]):
                    _interpolate_block(source, PHASES[phase], end - start, peak)
            log2_block(peak, end - start, scratch)
            for i in range(end - start):
                out[i] = max(peak[i] * scale - ceiling, zero)


@compile_kernel
def _largest_value(audio: Any, i: int) -> Any:
    """Return the largest value at time i, with its channel and its phase; -1 for the sample itself."""
    best, channel_of, phase_of = 0.0, 0, -1
    for channel in range(audio.shape[0]):
        value = audio[channel, i + TAPS - 1 - CENTRE]
        if abs(value) > abs(best):
            best, channel_of, phase_of = float(value), channel, -1
        for phase in range(PHASES.shape[0]):
            total = 0.0
            for tap in range(TAPS):
                total += PHASES[phase, tap] * audio[channel, i + TAPS - 1 - tap]
            if abs(total) > abs(best):
                best, channel_of, phase_of = total, channel, phase
    return best, channel_of, phase_of


@compile_kernel
def excess_rows_backward(gradient: Any, audio: Any, excess: Any, audio_slope: Any, ceiling_slope: Any) -> None:
    """Add the gradient of `excess_rows` to that of the audio; write that of the ceiling (B,)."""
    for item in range(audio.shape[0]):
        total = 0.0
        for i in range(excess.shape[1]):
            # The maximum over the look-ahead leaves few places with a gradient.
            if gradient[item, i] != 0.0 and excess[item, i] > 0.0:
                total -= gradient[item, i]
                value, channel, phase = _largest_value(audio[item], i)
                slope = gradient[item, i] * DB_PER_NEPER / value
                if phase < 0:
                    audio_slope[item, channel, i + TAPS - 1 - CENTRE] += slope
                else:
                    for tap in range(TAPS):
                        audio_slope[item, channel, i + TAPS - 1 - tap] += slope * PHASES[phase, tap]
        ceiling_slope[item] = total


@compile_kernel
def release_rows(held: Any, keep: Any, states: Any, smooth: Any) -> None:
    """Follow a rise at once and a fall with one pole; `states` (B,) is the value before."""
    for row in range(held.shape[0]):
        value, share = states[row], keep[row]
        for i in range(held.shape[1]):
            value = max(held[row, i], share * value + (1.0 - share) * held[row, i])
            value = value if value > 1e-20 else 0.0
            smooth[row, i] = value
        states[row] = value


@compile_kernel
def average_rows(values: Any, width: int, sign: float, output: Any) -> None:
    """Write sign times the mean of `width` neighbours; the output is width - 1 shorter than the values."""
    for row in range(values.shape[0]):
        for start in range(0, output.shape[1], BLOCK):
            # A fresh sum every block keeps its rounding from growing.
            total = 0.0
            for i in range(start, start + width - 1):
                total += values[row, i]
            for i in range(start, min(start + BLOCK, output.shape[1])):
                total += values[row, i + width - 1]
                output[row, i] = sign * total / width
                total -= values[row, i]


@compile_kernel
def release_rows_backward(gradient: Any, held: Any, smooth: Any, keep: Any, held_slope: Any, keep_slope: Any) -> None:
    """Write the gradients of `release_rows` from rest."""
    for row in range(held.shape[0]):
        carried, total, share = 0.0, 0.0, keep[row]
        for j in range(held.shape[1]):
            i = held.shape[1] - 1 - j
            before = smooth[row, i - 1] if i > 0 else 0.0
            through, distance = gradient[row, i] + carried, before - held[row, i]
            kept = share * through if distance > 0.0 else 0.0
            total += through * distance if distance > 0.0 else 0.0
            held_slope[row, i] = through - kept
            carried = kept if abs(kept) > 1e-30 else 0.0
        keep_slope[row] = total
