"""Compiled loops of the gain computer: static curve, then attack and release, with adjoints.

`curve` (B, 5) holds sign, threshold, slope, knee and floor, see `gain_computer.static_curve`. `times` (B, 3) holds the
coefficients while the gain falls and while it rises, and the look-ahead in samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fxrep.effects.ballistics_kernels import ROWS, follow_block, follow_block_backward
from fxrep.effects.block_maths import BLOCK
from fxrep.effects.block_sums import sum_block
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.level_kernels import QUIETEST_DB

# Keeps the division finite where there is no knee; the quotient is then multiplied by 0.
NARROWEST_KNEE = 1e-6
# Blocks are passed as slices and indexed from 0, see level_kernels.


@compile_kernel
def _read_block(level: Any, start: int, count: int, values: Any) -> None:
    """Copy a block of levels; behind the end there is silence."""
    known = max(0, min(count, len(level) - start))
    source = level[start : start + known]
    for i in range(len(source)):
        values[i] = source[i]
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
def gather_rows(first: int, rows: int, per_item: int, times: Any, places: Any, pairs: Any) -> int:
    """Write which of the four rows from `first` on exist, the last one again for those that do not; return how many."""
    known = min(ROWS, rows - first)
    for lane in range(ROWS):
        places[lane] = min(lane, known - 1)
        pairs[lane, 0] = times[(first + places[lane]) // per_item, 0]
        pairs[lane, 1] = times[(first + places[lane]) // per_item, 1]
    return known


@compile_kernel
def smooth_group(
    level: Any, smooth: Any, top: int, begin: int, end: int, curve: Any, items: Any, places: Any, times: Any, gains: Any
) -> None:
    """Write the smoothed gain in dB of up to four rows.

    Args:
        level: (N, T) dB.
        smooth: (N, T'), T' >= T.
        top: first row of the group in both.
        begin: first sample.
        end: behind the last sample, at most T'.
        curve: (B, 5).
        items: (4,) item of each row.
        places: (4,) see `gather_rows`.
        times: (4, 2) coefficients of each row.
        gains: (4,) the gain before, replaced by the last one.
    """
    values, hinge = np.empty(BLOCK, level.dtype), np.empty(BLOCK, level.dtype)
    target, followed = np.empty((ROWS, BLOCK), level.dtype), np.empty((ROWS, BLOCK), level.dtype)
    for start in range(begin, end, BLOCK):
        count = min(BLOCK, end - start)
        for lane in range(places[ROWS - 1] + 1):
            _read_block(level[top + lane], start, count, values)
            _curve_block(values, count, curve[items[lane]], hinge, target[lane])
        # Decaying gains must not end in slow denormal numbers.
        for lane in range(ROWS):
            gains[lane] = 0.0 if abs(gains[lane]) < 1e-20 else gains[lane]
        follow_block(target, places, 0, count, times, gains, followed)
        for lane in range(places[ROWS - 1] + 1):
            out, made = smooth[top + lane, start : start + count], followed[lane]
            for i in range(count):
                out[i] = made[i]


@compile_kernel
def smooth_rows(level: Any, per_item: int, curve: Any, times: Any, states: Any, smooth: Any) -> None:
    """Write the smoothed gain in dB.

    Args:
        level: (N, T) dB.
        per_item: rows that share the settings of an item.
        curve: (B, 5).
        times: (B, 3).
        states: (N,) float64, the gain before, replaced by the last one.
        smooth: (N, T'), T' >= T.
    """
    places, pairs, gains = np.empty(ROWS, np.int64), np.empty((ROWS, 2)), np.empty(ROWS)
    items = np.empty(ROWS, np.int64)
    for first in range(0, len(level), ROWS):
        known = gather_rows(first, len(level), per_item, times, places, pairs)
        for lane in range(ROWS):
            gains[lane], items[lane] = states[first + places[lane]], (first + places[lane]) // per_item
        smooth_group(level, smooth, first, 0, smooth.shape[1], curve, items, places, pairs, gains)
        for lane in range(known):
            states[first + lane] = gains[lane]


@compile_kernel
def _distance_block(smooth: Any, start: int, target: Any, distance: Any) -> None:
    """Write how far the smoothed gain before each sample lies above the gain asked for."""
    before, here, out = smooth[max(start - 1, 0) :], target, distance
    if start == 0:
        distance[0] = -target[0]
        before, here, out = smooth, target[1:], distance[1:]
    for i in range(len(here)):
        out[i] = before[i] - here[i]


@compile_kernel
def _share_block(total: Any, distance: Any, times: Any, out: Any, scratch: Any) -> Any:
    """Write the share of the gain asked for; return the gradients of both coefficients."""
    dtype, zero = total.dtype.type, total.dtype.type(0.0)
    fall, rise = dtype(1.0 - times[0]), dtype(1.0 - times[1])
    for i in range(len(total)):
        moved = total[i] * distance[i]
        out[i] = moved if distance[i] > zero else zero
    fall_slope = sum_block(out, scratch)
    for i in range(len(total)):
        moved = total[i] * distance[i]
        out[i] = zero if distance[i] > zero else moved
    rise_slope = sum_block(out, scratch)
    for i in range(len(total)):
        out[i] = total[i] * (fall if distance[i] > zero else rise)
    return fall_slope, rise_slope


@compile_kernel
def _curve_block_backward(slope: Any, values: Any, hinge: Any, curve: Any, slopes: Any, work: Any) -> None:
    """Turn the gradient of the target into that of the level, in place, and add those of the curve to `slopes`.

    `work` (3, N) is overwritten.
    """
    dtype, count = slope.dtype.type, len(slope)
    sign, threshold, tilt, knee, floor = (
        dtype(curve[0]),
        dtype(curve[1]),
        dtype(curve[2]),
        dtype(curve[3]),
        dtype(curve[4]),
    )
    zero, one, two, half = dtype(0.0), dtype(1.0), dtype(2.0), dtype(0.5 * curve[3])
    scale = one / max(dtype(2.0 * curve[3]), dtype(NARROWEST_KNEE))
    free, product, scratch = work[0, :count], work[1, :count], work[2]
    for i in range(count):
        here = slope[i]
        free[i] = here if tilt * hinge[i] >= floor else zero
    for i in range(count):
        product[i] = slope[i] - free[i]
    slopes[3] += sum_block(product, scratch)
    for i in range(count):
        product[i] = free[i] * hinge[i]
    slopes[1] += sum_block(product, scratch)
    for i in range(count):
        # Inside the knee of width w at position p: d hinge / d w = p / (2 w) - p^2 / (2 w^2).
        position = max(sign * (values[i] - threshold) + half, zero)
        steep = two * scale * position
        product[i] = free[i] * (steep * (one - steep) if position < knee else zero)
    slopes[2] += 0.5 * curve[2] * sum_block(product, scratch)
    across = tilt * sign
    for i in range(count):
        position = max(sign * (values[i] - threshold) + half, zero)
        steep = one if position >= knee else two * scale * position
        slope[i] = free[i] * (steep if position > zero else zero) * across
    slopes[0] -= sum_block(slope, scratch)


@compile_kernel
def smooth_group_backward(
    slope: Any,
    level: Any,
    smooth: Any,
    begin: int,
    end: int,
    curve: Any,
    steering: Any,
    items: Any,
    places: Any,
    times: Any,
    carried: Any,
    slopes: Any,
) -> None:
    """Go from the gradient of a smoothed gain, up to four rows of it, to those of the level and the settings.

    Args:
        slope: (4, N) gradient of the smoothed gain; from `begin` to `end` it becomes that of the level.
        level: (4, N) dB.
        smooth: (4, N) what the steering curve makes of the level; before its first sample the gain is 0.
        begin: first sample.
        end: behind the last sample.
        curve: (B, 5).
        steering: (B, 5), which curve decides where the gain falls and where it rises, see
            `neutral_curves.steering_curve`.
        items: (4,) item of each row.
        places: (4,) see `gather_rows`.
        times: (4, 2) coefficients of each row.
        carried: (4,) gradient from the samples behind the last one, replaced by that for those before the first.
        slopes: (B, 6) float64, to which is added: threshold, slope, knee, floor and the two coefficients.
    """
    # Hinge of every row, then what the recursion takes and gives.
    hinge, distance = np.empty((ROWS, BLOCK), level.dtype), np.empty((ROWS, BLOCK), level.dtype)
    given, through = np.empty((ROWS, BLOCK), level.dtype), np.empty((ROWS, BLOCK), level.dtype)
    work, blocks, known = np.empty((3, BLOCK), level.dtype), -(-(end - begin) // BLOCK), places[ROWS - 1] + 1
    for back in range(blocks):
        start = begin + (blocks - 1 - back) * BLOCK
        count = min(BLOCK, end - start)
        for lane in range(known):
            # The hinge is the same for both curves.
            _curve_block(level[lane, start : start + count], count, steering[items[lane]], hinge[lane], work[0])
            _distance_block(smooth[lane], start, work[0, :count], distance[lane])
            source, copy = slope[lane, start : start + count], given[lane]
            for i in range(count):
                copy[i] = source[i]
        follow_block_backward(given, distance, places, count, times, carried, through)
        for lane in range(ROWS):
            carried[lane] = carried[lane] if abs(carried[lane]) > 1e-30 else 0.0
        for lane in range(known):
            out, own = slope[lane, start : start + count], slopes[items[lane]]
            fall_slope, rise_slope = _share_block(
                through[lane, :count], distance[lane, :count], times[lane], out, work[0]
            )
            own[4] += fall_slope
            own[5] += rise_slope
            values = level[lane, start : start + count]
            _curve_block_backward(out, values, hinge[lane, :count], curve[items[lane]], own, work)
