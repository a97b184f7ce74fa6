"""The hyperbolic tangent with a slope and a scale per item, blended with its input, in one pass over the samples.

In float32 the tangent is a quotient of two polynomials in the square, a near-minimax fit up to 9, where the tangent
rounds to 1: within 4 units in the last place everywhere (-126 dB), of which the fit itself is a sixth. In float64 it is
the library's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import types
from numba.extending import overload

from fxrep.effects.kernels import compile_kernel, compile_reordered
from fxrep.effects.row_curves import BLOCK, RowCurve, apply_curve

ONE, LIMIT = np.float32(1.0), np.float32(9.0)
# tanh x = x (1 + N1 x^2 + N2 x^4 + ...) / (1 + D1 x^2 + D2 x^4 + ...)
N1, N2 = np.float32(0.13381029665470123), np.float32(0.003495592623949051)
N3, N4 = np.float32(2.0609144485206343e-05), np.float32(1.3354726213776758e-08)
D1, D2 = np.float32(0.4671434462070465), np.float32(0.025876998901367188)
D3, D4 = np.float32(0.0003285641432739794), np.float32(7.776588972774334e-07)


def _tanh(value: Any) -> Any:
    raise NotImplementedError("only inside compiled loops")


@overload(_tanh, jit_options={"fastmath": {"contract"}})
def _choose_tanh(value: Any) -> Any:
    def single(value: Any) -> Any:
        x = min(max(value, -LIMIT), LIMIT)
        square = x * x
        above = (((N4 * square + N3) * square + N2) * square + N1) * square + ONE
        below = (((D4 * square + D3) * square + D2) * square + D1) * square + ONE
        return min(max(x * (above / below), -ONE), ONE)

    def double(value: Any) -> Any:
        return math.tanh(value)

    return single if value == types.float32 else double


@compile_kernel
def _bend_block(source: Any, slope: Any, scale: Any, cubic: Any, target: Any) -> None:
    """Write scale tanh(slope x), or where the slope is 0 the beginning of its series, scale (x - cubic x^3)."""
    if slope > 0:
        for i in range(len(source)):
            target[i] = scale * _tanh(slope * source[i])
    elif cubic > 0:
        for i in range(len(source)):
            target[i] = scale * (source[i] - cubic * (source[i] * source[i] * source[i]))
    else:
        for i in range(len(source)):
            target[i] = scale * source[i]


@compile_kernel
def _forward(audio: Any, bits: Any, constants: Any, output: Any) -> Any:
    """See `row_curves.RowCurve`; the constants are slope, scale, cubic and mix."""
    dtype = audio.dtype.type
    largest, magnitude = bits.dtype.type(0), ~bits.dtype.type(1 << (8 * bits.itemsize - 1))
    half = dtype(0.5)
    for row in range(audio.shape[0]):
        slope, scale, cubic, mix = constants[row]
        share, rest = dtype(mix), dtype(1.0 - mix)
        for start in range(0, audio.shape[1], BLOCK):
            end = min(start + BLOCK, audio.shape[1])
            source, whole, target = audio[row, start:end], bits[row, start:end], output[row, start:end]
            for i in range(end - start):
                largest = max(largest, whole[i] & magnitude)
            _bend_block(source, dtype(slope), dtype(scale), dtype(cubic), target)
            # A cross-fade that is exact at both of its ends.
            if share < half:
                for i in range(end - start):
                    target[i] = source[i] + share * (target[i] - source[i])
            elif mix < 1.0:
                for i in range(end - start):
                    target[i] = target[i] - rest * (target[i] - source[i])
    return largest


@compile_reordered
def _tanh_block_backward(above: Any, source: Any, slope: Any, scale: Any, share: Any, target: Any) -> Any:
    """Write the gradient of the audio; return those of slope, scale and mix."""
    zero, rest, steep = target.dtype.type(0.0), ONE - share, slope * scale
    slopes, scales, mixes = zero, zero, zero
    for i in range(len(source)):
        bent = _tanh(slope * source[i])
        wet = above[i] * share
        level = wet * bent
        inner = wet - level * bent
        scales += level
        slopes += inner * source[i]
        mixes += above[i] * (scale * bent - source[i])
        target[i] = inner * steep + above[i] * rest
    return slopes * scale, scales, mixes


@compile_reordered
def _cubic_block_backward(above: Any, source: Any, cubic: Any, scale: Any, share: Any, target: Any) -> Any:
    """Write the gradient of the audio; return those of cubic, scale and mix."""
    dtype = target.dtype.type
    zero, one, three, rest = dtype(0.0), dtype(1.0), dtype(3.0), ONE - share
    cubics, scales, mixes = zero, zero, zero
    for i in range(len(source)):
        square = source[i] * source[i]
        bent = source[i] * (one - cubic * square)
        wet = above[i] * share
        scales += wet * bent
        cubics -= wet * square * source[i]
        mixes += above[i] * (scale * bent - source[i])
        target[i] = wet * scale * (one - three * cubic * square) + above[i] * rest
    return cubics * scale, scales, mixes


@compile_reordered
def _backward(gradient: Any, audio: Any, constants: Any, slope: Any, sums: Any) -> None:
    """See `row_curves.RowCurve`."""
    dtype = audio.dtype.type
    for row in range(audio.shape[0]):
        steepness, scale, cubic, mix = constants[row]
        bends, scales, mixes = 0.0, 0.0, 0.0
        for start in range(0, audio.shape[1], BLOCK):
            end = min(start + BLOCK, audio.shape[1])
            above, source, target = gradient[row, start:end], audio[row, start:end], slope[row, start:end]
            if steepness > 0:
                part = _tanh_block_backward(above, source, dtype(steepness), dtype(scale), dtype(mix), target)
            else:
                part = _cubic_block_backward(above, source, dtype(cubic), dtype(scale), dtype(mix), target)
            bends, scales, mixes = bends + part[0], scales + part[1], mixes + part[2]
        sums[row, 0] = bends if steepness > 0 else 0.0
        sums[row, 1], sums[row, 3] = scales, mixes
        sums[row, 2] = 0.0 if steepness > 0 else bends


def _by_tensors(audio: torch.Tensor, constants: torch.Tensor) -> torch.Tensor:
    slope, scale, cubic, mix = (column.to(audio.dtype).reshape(-1, 1, 1) for column in constants.unbind(1))
    bent = torch.where(slope > 0, torch.tanh(audio * slope), audio - audio.pow(3) * cubic)
    return torch.lerp(audio, bent * scale, mix)


_CURVE = RowCurve(_forward, _backward, _by_tensors)


def tanh_curve(audio: torch.Tensor, constants: torch.Tensor, check: bool = False) -> torch.Tensor:
    """Return the cross-fade from x to scale tanh(slope x); where the slope is 0, to scale (x - cubic x^3).

    Args:
        audio: (B, C, T).
        constants: (B, 4) float64: slope and cubic from 0 up, scale, mix (0 is the audio, bit for bit).
        check: whether to refuse audio that is not finite.

    Returns:
        (B, C, T), a tensor of its own: the audio is not written to. Differentiable in both.

    Raises:
        AudioError: the audio holds NaN or infinity, if that is to be checked.
    """
    return apply_curve(_CURVE, audio, constants, check)
