"""Maxima and means of short windows, eight samples at a time.

Over 1, 2, 4 … neighbours they come by doubling: a few passes over a block that stays in the first cache are faster
than following a maximum or a sum through the signal, and the sums are rounded less.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fxrep.effects.block_maths import BLOCK
from fxrep.effects.kernels import compile_kernel


@compile_kernel
def _join_maxima(left: Any, right: Any, out: Any) -> None:
    for i in range(len(out)):
        out[i] = max(left[i], right[i])


@compile_kernel
def _join_sums(left: Any, right: Any, out: Any) -> None:
    for i in range(len(out)):
        out[i] = left[i] + right[i]


@compile_kernel
def _add(values: Any, out: Any) -> None:
    for i in range(len(out)):
        out[i] += values[i]


@compile_kernel
def window_maxima(values: Any, width: int, work: Any, out: Any) -> None:
    """Write the maximum of every `width` neighbours.

    Args:
        values: (N + width - 1,).
        width: at least 1.
        work: (2, as many as values or more), overwritten.
        out: (N,).
    """
    source, left, span, place = values, len(out) + width - 1, 1, 0
    while span < width:
        # The widest of the doubled windows overlap to the width.
        step = min(span, width - span)
        left, span = left - step, span + step
        _join_maxima(source[:left], source[step : step + left], work[place, :left])
        source, place = work[place], 1 - place
    for i in range(len(out)):
        out[i] = source[i]


@compile_kernel
def window_means(values: Any, width: int, sign: float, work: Any, out: Any) -> None:
    """Write `sign` times the mean of every `width` neighbours; see `window_maxima`."""
    source, left, span, place, offset = values, len(out) + width - 1, 1, 0, 0
    for i in range(len(out)):
        out[i] = 0.0
    while span <= width:
        # The width is a sum of powers of two.
        if width & span:
            _add(source[offset : offset + len(out)], out)
            offset += span
        if 2 * span <= width:
            left -= span
            _join_sums(source[:left], source[span : span + left], work[place, :left])
            source, place = work[place], 1 - place
        span *= 2
    scale = out.dtype.type(sign / width)
    for i in range(len(out)):
        out[i] *= scale


@compile_kernel
def hold_rows(values: Any, width: int, held: Any) -> None:
    """Write the maximum of the last `width` values (B, T), 0 or more; before the start they are 0."""
    known, work = np.zeros(BLOCK + width - 1, values.dtype), np.empty((2, BLOCK + width - 1), values.dtype)
    for row in range(values.shape[0]):
        known[: width - 1] = 0.0
        for start in range(0, values.shape[1], BLOCK):
            count = min(BLOCK, values.shape[1] - start)
            known[width - 1 : width - 1 + count] = values[row, start : start + count]
            window_maxima(known[: width - 1 + count], width, work, held[row, start : start + count])
            for i in range(width - 1):
                known[i] = known[count + i]


@compile_kernel
def average_rows(values: Any, first: int, width: int, sign: float, output: Any) -> None:
    """Write sign times the mean of `width` neighbours, from the place `first` on, as far as the values reach."""
    work = np.empty((2, BLOCK + width - 1), values.dtype)
    for row in range(values.shape[0]):
        for start in range(first, values.shape[1] - width + 1, BLOCK):
            count = min(BLOCK, values.shape[1] - width + 1 - start)
            source, out = values[row, start : start + count + width - 1], output[row, start - first :]
            window_means(source, width, sign, work, out[:count])
