"""Hard and soft clipping in one pass over the samples, see `fxrep.effects.clipping` for the formulas.

The constants of a hard clip are ceiling and mix, those of a soft one start and span of the bend, and mix.
"""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.kernels import compile_kernel, compile_reordered
from fxrep.effects.row_curves import BLOCK, RowCurve


@compile_kernel
def _fade(source: Any, mix: float, target: Any) -> None:
    """Cross-fade the wet signal in `target` with the dry one, exactly at both ends."""
    dtype = source.dtype.type
    share, rest = dtype(mix), dtype(1.0 - mix)
    if mix < 0.5:
        for i in range(len(source)):
            target[i] = source[i] + share * (target[i] - source[i])
    elif mix < 1.0:
        for i in range(len(source)):
            target[i] = target[i] - rest * (target[i] - source[i])


@compile_kernel
def _clip_hard(audio: Any, bits: Any, constants: Any, output: Any) -> Any:
    dtype = audio.dtype.type
    largest, magnitude = bits.dtype.type(0), ~bits.dtype.type(1 << (8 * bits.itemsize - 1))
    for row in range(audio.shape[0]):
        ceiling, mix = dtype(constants[row, 0]), constants[row, 1]
        for start in range(0, audio.shape[1], BLOCK):
            end = min(start + BLOCK, audio.shape[1])
            source, whole, target = audio[row, start:end], bits[row, start:end], output[row, start:end]
            for i in range(end - start):
                largest = max(largest, whole[i] & magnitude)
                target[i] = min(max(source[i], -ceiling), ceiling)
            _fade(source, mix, target)
    return largest


@compile_reordered
def _clip_hard_backward(gradient: Any, audio: Any, constants: Any, slope: Any, sums: Any) -> None:
    dtype = audio.dtype.type
    zero, one = dtype(0.0), dtype(1.0)
    for row in range(audio.shape[0]):
        ceiling, share = dtype(constants[row, 0]), dtype(constants[row, 1])
        rest, ceilings, mixes = one - share, 0.0, 0.0
        for start in range(0, audio.shape[1], BLOCK):
            end = min(start + BLOCK, audio.shape[1])
            above, source, target = gradient[row, start:end], audio[row, start:end], slope[row, start:end]
            beyond, excess = zero, zero
            for i in range(end - start):
                x, upstream = source[i], above[i]
                cut = abs(x) > ceiling
                side = (one if x > zero else -one) if cut else zero
                beyond += upstream * side
                excess += upstream * (side * ceiling - x if cut else zero)
                target[i] = upstream * (rest if cut else one)
            ceilings, mixes = ceilings + beyond, mixes + excess
        sums[row, 0], sums[row, 1] = ceilings * share, mixes


@compile_kernel
def _clip_soft(audio: Any, bits: Any, constants: Any, output: Any) -> Any:
    dtype = audio.dtype.type
    largest, magnitude = bits.dtype.type(0), ~bits.dtype.type(1 << (8 * bits.itemsize - 1))
    zero = dtype(0.0)
    for row in range(audio.shape[0]):
        knee, span, mix = constants[row]
        first, widest, cube = dtype(knee), dtype(1.5 * span), dtype(4.0 / 27.0 / (span * span))
        for start in range(0, audio.shape[1], BLOCK):
            end = min(start + BLOCK, audio.shape[1])
            source, whole, target = audio[row, start:end], bits[row, start:end], output[row, start:end]
            for i in range(end - start):
                largest = max(largest, whole[i] & magnitude)
                x = source[i]
                beyond = max(abs(x) - first, zero)
                inside = min(beyond, widest)
                # What exceeds the curve: below the knee exactly nothing is taken away.
                taken = (beyond - inside) + inside * inside * inside * cube
                target[i] = x - (taken if x > zero else -taken)
            _fade(source, mix, target)
    return largest


@compile_reordered
def _clip_soft_backward(gradient: Any, audio: Any, constants: Any, slope: Any, sums: Any) -> None:
    dtype = audio.dtype.type
    zero, one, two, three = dtype(0.0), dtype(1.0), dtype(2.0), dtype(3.0)
    for row in range(audio.shape[0]):
        knee, span, mix = constants[row]
        first, widest, cube = dtype(knee), dtype(1.5 * span), dtype(4.0 / 27.0 / (span * span))
        share, knees, spans, mixes = dtype(mix), 0.0, 0.0, 0.0
        for start in range(0, audio.shape[1], BLOCK):
            end = min(start + BLOCK, audio.shape[1])
            above, source, target = gradient[row, start:end], audio[row, start:end], slope[row, start:end]
            steeps, cubes, takens = zero, zero, zero
            for i in range(end - start):
                x = source[i]
                beyond = max(abs(x) - first, zero)
                inside = min(beyond, widest)
                side = above[i] if x > zero else -above[i]
                # At its end the cubic has the slope of what is cut off.
                steep, third = three * cube * inside * inside, inside * inside * inside * cube
                steeps += side * steep
                cubes += side * third
                takens += side * (beyond - inside + third)
                target[i] = above[i] * (one - share * steep)
            knees, spans, mixes = knees + steeps, spans + two * cubes, mixes - takens
        sums[row, 0], sums[row, 1], sums[row, 2] = knees * mix, spans * mix / span, mixes


def _clip_hard_by_tensors(audio: torch.Tensor, constants: torch.Tensor) -> torch.Tensor:
    ceiling, mix = (column.to(audio.dtype).reshape(-1, 1, 1) for column in constants.unbind(1))
    return torch.lerp(audio, torch.clamp(audio, -ceiling, ceiling), mix)


def _clip_soft_by_tensors(audio: torch.Tensor, constants: torch.Tensor) -> torch.Tensor:
    first, span, mix = (column.to(audio.dtype).reshape(-1, 1, 1) for column in constants.unbind(1))
    beyond = (audio.abs() - first).clamp_min(0.0)
    inside = torch.minimum(beyond, 1.5 * span)
    taken = (beyond - inside) + inside.pow(3) * (4.0 / 27.0 / span.square())
    return torch.lerp(audio, audio - taken * audio.sign(), mix)


HARD_CLIP = RowCurve(_clip_hard, _clip_hard_backward, _clip_hard_by_tensors)
SOFT_CLIP = RowCurve(_clip_soft, _clip_soft_backward, _clip_soft_by_tensors)
