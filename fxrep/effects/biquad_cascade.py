"""Second-order sections as an exact recursion on the CPU, with its exact gradient.

The recursion is the transposed direct form II in float64, whatever the dtype of the audio:

    y = b0 x + s1;  s1 <- b1 x - a1 y + s2;  s2 <- b2 x - a2 y

A sample runs through all sections before the next one is touched: the sections then overlap in the processor's
pipeline, which is three times faster than section by section. The forward pass keeps the state at the start of every
block; the backward pass rebuilds one block at a time from it and runs the adjoint recursion over it, so its memory
does not grow with the number of sections.
"""

from __future__ import annotations

from typing import Any

import numba
import torch

from fxrep.effects.kernels import compile_kernel

BLOCK = 512
# Far below any sound; keeps decaying states out of the slow denormal numbers.
NOTHING = 1e-30


@compile_kernel
def _flush(state: Any) -> None:
    for section in range(state.shape[0]):
        for part in range(2):
            if abs(state[section, part]) < NOTHING:
                state[section, part] = 0.0


@compile_kernel
def _advance(x: Any, c: Any, state: Any, signals: Any) -> Any:
    """Send one sample through all sections; `signals` takes the input and the output of each."""
    signals[0] = x
    for s in range(c.shape[0]):
        y = c[s, 0] * x + state[s, 0]
        state[s, 0] = c[s, 1] * x - c[s, 3] * y + state[s, 1]
        state[s, 1] = c[s, 2] * x - c[s, 4] * y
        x = y
        signals[s + 1] = y


@compile_kernel
def _retreat(gradient: Any, c: Any, adjoint: Any, signals: Any, slopes: Any) -> Any:
    """Send one sample's gradient back through all sections; returns the gradient of the input sample."""
    for j in range(c.shape[0]):
        s = c.shape[0] - 1 - j
        x, y = signals[s], signals[s + 1]
        first, second = adjoint[s, 0], adjoint[s, 1]
        total = gradient - c[s, 3] * first - c[s, 4] * second
        slopes[s, 0] += total * x
        slopes[s, 1] += first * x
        slopes[s, 2] += second * x
        slopes[s, 3] -= first * y
        slopes[s, 4] -= second * y
        gradient = c[s, 0] * total + c[s, 1] * first + c[s, 2] * second
        adjoint[s, 1] = first
        adjoint[s, 0] = total
    return gradient


@compile_kernel
def _filter_rows(audio: Any, coefficients: Any, output: Any, states: Any, carried: Any) -> None:
    rows, samples = audio.shape
    sections = coefficients.shape[1]
    for row in range(rows):
        c, state = coefficients[row], carried[row]
        for number in range(states.shape[1]):
            _flush(state)
            states[row, number] = state
            for i in range(number * BLOCK, min(number * BLOCK + BLOCK, samples)):
                x = numba.float64(audio[row, i])
                for s in range(sections):
                    y = c[s, 0] * x + state[s, 0]
                    state[s, 0] = c[s, 1] * x - c[s, 3] * y + state[s, 1]
                    state[s, 1] = c[s, 2] * x - c[s, 4] * y
                    x = y
                output[row, i] = x


@compile_kernel
def _filter_rows_backward(
    gradient: Any, audio: Any, coefficients: Any, states: Any, signals: Any, audio_slope: Any, slopes: Any
) -> None:
    rows, samples = audio.shape
    for row in range(rows):
        c, adjoint = coefficients[row], states[row, 0] * 0.0
        for back in range(states.shape[1]):
            number = states.shape[1] - 1 - back
            start = number * BLOCK
            count = min(BLOCK, samples - start)
            state = states[row, number].copy()
            for i in range(count):
                _advance(numba.float64(audio[row, start + i]), c, state, signals[i])
            _flush(adjoint)
            for j in range(count):
                i = count - 1 - j
                slope = numba.float64(gradient[row, start + i])
                audio_slope[row, start + i] = _retreat(slope, c, adjoint, signals[i], slopes[row])


class _Cascade(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor, coefficients: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        source, coefficients = audio.contiguous(), coefficients.contiguous()
        blocks = -(-source.shape[1] // BLOCK)
        states = torch.empty((source.shape[0], blocks, coefficients.shape[1], 2), dtype=torch.float64)
        output = torch.empty_like(source)
        _filter_rows(source.numpy(), coefficients.numpy(), output.numpy(), states.numpy(), state.numpy())
        ctx.save_for_backward(source, coefficients, states)
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        audio, coefficients, states = ctx.saved_tensors
        audio_slope, slopes = torch.empty_like(audio), torch.zeros_like(coefficients)
        signals = torch.empty((BLOCK, coefficients.shape[1] + 1), dtype=torch.float64)
        tensors = (gradients[0].contiguous(), audio, coefficients, states, signals, audio_slope, slopes)
        _filter_rows_backward(*(tensor.numpy() for tensor in tensors))
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
    if state is None:
        state = torch.zeros((*coefficients.shape[:2], 2), dtype=torch.float64)
    output: torch.Tensor = _Cascade.apply(audio, coefficients, state)
    return output
