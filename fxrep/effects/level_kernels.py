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
    """Write one channel's share of the gradient of the linked magnitude, or of its square; equal channels share it.

    `link` is NONE for a channel that is alone.
    """
    zero, half, one, two = here.dtype.type(0.0), here.dtype.type(0.5), here.dtype.type(1.0), here.dtype.type(2.0)
    if squared:
        for i in range(len(here)):
            out[i] = two * here[i] * slope[i]
    else:
        for i in range(len(here)):
            out[i] = ((one if here[i] > zero else zero) - (one if here[i] < zero else zero)) * slope[i]
    if link == MEAN:
        for i in range(len(here)):
            out[i] *= half
    elif link == MAX:
        for i in range(len(here)):
            x, y = abs(here[i]), abs(other[i])
            out[i] *= half + (half if x > y else zero) - (half if x < y else zero)


@compile_kernel
def detect_rows(audio: Any, keep: Any, link: int, rms: bool, powers: Any, level: Any) -> None:
    """Write the level (B, R, T) in dB of the audio (B, C, T); `powers` (B, R) is the state of RMS detection."""
    dtype, samples, channels = audio.dtype.type, audio.shape[2], audio.shape[1]
    quietest, scale = dtype(QUIETEST), dtype(DB_PER_OCTAVE)
    if rms:
        quietest, scale = dtype(QUIETEST * QUIETEST), dtype(DB_PER_OCTAVE / 2)
    linked, scratch = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    for item in range(level.shape[0]):
        for row in range(level.shape[1]):
            power, share = powers[item, row], keep[item]
            other = channels - 1 if level.shape[1] == 1 else row
            for start in range(0, samples, BLOCK):
                end = min(start + BLOCK, samples)
                count, out = end - start, level[item, row, start:end]
                _link_block(audio[item, row, start:end], audio[item, other, start:end], link, rms, linked)
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
            powers[item, row] = power


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
def detect_rows_backward(
    gradient: Any, audio: Any, level: Any, keep: Any, link: int, rms: bool, audio_slope: Any, keep_slope: Any
) -> None:
    """Write the gradients of `detect_rows` from rest: (B, C, T) and, for its coefficient, (B,)."""
    dtype, samples, channels = audio.dtype.type, audio.shape[2], audio.shape[1]
    quietest, zero, octave = dtype(QUIETEST_DB), dtype(0.0), dtype(2.0 / DB_PER_OCTAVE)
    scale = dtype(DB_PER_NEPER / 2) if rms else dtype(DB_PER_NEPER)
    slope, value = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    scratch, linked = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    for item in range(level.shape[0]):
        keep_slope[item] = 0.0
        for row in range(level.shape[1]):
            carried, other = 0.0, channels - 1 if level.shape[1] == 1 else row
            pair = NONE if other == row else link
            for back in range(-(-samples // BLOCK)):
                start = (-(-samples // BLOCK) - 1 - back) * BLOCK
                end = min(start + BLOCK, samples)
                count, db, above = end - start, level[item, row, start:end], gradient[item, row, start:end]
                first, second = audio[item, row, start:end], audio[item, other, start:end]
                _link_block(first, second, link, rms, linked)
                for i in range(count):
                    value[i] = db[i] * octave if rms else linked[i]
                if rms:
                    exp2_block(value, count, scratch)
                for i in range(count):
                    slope[i] = above[i] * scale / value[i] if db[i] > quietest else zero
                if rms:
                    before = 2.0 ** (level[item, row, start - 1] * octave) if start > 0 else 0.0
                    carried, total = _smooth_backward(slope[:count], value, before, linked, keep[item], carried)
                    keep_slope[item] += total
                _unlink_block(slope, first, second, pair, rms, audio_slope[item, row, start:end])
                if other != row:
                    _unlink_block(slope, second, first, pair, rms, audio_slope[item, other, start:end])
