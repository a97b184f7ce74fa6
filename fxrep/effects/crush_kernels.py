"""Holding and rounding samples in one pass, see `fxrep.effects.bit_crusher` for the formulas.

The constants of a row are the rate factor r, the step d (0: no rounding) and the mix. A held value is interpolated and
rounded once, however many samples it lasts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fxrep.effects.kernels import compile_kernel
from fxrep.effects.row_curves import BLOCK

# Where a span ends this close to a sample, the definition decides to which side it belongs.
CLOSE = 1e-6


@compile_kernel
def _span_end(k: int, rate: float) -> int:
    """Return the first n with floor(n / rate + 1/2) > k."""
    edge = (k + 0.5) * rate
    end = math.ceil(edge)
    if end - edge < CLOSE or end - edge > 1.0 - CLOSE:
        while math.floor((end - 1) / rate + 0.5) > k:
            end -= 1
        while math.floor(end / rate + 0.5) <= k:
            end += 1
    return end


@compile_kernel
def _neighbours(source: Any, place: float) -> Any:
    """Return the number of the sample before a place, it, the next one, and the share of that."""
    number, zero = math.floor(place), source.dtype.type(0.0)
    early = source[number] if number < len(source) else zero
    late = source[number + 1] if number + 1 < len(source) else zero
    return number, early, late, source.dtype.type(place - number)


@compile_kernel
def _round_row(source: Any, whole: Any, step: Any, mix: Any, target: Any) -> Any:
    """Round a row that is not held; return its largest bits."""
    largest, magnitude = whole.dtype.type(0), ~whole.dtype.type(1 << (8 * whole.itemsize - 1))
    one = source.dtype.type(1.0)
    for start in range(0, len(source), BLOCK):
        end = min(start + BLOCK, len(source))
        dry, bits, wet = source[start:end], whole[start:end], target[start:end]
        if step > 0:
            for i in range(end - start):
                largest = max(largest, bits[i] & magnitude)
                wet[i] = np.rint(dry[i] / step) * step
        else:
            for i in range(end - start):
                largest = max(largest, bits[i] & magnitude)
                wet[i] = dry[i]
        if mix + mix < one:
            for i in range(end - start):
                wet[i] = dry[i] + mix * (wet[i] - dry[i])
        elif mix < one:
            for i in range(end - start):
                wet[i] = wet[i] - (one - mix) * (wet[i] - dry[i])
    return largest


@compile_kernel
def _hold_row(source: Any, whole: Any, rate: float, step: Any, mix: Any, target: Any) -> Any:
    """Hold and round a row; return its largest bits."""
    largest, magnitude = whole.dtype.type(0), ~whole.dtype.type(1 << (8 * whole.itemsize - 1))
    for i in range(len(source)):
        largest = max(largest, whole[i] & magnitude)
    one, k, start = source.dtype.type(1.0), 0, 0
    while start < len(source):
        end = min(_span_end(k, rate), len(source))
        _, early, late, share = _neighbours(source, k * rate)
        held = early + share * (late - early)
        if step > 0:
            held = np.rint(held / step) * step
        if mix == one:
            for i in range(start, end):
                target[i] = held
        elif mix + mix < one:
            for i in range(start, end):
                target[i] = source[i] + mix * (held - source[i])
        else:
            for i in range(start, end):
                target[i] = held - (one - mix) * (held - source[i])
        k, start = k + 1, end
    return largest


@compile_kernel
def crush_rows(audio: Any, bits: Any, constants: Any, output: Any) -> Any:
    """See `row_curves.RowCurve.forward`."""
    dtype, largest = audio.dtype.type, bits.dtype.type(0)
    for row in range(audio.shape[0]):
        rate, step, mix = constants[row, 0], dtype(constants[row, 1]), dtype(constants[row, 2])
        if rate == 1.0:
            largest = max(largest, _round_row(audio[row], bits[row], step, mix, output[row]))
        else:
            largest = max(largest, _hold_row(audio[row], bits[row], rate, step, mix, output[row]))
    return largest


@compile_kernel
def crush_rows_backward(gradient: Any, audio: Any, constants: Any, slope: Any, sums: Any) -> None:
    """See `row_curves.RowCurve.backward`; rounding lets the gradient through."""
    dtype = audio.dtype.type
    for row in range(audio.shape[0]):
        rate, step, mix = constants[row, 0], dtype(constants[row, 1]), constants[row, 2]
        above, source, target = gradient[row], audio[row], slope[row]
        rest, rates, steps, mixes = dtype(1.0 - mix), 0.0, 0.0, 0.0
        for i in range(len(source)):
            target[i] = above[i] * rest
        k, start = 0, 0
        while start < len(source):
            end = min(_span_end(k, rate), len(source))
            number, early, late, share = _neighbours(source, k * rate)
            held = early + share * (late - early)
            total, wet = 0.0, held
            if step > 0:
                level = held / step
                off = np.rint(level) - level
                wet = held + off * step
            for i in range(start, end):
                total += above[i]
                mixes += above[i] * (wet - source[i])
            total *= mix
            if step > 0:
                steps += total * off
            rates += total * k * (late - early)
            if number < len(source):
                target[number] += dtype(total * (1.0 - share))
            if number + 1 < len(source):
                target[number + 1] += dtype(total * share)
            k, start = k + 1, end
        sums[row, 0], sums[row, 1], sums[row, 2] = rates, steps, mixes
