"""Compiled loops of the gain computer: static curve, attack and release, and the gain on the audio, with adjoints.

`curve` (B, 5) holds sign, threshold, slope, knee and floor, see `gain_computer.static_curve`. `times` (B, 3) holds the
coefficients while the gain falls and while it rises, and the look-ahead in samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fxrep.effects.block_maths import BLOCK, exp2_block
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.level_kernels import DB_PER_NEPER, DB_PER_OCTAVE, QUIETEST_DB

# Keeps the division finite where there is no knee; the quotient is then multiplied by 0.
NARROWEST_KNEE = 1e-6
# Blocks are passed as slices and indexed from 0, see level_kernels.


@compile_kernel
def _read_block(level: Any, start: int, count: int, values: Any) -> None:
    """Copy a block of levels; behind the end there is silence."""
    known = max(0, min(count, len(level) - start))
    values[:known] = level[start : start + known]
    values[known:count] = QUIETEST_DB


@compile_kernel
def _curve_block(values: Any, count: int, curve: Any, hinge: Any, target: Any) -> None:
    """Write the distance beyond the threshold, rounded by the knee, and the gain in dB."""
    dtype = values.dtype.type
    sign, threshold, slope, knee, floor = (
        dtype(curve[0]),
        dtype(curve[1]),
        dtype(curve[2]),
        dtype(curve[3]),
        dtype(curve[4]),
    )
    zero, one, half = dtype(0.0), dtype(1.0), dtype(0.5 * curve[3])
    scale = one / max(dtype(2.0 * curve[3]), dtype(NARROWEST_KNEE))
    for i in range(count):
        entered = max(sign * (values[i] - threshold) + half, zero)
        inside = min(entered, knee)
        hinge[i] = entered + inside * (inside * scale - one)
        target[i] = max(slope * hinge[i], floor)


@compile_kernel
def smooth_rows(level: Any, curve: Any, times: Any, states: Any, smooth: Any) -> None:
    """Write the smoothed gain in dB (B, R, T') of the level (B, R, T), T' >= T; `states` (B, R) is the gain before."""
    values, hinge, target = np.empty(BLOCK, level.dtype), np.empty(BLOCK, level.dtype), np.empty(BLOCK, level.dtype)
    for item in range(level.shape[0]):
        fall, rise = times[item, 0], times[item, 1]
        for row in range(level.shape[1]):
            gain = states[item, row]
            for start in range(0, smooth.shape[2], BLOCK):
                end = min(start + BLOCK, smooth.shape[2])
                out = smooth[item, row, start:end]
                _read_block(level[item, row], start, end - start, values)
                _curve_block(values, end - start, curve[item], hinge, target)
                # Decaying gains must not end in slow denormal numbers.
                gain = 0.0 if abs(gain) < 1e-20 else gain
                # Choosing the coefficient by direction is the same as taking the smaller (or larger) of both results,
                # and does not make the next sample wait for a comparison.
                if fall <= rise:
                    for i in range(end - start):
                        gain = min(fall * gain + (1.0 - fall) * target[i], rise * gain + (1.0 - rise) * target[i])
                        out[i] = gain
                else:
                    for i in range(end - start):
                        gain = max(fall * gain + (1.0 - fall) * target[i], rise * gain + (1.0 - rise) * target[i])
                        out[i] = gain
            states[item, row] = gain


@compile_kernel
def _gain_block(now: Any, later: Any, share: float, makeup_db: float, gain: Any, scratch: Any) -> None:
    """Write the gain as a factor; `later` holds the smoothed gains one sample after `now`."""
    dtype = now.dtype.type
    here, there, offset, octave = dtype(1.0 - share), dtype(share), dtype(makeup_db), dtype(1.0 / DB_PER_OCTAVE)
    for i in range(len(now)):
        gain[i] = (here * now[i] + there * later[i] + offset) * octave
    exp2_block(gain, len(now), scratch)


@compile_kernel
def apply_rows(audio: Any, smooth: Any, times: Any, makeup_db: Any, output: Any) -> None:
    """Multiply audio (B, C, T) by the gain in dB (B, R, T'), taken from the look-ahead; T' > T + look-ahead."""
    samples, rows = audio.shape[2], smooth.shape[1]
    gain, scratch = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    for item in range(audio.shape[0]):
        ahead = int(np.floor(times[item, 2]))
        share = times[item, 2] - ahead
        for row in range(rows):
            for start in range(0, samples, BLOCK):
                end = min(start + BLOCK, samples)
                now = smooth[item, row, start + ahead : end + ahead]
                later = smooth[item, row, start + ahead + 1 : end + ahead + 1]
                _gain_block(now, later, share, makeup_db[item], gain, scratch)
                for channel in range(row, row + 1 if rows > 1 else audio.shape[1]):
                    source, out = audio[item, channel, start:end], output[item, channel, start:end]
                    for i in range(end - start):
                        out[i] = source[i] * gain[i]


@compile_kernel
def _apply_block_backward(gradient: Any, audio: Any, gain: Any, audio_slope: Any, slope: Any, scale: float) -> None:
    """Write the gradient of one channel of audio and add that of the gain in dB."""
    factor = audio.dtype.type(scale)
    for i in range(len(audio)):
        through = gradient[i] * gain[i]
        slope[i] += through * audio[i] * factor
        audio_slope[i] = through


@compile_kernel
def apply_rows_backward(
    gradient: Any, audio: Any, smooth: Any, times: Any, makeup_db: Any, audio_slope: Any, smooth_slope: Any, slopes: Any
) -> None:
    """Write the gradients of `apply_rows`: audio, smoothed gain, and per item (B, 2) look-ahead and make-up."""
    samples, rows = audio.shape[2], smooth.shape[1]
    gain, slope, scratch = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    slopes[:] = 0.0
    smooth_slope[:] = 0.0
    for item in range(audio.shape[0]):
        ahead = int(np.floor(times[item, 2]))
        share = times[item, 2] - ahead
        here, there = audio.dtype.type(1.0 - share), audio.dtype.type(share)
        for row in range(rows):
            for start in range(0, samples, BLOCK):
                end = min(start + BLOCK, samples)
                now = smooth[item, row, start + ahead : end + ahead]
                later = smooth[item, row, start + ahead + 1 : end + ahead + 1]
                _gain_block(now, later, share, makeup_db[item], gain, scratch)
                slope[:] = 0.0
                for channel in range(row, row + 1 if rows > 1 else audio.shape[1]):
                    source, out = audio[item, channel, start:end], audio_slope[item, channel, start:end]
                    _apply_block_backward(
                        gradient[item, channel, start:end], source, gain, out, slope, 1.0 / DB_PER_NEPER
                    )
                moved, total = 0.0, 0.0
                for i in range(end - start):
                    moved += slope[i] * (later[i] - now[i])
                    total += slope[i]
                slopes[item, 0] += moved
                slopes[item, 1] += total
                out = smooth_slope[item, row, start + ahead : end + ahead]
                for i in range(end - start):
                    out[i] += here * slope[i]
                out = smooth_slope[item, row, start + ahead + 1 : end + ahead + 1]
                for i in range(end - start):
                    out[i] += there * slope[i]


@compile_kernel
def _ballistics_block_backward(slope: Any, smooth: Any, before: float, target: Any, times: Any, carried: float) -> Any:
    """Turn the gradient of the smoothed gain into that of the target; return what is carried on and both slopes."""
    fall, rise, fall_slope, rise_slope = times[0], times[1], 0.0, 0.0
    for j in range(len(slope)):
        i = len(slope) - 1 - j
        distance = (smooth[i - 1] if i > 0 else before) - target[i]
        total = slope[i] + carried
        falling = distance > 0.0
        carried = (fall if falling else rise) * total
        moved = total * distance
        fall_slope += moved if falling else 0.0
        rise_slope += 0.0 if falling else moved
        slope[i] = total - carried
    return carried if abs(carried) > 1e-30 else 0.0, fall_slope, rise_slope


@compile_kernel
def _curve_block_backward(slope: Any, values: Any, hinge: Any, count: int, curve: Any, slopes: Any) -> None:
    """Turn the gradient of the target into that of the level, in place, and add those of the curve to `slopes`."""
    dtype = slope.dtype.type
    sign, threshold, tilt, knee, floor = (
        dtype(curve[0]),
        dtype(curve[1]),
        dtype(curve[2]),
        dtype(curve[3]),
        dtype(curve[4]),
    )
    zero, one, two, half = dtype(0.0), dtype(1.0), dtype(2.0), dtype(0.5 * curve[3])
    scale = one / max(dtype(2.0 * curve[3]), dtype(NARROWEST_KNEE))
    tilt_slope, knee_slope, level_slope, floor_slope = 0.0, 0.0, 0.0, 0.0
    for i in range(count):
        position = max(sign * (values[i] - threshold) + half, zero)
        free = slope[i] if tilt * hinge[i] >= floor else zero
        steep = one if position >= knee else two * scale * position
        steep = steep if position > zero else zero
        bent = steep * (one - steep) if position < knee else zero
        tilt_slope += free * hinge[i]
        # Inside the knee of width w at position p: d hinge / d w = p / (2 w) - p^2 / (2 w^2).
        knee_slope += free * bent
        floor_slope += slope[i] - free
        slope[i] = free * steep * tilt * sign
        level_slope += slope[i]
    slopes[0] -= level_slope
    slopes[1] += tilt_slope
    slopes[2] += 0.5 * curve[2] * knee_slope
    slopes[3] += floor_slope


@compile_kernel
def smooth_rows_backward(
    smooth_slope: Any,
    level: Any,
    smooth: Any,
    curve: Any,
    steering: Any,
    times: Any,
    level_slope: Any,
    slopes: Any,
) -> None:
    """Write the gradients of `smooth_rows` from rest: level, and per item (B, 6) those of threshold, slope, knee,
    floor and the two coefficients.

    `steering` (B, 5) is the curve that decides where the gain falls and where it rises, see
    `gain_computer.steering_curve`, and `smooth` is what it makes of the level.
    """
    values, hinge, target = np.empty(BLOCK, level.dtype), np.empty(BLOCK, level.dtype), np.empty(BLOCK, level.dtype)
    slopes[:] = 0.0
    total = smooth.shape[2]
    for item in range(level.shape[0]):
        for row in range(level.shape[1]):
            carried = 0.0
            for back in range(-(-total // BLOCK)):
                start = (-(-total // BLOCK) - 1 - back) * BLOCK
                end = min(start + BLOCK, total)
                slope = smooth_slope[item, row, start:end]
                _read_block(level[item, row], start, end - start, values)
                # The hinge is the same for both curves.
                _curve_block(values, end - start, steering[item], hinge, target)
                before = smooth[item, row, start - 1] if start > 0 else level.dtype.type(0.0)
                carried, fall_slope, rise_slope = _ballistics_block_backward(
                    slope, smooth[item, row, start:end], before, target, times[item], carried
                )
                slopes[item, 4] += fall_slope
                slopes[item, 5] += rise_slope
                _curve_block_backward(slope, values, hinge, end - start, curve[item], slopes[item])
                known = max(0, min(end, level.shape[2]) - start)
                level_slope[item, row, start : start + known] = slope[:known]
