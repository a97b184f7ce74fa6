"""Logarithms and powers of two of short stretches of samples, for the compiled loops.

The library functions cost 5 to 10 ns a sample, because a compiler cannot do several of them at once. In float32 they
are replaced by polynomials, with the floating-point number split into exponent and mantissa: 1 ns a sample. The
polynomials are near-minimax fits: log2 within 1e-8 over mantissas from sqrt(1/2) to sqrt(2), 2^f within 2e-9 over half
an octave either way. What remains is float32 rounding: levels are good to 1e-5 dB and gains to 1e-7 (-140 dB). In
float64 the library functions are used.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

# Samples that a compiled loop treats at once: the buffers of a block stay in the first-level cache.
BLOCK = 1024

ROOT_HALF = np.int32(0x3F3504F3)
MANTISSA_BITS, EXPONENT_BIAS = np.int32(23), np.int32(127)
ONE, HALF, LARGEST_POWER = np.float32(1.0), np.float32(0.5), np.float32(120.0)
# log2(1 + t) = t (A1 + A2 t + ...)
A1, A2, A3 = np.float32(1.442694868546751), np.float32(-0.7213471285050886), np.float32(0.48092252984314826)
A4, A5, A6 = np.float32(-0.36072119178279627), np.float32(0.28765664999967694), np.float32(-0.23851950932767849)
A7, A8, A9 = np.float32(0.2173796662300707), np.float32(-0.21030293256577973), np.float32(0.1254112118030788)
# 2^f = 1 + f (B1 + B2 f + ...)
B1, B2, B3 = np.float32(0.693147206288486), np.float32(0.24022651332400047), np.float32(0.05550327742423096)
B4, B5, B6 = np.float32(0.009618005415281218), np.float32(0.0013400283158039897), np.float32(0.00015475896696268414)


def log2_block(values: Any, count: int, scratch: Any) -> None:
    """Replace the first `count` values by their logarithm to base 2.

    Args:
        values: normal, positive numbers.
        count: at most the length of both arrays.
        scratch: of the same dtype; overwritten.
    """
    raise NotImplementedError("only inside compiled loops")


def exp2_block(values: Any, count: int, scratch: Any) -> None:
    """Replace the first `count` values by two to their power; 0 gives exactly 1.

    Args:
        values: in float32 they are kept within 120 of zero.
        count: at most the length of both arrays.
        scratch: of the same dtype; overwritten.
    """
    raise NotImplementedError("only inside compiled loops")


@overload(log2_block)
def _choose_log2(values: Any, count: int, scratch: Any) -> Any:
    return _log2_float32 if values.dtype == types.float32 else _log2_float64


@overload(exp2_block)
def _choose_exp2(values: Any, count: int, scratch: Any) -> Any:
    return _exp2_float32 if values.dtype == types.float32 else _exp2_float64


# Each loop below does one thing, so that the compiler can do eight samples at a time.
def _log2_float32(values: Any, count: int, scratch: Any) -> None:
    bits = values.view(np.int32)
    for i in range(count):
        exponent = np.int32(bits[i] - ROOT_HALF) >> MANTISSA_BITS
        scratch[i] = np.float32(np.int32(exponent))
        bits[i] = np.int32(bits[i] - (exponent << MANTISSA_BITS))
    for i in range(count):
        t = values[i] - ONE
        high = ((A9 * t + A8) * t + A7) * t + A6
        low = (((high * t + A5) * t + A4) * t + A3) * t + A2
        values[i] = (low * t + A1) * t + scratch[i]


def _exp2_float32(values: Any, count: int, scratch: Any) -> None:
    bits = scratch.view(np.int32)
    for i in range(count):
        x = min(max(values[i], -LARGEST_POWER), LARGEST_POWER)
        whole = np.floor(x + HALF)
        f = x - whole
        series = (((B6 * f + B5) * f + B4) * f + B3) * f + B2
        bits[i] = np.int32((np.int32(whole) + EXPONENT_BIAS) << MANTISSA_BITS)
        values[i] = (series * f + B1) * f + ONE
    for i in range(count):
        values[i] *= scratch[i]


def _log2_float64(values: Any, count: int, scratch: Any) -> None:
    for i in range(count):
        values[i] = math.log2(values[i])


def _exp2_float64(values: Any, count: int, scratch: Any) -> None:
    for i in range(count):
        values[i] = 2.0 ** values[i]
