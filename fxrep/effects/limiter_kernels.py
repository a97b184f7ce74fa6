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
def _join_maxima(left: Any, right: Any, out: Any) -> None:
    for i in range(len(out)):
        out[i] = max(left[i], right[i])


@compile_kernel
def hold_rows(values: Any, width: int, held: Any) -> None:
    """Write the maximum of the last `width` values (B, T), 0 or more; before the start they are 0.

    Maxima over 1, 2, 4 … neighbours are doubled, and two of the widest overlap to the width: a few passes over a
    block that stays in the caches, eight samples at a time, are faster than following the maximum through the signal.
    """
    past = np.empty(width - 1, values.dtype)
    known, wider = np.empty(BLOCK + width - 1, values.dtype), np.empty(BLOCK + width - 1, values.dtype)
    for row in range(values.shape[0]):
        past[:] = 0
        for start in range(0, values.shape[1], BLOCK):
            count = min(BLOCK, values.shape[1] - start)
            known[: width - 1] = past
            known[width - 1 : width - 1 + count] = values[row, start : start + count]
            past[:] = known[count : count + width - 1]
            left, span, swapped = count + width - 1, 1, False
            while span < width:
                step = min(span, width - span)
                left, span = left - step, span + step
                if swapped:
                    _join_maxima(wider[:left], wider[step : step + left], known[:left])
                else:
                    _join_maxima(known[:left], known[step : step + left], wider[:left])
                swapped = not swapped
            held[row, start : start + count] = wider[:count] if swapped else known[:count]


@compile_kernel
def release_rows(held: Any, keep: Any, states: Any, smooth: Any) -> None:
    """Follow a rise at once and a fall with one pole; `states` (B,) is the value before. `smooth` may be `held`."""
    for first in range(0, held.shape[0], 2):
        # Two rows at a time, as each sample waits for the one before; a last single row is done twice.
        second = min(first + 1, held.shape[0] - 1)
        one, two, keep_one, keep_two = states[first], states[second], keep[first], keep[second]
        for start in range(0, held.shape[1], BLOCK):
            end = min(start + BLOCK, held.shape[1])
            above, below = held[first, start:end], held[second, start:end]
            out, out_below = smooth[first, start:end], smooth[second, start:end]
            # Decaying values must not end in slow denormal numbers.
            one, two = one if one > 1e-20 else 0.0, two if two > 1e-20 else 0.0
            for i in range(end - start):
                one = max(above[i], keep_one * one + (1.0 - keep_one) * above[i])
                two = max(below[i], keep_two * two + (1.0 - keep_two) * below[i])
                out[i] = one
                out_below[i] = two
        states[first], states[second] = one, two


@compile_kernel
def average_rows(values: Any, first: int, width: int, sign: float, output: Any) -> None:
    """Write sign times the mean of `width` neighbours, from the place `first` on, as far as the values reach."""
    scale = sign / width
    for row in range(values.shape[0]):
        for start in range(first, values.shape[1] - width + 1, BLOCK):
            count = min(BLOCK, values.shape[1] - width + 1 - start)
            entering, leaving = (
                values[row, start + width : start + width + count - 1],
                values[row, start : start + count],
            )
            out = output[row, start - first : start - first + count]
            # A fresh sum every block keeps its rounding from growing.
            total = 0.0
            for i in range(start, start + width):
                total += values[row, i]
            out[0] = scale * total
            for i in range(count - 1):
                total += float(entering[i]) - float(leaving[i])
                out[i + 1] = scale * total


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
