"""Compiled loops of the limiter: how far the true peaks exceed the ceiling, and the release of the gain."""

from __future__ import annotations

from typing import Any

import numpy as np

from fxrep.audio.peaks import INTERPOLATOR_PHASES
from fxrep.effects.ballistics_kernels import ROWS, follow_block
from fxrep.effects.block_maths import BLOCK, log2_block
from fxrep.effects.block_sums import largest_of_block
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.level_kernels import DB_PER_NEPER, DB_PER_OCTAVE

PHASES = np.array(INTERPOLATOR_PHASES)
TAPS = PHASES.shape[1]
# The interpolated values at time m lie between the samples m - 6 and m - 5.
CENTRE = TAPS // 2
# No interpolated value is larger than this times the largest of the samples that it is made of.
LARGEST_GAIN = float(np.abs(PHASES).sum(1).max())
# Samples that are looked at together: whether anything among them can exceed the ceiling at all.
PART = 256


# The last two phases are the first two in reverse. Of a filter and its reverse, the even and the odd part give the sum
# and the difference, and the larger magnitude of those is the sum of the magnitudes of the parts.
EVEN, ODD = (PHASES[:2] + PHASES[3:1:-1]) / 2.0, (PHASES[:2] - PHASES[3:1:-1]) / 2.0


@compile_kernel
def _raise_block(
    x: Any,
    a: Any,
    b: Any,
    c: Any,
    d: Any,
    e: Any,
    f: Any,
    g: Any,
    h: Any,
    o: Any,
    p: Any,
    q: Any,
    r: Any,
    peak: Any,
) -> None:
    """Raise `peak` to the magnitude of a filter, even part a to f and odd part g to r, and of its reverse."""
    for i in range(len(peak)):
        even = (a * (x[i + 11] + x[i]) + b * (x[i + 10] + x[i + 1])) + (c * (x[i + 9] + x[i + 2]))
        even += (d * (x[i + 8] + x[i + 3]) + e * (x[i + 7] + x[i + 4])) + (f * (x[i + 6] + x[i + 5]))
        odd = (g * (x[i + 11] - x[i]) + h * (x[i + 10] - x[i + 1])) + (o * (x[i + 9] - x[i + 2]))
        odd += (p * (x[i + 8] - x[i + 3]) + q * (x[i + 7] - x[i + 4])) + (r * (x[i + 6] - x[i + 5]))
        peak[i] = max(peak[i], abs(even) + abs(odd))


@compile_kernel
def _interpolate_block(x: Any, peak: Any) -> None:
    """Raise `peak` to the largest magnitude of the four phases; `x` begins 11 samples earlier."""
    dtype = x.dtype.type
    a, b, c = dtype(EVEN[0, 0]), dtype(EVEN[0, 1]), dtype(EVEN[0, 2])
    d, e, f = dtype(EVEN[0, 3]), dtype(EVEN[0, 4]), dtype(EVEN[0, 5])
    g, h, o = dtype(ODD[0, 0]), dtype(ODD[0, 1]), dtype(ODD[0, 2])
    p, q, r = dtype(ODD[0, 3]), dtype(ODD[0, 4]), dtype(ODD[0, 5])
    _raise_block(x, a, b, c, d, e, f, g, h, o, p, q, r, peak)
    a, b, c = dtype(EVEN[1, 0]), dtype(EVEN[1, 1]), dtype(EVEN[1, 2])
    d, e, f = dtype(EVEN[1, 3]), dtype(EVEN[1, 4]), dtype(EVEN[1, 5])
    g, h, o = dtype(ODD[1, 0]), dtype(ODD[1, 1]), dtype(ODD[1, 2])
    p, q, r = dtype(ODD[1, 3]), dtype(ODD[1, 4]), dtype(ODD[1, 5])
    _raise_block(x, a, b, c, d, e, f, g, h, o, p, q, r, peak)


@compile_kernel
def excess_block(x: Any, ceiling_db: float, peak: Any, scratch: Any, excess: Any) -> None:
    """Write by how many dB samples and interpolated values exceed the ceiling.

    Args:
        x: (C, 11 + N): 11 samples of the past first.
        ceiling_db: dB.
        peak: (N or more,), overwritten.
        scratch: like `peak`.
        excess: (N,), see `excess_rows`.
    """
    dtype, count = x.dtype.type, len(excess)
    zero, scale, ceiling = dtype(0.0), dtype(DB_PER_OCTAVE), dtype(ceiling_db)
    harmless = dtype(10.0 ** (ceiling_db / 20.0) / LARGEST_GAIN)
    for start in range(0, count, PART):
        end = min(start + PART, count)
        out, largest = excess[start:end], peak[: end - start + TAPS - 1]
        for i in range(len(largest)):
            largest[i] = zero
        for channel in range(x.shape[0]):
            source = x[channel, start : end + TAPS - 1]
            for i in range(len(source)):
                largest[i] = max(largest[i], abs(source[i]))
        if largest_of_block(largest) <= harmless:
            out[:] = zero
            continue
        for i in range(end - start):
            peak[i] = harmless
        for channel in range(x.shape[0]):
            samples = x[channel, start + TAPS - 1 - CENTRE : end + TAPS - 1 - CENTRE]
            for i in range(len(samples)):
                peak[i] = max(peak[i], abs(samples[i]))
            _interpolate_block(x[channel, start : end + TAPS - 1], peak[: end - start])
        log2_block(peak, end - start, scratch)
        for i in range(len(out)):
            out[i] = max(peak[i] * scale - ceiling, zero)


@compile_kernel
def excess_rows(audio: Any, ceiling_db: Any, excess: Any) -> None:
    """Write by how many dB samples and interpolated values exceed the ceiling.

    Args:
        audio: (B, C, 11 + T): 11 samples of the past first.
        ceiling_db: (B,).
        excess: (B, T), 0 or more: the largest over all channels at time m of the four values between the samples m - 6
            and m - 5, and of the sample m - 6.
    """
    peak, scratch = np.empty(PART + TAPS, audio.dtype), np.empty(PART + TAPS, audio.dtype)
    for item in range(audio.shape[0]):
        excess_block(audio[item], ceiling_db[item], peak, scratch, excess[item])


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
    """Follow a rise at once and a fall with one pole; `states` (B,) is the value before. `smooth` is not `held`."""
    rows, places, times, values = held.shape[0], np.empty(ROWS, np.int64), np.zeros((ROWS, 2)), np.empty(ROWS)
    for first in range(0, rows, ROWS):
        for lane in range(ROWS):
            places[lane] = min(first + lane, rows - 1)
            times[lane, 0], values[lane] = keep[places[lane]], states[places[lane]]
        for start in range(0, held.shape[1], BLOCK):
            # Decaying values must not end in slow denormal numbers.
            for lane in range(ROWS):
                values[lane] = values[lane] if values[lane] > 1e-20 else 0.0
            follow_block(held, places, start, min(BLOCK, held.shape[1] - start), times, values, smooth)
        for lane in range(ROWS):
            states[places[lane]] = values[lane]


@compile_kernel
def release_rows_backward(gradient: Any, held: Any, smooth: Any, keep: Any, held_slope: Any, keep_slope: Any) -> None:
    """Write the gradients of `release_rows` from rest."""
    for row in range(held.shape[0]):
        carried, total, share = 0.0, 0.0, keep[row]
        for j in range(held.shape[1]):
            i = held.shape[1] - 1 - j
            before = smooth[row, i - 1] if i > 0 else 0.0
            through, distance = gradient[row, i] + carried, before - held[row, i]
            kept, moved = share * through, through * distance
            kept = kept if distance > 0.0 else 0.0
            total += moved if distance > 0.0 else 0.0
            held_slope[row, i] = through - kept
            carried = kept if abs(kept) > 1e-30 else 0.0
        keep_slope[row] = total
