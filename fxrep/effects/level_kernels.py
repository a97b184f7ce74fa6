"""Compiled loops of the level detector: the level in dB of linked channels, and its adjoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fxrep.effects.block_maths import BLOCK, exp2_block, log2_block
from fxrep.effects.kernels import compile_kernel

# -160 dB: below anything that can be heard; the logarithm of silence stays finite.
QUIETEST = 1e-8
QUIETEST_DB = -160.0
# Before the first sample there is no power: this is 1e-50 of full scale, 0 in float32.
NO_POWER_DB = -1000.0
DB_PER_NEPER = 20.0 / math.log(10.0)
DB_PER_OCTAVE = 20.0 * math.log10(2.0)
# How a pair of channels is linked.
MAX, MEAN, NONE = range(3)


# Blocks are passed as slices and indexed from 0: with an offset inside the loops the compiler would have to guard every
# access against negative indices and could no longer do eight samples at a time.


@compile_kernel
def _link_block(first: Any, second: Any, link: int, squared: bool, linked: Any) -> None:
    """Write the magnitude of two channels (the same one twice, if there is no link), or its square."""
    half = first.dtype.type(0.5)
    if squared and link == MEAN:
        for i in range(len(first)):
            linked[i] = (first[i] * first[i] + second[i] * second[i]) * half
        return
    if link == MEAN:
        for i in range(len(first)):
            linked[i] = (abs(first[i]) + abs(second[i])) * half
    else:
        for i in range(len(first)):
            linked[i] = max(abs(first[i]), abs(second[i]))
    if squared:
        for i in range(len(first)):
            linked[i] = linked[i] * linked[i]


@compile_kernel
def _unlink_block(slope: Any, here: Any, other: Any, link: int, squared: bool, out: Any) -> None:
    """Add one channel's share of the gradient of the linked magnitude, or of its square; equal channels share it.

    `link` is NONE for a channel that is alone. Where the larger magnitude counts, `slope` has been divided by it:
    sample over magnitude is the sign.
    """
    zero, half = here.dtype.type(0.0), here.dtype.type(0.5)
    if link == MAX:
        for i in range(len(here)):
            x, y = abs(here[i]), abs(other[i])
            out[i] += slope[i] * here[i] * (half + (half if x > y else zero) - (half if x < y else zero))
    elif link == NONE:
        for i in range(len(here)):
            out[i] += slope[i] * here[i]
    elif squared:
        for i in range(len(here)):
            out[i] += slope[i] * here[i] * half
    else:
        for i in range(len(here)):
            out[i] += slope[i] * ((half if here[i] > zero else zero) - (half if here[i] < zero else zero))


@compile_kernel
def measure_row(
    audio: Any, row: int, rows: int, begin: int, share: float, power: float, link: int, rms: bool, level: Any
) -> float:
    """Write the level in dB of one row of a stretch; behind the end of the audio there is silence.

    Args:
        audio: (C, T).
        row: which of the `rows` levels of these channels.
        rows: 1 if one level stands for all channels.
        begin: time of the first level.
        share: of the old power that RMS detection keeps per sample.
        power: state of RMS detection.
        link: of the channels.
        rms: whether the power is measured, not the peak.
        level: (N,).

    Returns:
        The power after the stretch.
    """
    dtype, other = audio.dtype.type, audio.shape[0] - 1 if rows == 1 else row
    quietest, scale = dtype(QUIETEST), dtype(DB_PER_OCTAVE)
    if rms:
        quietest, scale = dtype(QUIETEST * QUIETEST), dtype(DB_PER_OCTAVE / 2)
    linked, scratch = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    known = max(0, min(len(level), audio.shape[1] - begin))
    for start in range(0, known, BLOCK):
        end = min(start + BLOCK, known)
        count, out = end - start, level[start:end]
        _link_block(
            audio[row, begin + start : begin + end], audio[other, begin + start : begin + end], link, rms, linked
        )
        if rms:
            power = 0.0 if power < 1e-30 else power
            for i in range(count):
                power = share * power + (1.0 - share) * linked[i]
                linked[i] = power
        for i in range(count):
            linked[i] = max(linked[i], quietest)
        log2_block(linked, count, scratch)
        for i in range(count):
            out[i] = linked[i] * scale
    level[known:] = QUIETEST_DB
    return power


@compile_kernel
def detect_rows(audio: Any, keep: Any, link: int, rms: bool, powers: Any, level: Any) -> None:
    """Write the level (B, R, T) in dB of the audio (B, C, T); `powers` (B, R) is the state of RMS detection."""
    for item in range(level.shape[0]):
        for row in range(level.shape[1]):
            powers[item, row] = measure_row(
                audio[item], row, level.shape[1], 0, keep[item], powers[item, row], link, rms, level[item, row]
            )


@compile_kernel
def _smooth_backward(slope: Any, power: Any, before: float, linked: Any, share: float, carried: float) -> Any:
    """Turn the gradient of the smoothed power into that of the power; return what is carried on and the slope of k."""
    total = 0.0
    for j in range(len(slope)):
        i = len(slope) - 1 - j
        carried = share * carried + slope[i]
        total += carried * ((power[i - 1] if i > 0 else before) - linked[i])
        slope[i] = (1.0 - share) * carried
    return carried, total


@compile_kernel
def _unscale_block(above: Any, db: Any, value: Any, signed: bool, slope: Any) -> None:
    """Turn the gradient of the level in dB into that of the magnitude, or into twice that of the power.

    `value` is the magnitude, or the power. With `signed` the result is divided by it once more, see `_unlink_block`.
    """
    dtype = slope.dtype.type
    quietest, zero, scale = dtype(QUIETEST_DB), dtype(0.0), dtype(DB_PER_NEPER)
    if signed:
        for i in range(len(slope)):
            steep = above[i] * scale / (value[i] * value[i])
            slope[i] = steep if db[i] > quietest else zero
    else:
        for i in range(len(slope)):
            steep = above[i] * scale / value[i]
            slope[i] = steep if db[i] > quietest else zero


@compile_kernel
def measure_row_backward(
    gradient: Any,
    audio: Any,
    row: int,
    rows: int,
    begin: int,
    level: Any,
    before: float,
    share: float,
    carried: float,
    link: int,
    rms: bool,
    slope: Any,
) -> Any:
    """Go back through `measure_row`.

    Args:
        gradient: (N,) of the level.
        audio: (C, T).
        row: as for `measure_row`, like all that is not named here.
        rows: as above.
        begin: as above.
        level: (N,).
        before: the level before the stretch, for RMS detection; `NO_POWER_DB` at the start.
        share: as above.
        carried: gradient of the power from what follows.
        link: as above.
        rms: as above.
        slope: (C, T), to which the gradient of the audio is added.

    Returns:
        The gradient of the power before the stretch, and that of `share`.
    """
    other, total = audio.shape[0] - 1 if rows == 1 else row, 0.0
    pair, octave = NONE if other == row else link, audio.dtype.type(2.0 / DB_PER_OCTAVE)
    work, scratch = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    linked, power = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    known = max(0, min(len(level), audio.shape[1] - begin))
    blocks = -(-known // BLOCK)
    for back in range(blocks):
        start = (blocks - 1 - back) * BLOCK
        end = min(start + BLOCK, known)
        db, above, here = level[start:end], gradient[start:end], work[: end - start]
        first, second = audio[row, begin + start : begin + end], audio[other, begin + start : begin + end]
        _link_block(first, second, link, rms, linked)
        if rms:
            for i in range(end - start):
                power[i] = db[i] * octave
            exp2_block(power, end - start, scratch)
            _unscale_block(above, db, power, False, here)
            last = level[start - 1] if start > 0 else before
            carried, moved = _smooth_backward(here, power, 2.0 ** (last * octave), linked, share, carried)
            total += 0.5 * moved
        else:
            _unscale_block(above, db, linked, pair != MEAN, here)
        _unlink_block(here, first, second, pair, rms, slope[row, begin + start : begin + end])
        if other != row:
            _unlink_block(here, second, first, pair, rms, slope[other, begin + start : begin + end])
    return carried, total


@compile_kernel
def detect_rows_backward(
    gradient: Any, audio: Any, level: Any, keep: Any, link: int, rms: bool, audio_slope: Any, keep_slope: Any
) -> None:
    """Go back through `detect_rows` from rest: write the gradient of `keep` (B,), add that of the audio (B, C, T)."""
    rows = level.shape[1]
    for item in range(level.shape[0]):
        keep_slope[item] = 0.0
        for row in range(rows):
            share, above, slope = keep[item], gradient[item, row], audio_slope[item]
            _, total = measure_row_backward(
                above, audio[item], row, rows, 0, level[item, row], NO_POWER_DB, share, 0.0, link, rms, slope
            )
            keep_slope[item] += total
