"""A delay line whose length swings, with feedback, as a compiled loop with its exact gradient.

    d[n] = base + sweep sin(2 pi (rate n + phase))
    w[n] = v(n - d[n]),   v[n] = x[n] + feedback w[n]

Between samples v is a cubic through four points with continuous slope (Catmull-Rom): a whole delay reads the sample
itself, no fraction raises any frequency, so feedback below 1 is stable, and the gradient of the delay is continuous.
Without feedback d may be negative and look ahead; with it, d must be 2 samples or more.

Only v is kept for the backward pass, which runs the adjoint recursion over it and recomputes everything else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch

from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.row_threads import over_rows
from fxrep.effects.streaming import Stream

# The oscillator turns by multiplication and is set anew from its phase once per block.
BLOCK = 512
# Far below any sound; keeps decaying feedback out of the slow denormal numbers.
NOTHING = 1e-30
TURN = 2.0 * math.pi
BASE, SWEEP, RATE, PHASE, FEEDBACK = range(5)


@compile_kernel
def _sweep_rows(line: Any, settings: Any, output: Any, start: Any, past: Any) -> None:
    samples = output.shape[1]
    for row in range(output.shape[0]):
        base, sweep, rate, phase, feedback = settings[row]
        turn_cosine, turn_sine = math.cos(TURN * rate), math.sin(TURN * rate)
        for first in range(0, samples, BLOCK):
            angle = TURN * ((rate * (start + first) + phase) % 1.0)
            cosine, sine = math.cos(angle), math.sin(angle)
            for i in range(first, min(first + BLOCK, samples)):
                place = past + i - base - sweep * sine
                k = math.floor(place)
                t = place - k
                a, b = numba.float64(line[row, k - 1]), numba.float64(line[row, k])
                c, d = numba.float64(line[row, k + 1]), numba.float64(line[row, k + 2])
                y = b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
                output[row, i] = y
                back = feedback * y
                if back > NOTHING or back < -NOTHING:
                    line[row, past + i] += back
                cosine, sine = cosine * turn_cosine - sine * turn_sine, sine * turn_cosine + cosine * turn_sine


@compile_kernel
def _sweep_rows_backward(gradient: Any, line: Any, settings: Any, adjoint: Any, slopes: Any, past: Any) -> None:
    samples = gradient.shape[1]
    for row in range(gradient.shape[0]):
        base, sweep, rate, phase, feedback = settings[row]
        turn_cosine, turn_sine = math.cos(TURN * rate), math.sin(TURN * rate)
        for j in range(samples):
            i = samples - 1 - j
            if j % BLOCK == 0:
                angle = TURN * ((rate * i + phase) % 1.0)
                cosine, sine = math.cos(angle), math.sin(angle)
            place = past + i - base - sweep * sine
            k = math.floor(place)
            t = place - k
            a, b = numba.float64(line[row, k - 1]), numba.float64(line[row, k])
            c, d = numba.float64(line[row, k + 1]), numba.float64(line[row, k + 2])
            second, third = 2.0 * a - 5.0 * b + 4.0 * c - d, 3.0 * (b - c) + d - a
            stored = adjoint[row, past + i]
            slopes[row, 4] += stored * (b + 0.5 * t * (c - a + t * (second + t * third)))
            total = gradient[row, i] + feedback * stored
            moved = -0.5 * total * (c - a + t * (2.0 * second + 3.0 * t * third))
            slopes[row, 0] += moved
            slopes[row, 1] += moved * sine
            turned = moved * sweep * cosine * TURN
            slopes[row, 2] += turned * i
            slopes[row, 3] += turned
            adjoint[row, k - 1] += total * 0.5 * t * (t * (2.0 - t) - 1.0)
            adjoint[row, k] += total * (1.0 + 0.5 * t * t * (3.0 * t - 5.0))
            adjoint[row, k + 1] += total * 0.5 * t * (1.0 + t * (4.0 - 3.0 * t))
            adjoint[row, k + 2] += total * 0.5 * t * t * (t - 1.0)
            cosine, sine = cosine * turn_cosine + sine * turn_sine, sine * turn_cosine - cosine * turn_sine


class _SweptLine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor, settings: torch.Tensor) -> torch.Tensor:
        settings = settings.contiguous()
        past, ahead = reach(settings)
        line = silence_around(audio, past, ahead)
        output = torch.empty_like(audio, memory_format=torch.contiguous_format)
        arrays = (line.numpy(), settings.numpy(), output.numpy())
        over_rows(_sweep_rows, *arrays, settings=(0, past))
        ctx.save_for_backward(line, settings)
        ctx.past = past
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        line, settings = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        adjoint, slopes = torch.zeros_like(line), torch.zeros_like(settings)
        arrays = (gradient, line, settings, adjoint, slopes)
        over_rows(_sweep_rows_backward, *(tensor.numpy() for tensor in arrays), settings=(ctx.past,))
        return adjoint[:, ctx.past : ctx.past + gradient.shape[1]], slopes


def silence_around(audio: torch.Tensor, before: int, after: int) -> torch.Tensor:
    """Return audio on the CPU with zeros before and after it.

    Torch's own padding would wake its threads, which then turn in vain beside a compiled loop.
    """
    line = np.empty((*audio.shape[:-1], before + audio.shape[-1] + after), audio.detach().numpy().dtype)
    line[..., :before] = 0.0
    line[..., before : before + audio.shape[-1]] = audio.detach().numpy()
    line[..., before + audio.shape[-1] :] = 0.0
    return torch.from_numpy(line)


def reach(settings: torch.Tensor) -> tuple[int, int]:
    """Return how many samples before and after the present one are read, with the neighbours of the cubic."""
    base, sweep = settings[:, BASE], settings[:, SWEEP].abs()
    longest, shortest = float((base + sweep).max()), float((base - sweep).min())
    return max(0, math.ceil(longest)) + 3, max(0, math.ceil(-shortest)) + 3 if shortest < 2.0 else 0


def swept_line(audio: torch.Tensor, settings: torch.Tensor) -> torch.Tensor:
    """Read a swinging delay line.

    Args:
        audio: (R, T) on the CPU, float32 or float64.
        settings: (R, 5) float64: base and sweep in samples, rate in turns per sample, phase in turns, feedback.

    Returns:
        (R, T), only the delayed sound. Differentiable once in both.
    """
    output: torch.Tensor = _SweptLine.apply(audio, settings)
    return output


class SweptLineStream(Stream):
    """`swept_line` for blocks (B, C, T).

    Args:
        design: returns the settings (B C, 5) for a number of items and of channels.
    """

    def __init__(self, design: Callable[[int, int], torch.Tensor]) -> None:
        self.design = design
        self.line: torch.Tensor | None = None
        self.done = 0

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Return the samples whose future is known."""
        if self.line is None:
            self.batch, self.channels = block.shape[:2]
            self.settings = self.design(self.batch, self.channels).contiguous()
            self.past, self.ahead = reach(self.settings)
            self.line = block.new_zeros((self.batch * self.channels, self.past))
        line = torch.cat((self.line, block.flatten(0, 1)), 1)
        count = max(0, line.shape[1] - self.past - self.ahead)
        output = line.new_empty((line.shape[0], count))
        arrays = (line.numpy(), self.settings.numpy(), output.numpy())
        over_rows(_sweep_rows, *arrays, settings=(self.done, self.past))
        self.line, self.done = line[:, count:].clone(), self.done + count
        return output.reshape(self.batch, self.channels, count)

    def finish(self) -> torch.Tensor | None:
        """Return the samples whose future is silence."""
        if self.line is None or not self.ahead:
            return None
        return self.push(self.line.new_zeros((self.batch, self.channels, self.ahead)))
