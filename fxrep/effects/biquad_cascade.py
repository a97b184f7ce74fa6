"""Second-order sections as an exact recursion on the CPU, with its exact gradient.

The recursion is the transposed direct form II in float64, whatever the dtype of the audio:

    y = b0 x + s1;  s1 <- b1 x - a1 y + s2;  s2 <- b2 x - a2 y

The sections of a cascade are the lanes of one vector. At step t section k works on sample t - k, on what section k - 1
has made of it one step before: all sections advance with a handful of vector instructions, and two rows at a time fill
the waits of each other. A missing section is one that passes everything.

The forward pass keeps the state at the start of every block of steps; the backward pass rebuilds one block at a time
from it and runs the adjoint recursion over it, backwards in steps, so that its memory hardly grows.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch

from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.row_threads import over_rows
from fxrep.effects.vector_lanes import (
    LANES,
    choose,
    highest,
    load,
    lowest,
    shift_down,
    shift_up,
    store,
    without_denormals,
)

BLOCK = 128
# A sample leaves the last section this many steps after it has entered the first.
DELAY = LANES - 1


@compile_kernel
def _advance(x: Any, b0: Any, b1: Any, b2: Any, a1: Any, a2: Any, s1: Any, s2: Any) -> Any:
    y = b0 * x + s1
    return y, (b1 * x + s2) - a1 * y, b2 * x - a2 * y


@compile_kernel
def _edge_steps(start: int, stop: int, audio: Any, c: Any, output: Any, memory: Any) -> None:
    """Do steps of one row in which some sections have no sample: those keep their state.

    `memory` (4, LANES) holds what the sections put out last, their two states, and room for a mask.
    """
    samples = audio.shape[0]
    for t in range(start, stop):
        for k in range(LANES):
            memory[3, k] = 1.0 if t - k >= 0 and t - k < samples else 0.0
        x = shift_up(load(memory, 0), numba.float64(audio[t]) if t < samples else 0.0)
        s1, s2, mask = load(memory, 1), load(memory, 2), load(memory, 3)
        y, next1, next2 = _advance(x, load(c, 0), load(c, 1), load(c, 2), load(c, 3), load(c, 4), s1, s2)
        store(memory, 0, y)
        store(memory, 1, choose(mask, next1, s1))
        store(memory, 2, choose(mask, next2, s2))
        if t >= DELAY and t - DELAY < samples:
            output[t - DELAY] = highest(y)


@compile_kernel
def _full_steps(
    start: int,
    stop: int,
    audio: Any,
    c: Any,
    output: Any,
    memory: Any,
    audio2: Any,
    c2: Any,
    output2: Any,
    memory2: Any,
) -> None:
    """Do steps of two rows in which every section has a sample."""
    b0, b1, b2, a1, a2 = load(c, 0), load(c, 1), load(c, 2), load(c, 3), load(c, 4)
    d0, d1, d2, e1, e2 = load(c2, 0), load(c2, 1), load(c2, 2), load(c2, 3), load(c2, 4)
    y, s1, s2 = load(memory, 0), load(memory, 1), load(memory, 2)
    z, r1, r2 = load(memory2, 0), load(memory2, 1), load(memory2, 2)
    for t in range(start, stop):
        y, s1, s2 = _advance(shift_up(y, numba.float64(audio[t])), b0, b1, b2, a1, a2, s1, s2)
        z, r1, r2 = _advance(shift_up(z, numba.float64(audio2[t])), d0, d1, d2, e1, e2, r1, r2)
        output[t - DELAY] = highest(y)
        output2[t - DELAY] = highest(z)
    store(memory, 0, y)
    store(memory, 1, without_denormals(s1))
    store(memory, 2, without_denormals(s2))
    store(memory2, 0, z)
    store(memory2, 1, without_denormals(r1))
    store(memory2, 2, without_denormals(r2))


@compile_kernel
def _filter_rows(audio: Any, coefficients: Any, output: Any, checkpoints: Any, state: Any) -> None:
    """Filter all rows, two at a time; an odd last row runs beside itself.

    Args:
        audio: (R, T).
        coefficients: (R, 5, LANES).
        output: (R, T), written.
        checkpoints: (R, N, 3, LANES), written; without blocks (N = 0) nothing is kept.
        state: (R, 2, LANES), read and overwritten.
    """
    rows, samples = audio.shape
    memory = np.empty((2, 4, LANES))
    for i in range(0, rows, 2):
        j = min(i + 1, rows - 1)
        c, d = coefficients[i], coefficients[j]
        memory[:] = 0.0
        memory[0, 1:3], memory[1, 1:3] = state[i], state[j]
        for start in range(0, samples + DELAY, BLOCK):
            stop = min(start + BLOCK, samples + DELAY)
            if checkpoints.shape[1]:
                checkpoints[i, start // BLOCK], checkpoints[j, start // BLOCK] = memory[0, :3], memory[1, :3]
            full = max(start, min(stop, DELAY))
            ended = max(full, min(stop, samples))
            _edge_steps(start, full, audio[i], c, output[i], memory[0])
            _edge_steps(start, full, audio[j], d, output[j], memory[1])
            _full_steps(full, ended, audio[i], c, output[i], memory[0], audio[j], d, output[j], memory[1])
            _edge_steps(ended, stop, audio[i], c, output[i], memory[0])
            _edge_steps(ended, stop, audio[j], d, output[j], memory[1])
        state[i], state[j] = memory[0, 1:3], memory[1, 1:3]


@compile_kernel
def _rebuild(count: int, source: Any, c: Any, memory: Any, signals: Any) -> None:
    """Repeat steps from a checkpoint and keep what goes into the sections (2 n) and what comes out (2 n + 1)."""
    b0, b1, b2, a1, a2 = load(c, 0), load(c, 1), load(c, 2), load(c, 3), load(c, 4)
    y, s1, s2 = load(memory, 0), load(memory, 1), load(memory, 2)
    for n in range(count):
        x = shift_up(y, source[n])
        y, s1, s2 = _advance(x, b0, b1, b2, a1, a2, s1, s2)
        store(signals, 2 * n, x)
        store(signals, 2 * n + 1, y)


@compile_kernel
def _retreat(count: int, gradient: Any, c: Any, signals: Any, adjoint: Any) -> None:
    """Run the adjoint over steps, backwards; `gradient` (steps,) of the outputs is overwritten with the inputs'.

    `adjoint` (8, LANES) holds the gradient of the sections' inputs, of their two states, and of the five coefficients.
    """
    b0, b1, b2, a1, a2 = load(c, 0), load(c, 1), load(c, 2), load(c, 3), load(c, 4)
    back, first, second = load(adjoint, 0), load(adjoint, 1), load(adjoint, 2)
    to_b0, to_b1, to_b2 = load(adjoint, 3), load(adjoint, 4), load(adjoint, 5)
    to_a1, to_a2 = load(adjoint, 6), load(adjoint, 7)
    for m in range(count):
        n = count - 1 - m
        x, y = load(signals, 2 * n), load(signals, 2 * n + 1)
        total = shift_down(back, gradient[n]) - a2 * second - a1 * first
        to_b0, to_b1, to_b2 = to_b0 + total * x, to_b1 + first * x, to_b2 + second * x
        to_a1, to_a2 = to_a1 - first * y, to_a2 - second * y
        back = (b2 * second + b1 * first) + b0 * total
        first, second = total, first
        gradient[n] = lowest(back)
    store(adjoint, 0, back)
    store(adjoint, 1, without_denormals(first))
    store(adjoint, 2, without_denormals(second))
    store(adjoint, 3, to_b0)
    store(adjoint, 4, to_b1)
    store(adjoint, 5, to_b2)
    store(adjoint, 6, to_a1)
    store(adjoint, 7, to_a2)


@compile_kernel
def _filter_rows_backward(
    gradient: Any, audio: Any, coefficients: Any, checkpoints: Any, audio_slope: Any, slopes: Any
) -> None:
    """Fill `audio_slope` (R, T) and `slopes` (R, 5, LANES)."""
    signals, adjoint = np.empty((2 * BLOCK, LANES)), np.empty((8, LANES))
    source, slope = np.empty(BLOCK), np.empty(BLOCK)
    rows, samples = audio.shape
    for row in range(rows):
        c = coefficients[row]
        adjoint[:] = 0.0
        for back in range(checkpoints.shape[1]):
            number = checkpoints.shape[1] - 1 - back
            start = number * BLOCK
            count = min(BLOCK, samples + DELAY - start)
            for n in range(count):
                t = start + n
                source[n] = audio[row, t] if t < samples else 0.0
                slope[n] = gradient[row, t - DELAY] if t >= DELAY else 0.0
            _rebuild(count, source, c, checkpoints[row, number], signals)
            _retreat(count, slope, c, signals, adjoint)
            for n in range(min(count, samples - start)):
                audio_slope[row, start + n] = slope[n]
        slopes[row] = adjoint[3:]


class _Cascade(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor, lanes: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        source = audio.contiguous()
        rows, samples = source.shape
        blocks = -(-(samples + DELAY) // BLOCK) if any(ctx.needs_input_grad) else 0
        checkpoints = torch.empty((rows, blocks, 3, LANES), dtype=torch.float64)
        output = torch.empty_like(source)
        over_rows(_filter_rows, *(tensor.numpy() for tensor in (source, lanes, output, checkpoints, state)), step=2)
        ctx.save_for_backward(source, lanes, checkpoints)
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        audio, lanes, checkpoints = ctx.saved_tensors
        audio_slope, slopes = torch.empty_like(audio), torch.empty_like(lanes)
        tensors = (gradients[0].contiguous(), audio, lanes, checkpoints, audio_slope, slopes)
        over_rows(_filter_rows_backward, *(tensor.numpy() for tensor in tensors))
        return audio_slope, slopes, None


def filter_cascade(audio: torch.Tensor, coefficients: torch.Tensor, state: torch.Tensor | None = None) -> torch.Tensor:
    """Filter with second-order sections, one after the other.

    Args:
        audio: (R, T) on the CPU, float32 or float64.
        coefficients: (R, S, 5) float64: b0, b1, b2, a1, a2 with a0 = 1; sections must be stable.
        state: (R, S, 2) float64, contiguous: where to start, **overwritten** with where the filter ended, so that the
            next block can go on from there; no gradient passes through it. None starts from rest.

    Returns:
        (R, T). Differentiable once in the audio and in the coefficients.
    """
    # More sections than lanes go in groups; between these the signal stays in float64.
    groups = coefficients.split(LANES, dim=1)
    signal = audio if len(groups) == 1 else audio.double()
    for number, group in enumerate(groups):
        missing = LANES - group.shape[1]
        through = torch.eye(5, dtype=torch.float64)[:1].expand(group.shape[0], missing, 5)
        lanes = torch.cat((group, through), 1).transpose(1, 2).contiguous()
        carried = torch.zeros((group.shape[0], 2, LANES), dtype=torch.float64)
        part = None if state is None else state[:, number * LANES : (number + 1) * LANES]
        if part is not None:
            carried[:, :, : group.shape[1]] = part.transpose(1, 2)
        signal = _Cascade.apply(signal, lanes, carried)
        if part is not None:
            part.copy_(carried[:, :, : group.shape[1]].transpose(1, 2))
    return signal.to(audio.dtype)
