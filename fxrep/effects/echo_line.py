"""A delay line with feedback and a low-pass in its loop, as a compiled loop with its exact gradient.

    w[n] = v(n - d)
    l[n] = w[n] + p (l[n-1] - w[n])
    v[n] = x[n] + feedback l[n]

per channel; crossed, the low-passed sound of each of two channels feeds the line of the other. Between samples v is the
cubic of `swept_line`. The line and the low-passed sound are kept for the backward pass, which runs the adjoint
recursion.
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
from fxrep.effects.swept_line import silence_around

# Far below any sound; keeps decaying echoes out of the slow denormal numbers.
NOTHING = 1e-30
# The state of the low-pass is looked at this often: in between no pole leads into the denormal numbers.
FLUSH = 32
# Samples that are read at once, if the delay is long enough.
BLOCK = 512


@compile_kernel
def _damp(sound: Any, pole: float, low: Any) -> None:
    """Replace the sound (C, N), already times 1 - pole, by what the low-pass makes of it, from and to the state `low`.

    Two channels at once fill the waits of each other.
    """
    channels, samples = sound.shape
    other = channels - 1
    first, second = low[0], low[other]
    for start in range(0, samples, FLUSH):
        for i in range(start, min(start + FLUSH, samples)):
            first = sound[0, i] + pole * first
            second = first if channels == 1 else sound[other, i] + pole * second
            sound[0, i] = first
            sound[other, i] = second
        first = 0.0 if abs(first) < NOTHING else first
        second = 0.0 if abs(second) < NOTHING else second
    low[0] = first
    low[other] = second


@compile_kernel
def _echo_items(line: Any, settings: Any, low: Any, output: Any, damped: Any, crossed: Any, past: Any) -> None:
    """Fill the output and, unless it is empty, `damped`; the line gets its feedback, `low` the last state.

    What is read was written at least a delay ago: so many samples can be read before any is written.
    """
    items, channels, samples = output.shape
    back = np.empty((channels, BLOCK))
    for item in range(items):
        delay, feedback, pole = settings[item]
        whole = math.ceil(delay)
        t = whole - delay
        w0, w1 = 0.5 * t * (t * (2.0 - t) - 1.0), 1.0 + 0.5 * t * t * (3.0 * t - 5.0)
        w2, w3 = 0.5 * t * (1.0 + t * (4.0 - 3.0 * t)), 0.5 * t * t * (t - 1.0)
        span = max(1, min(BLOCK, whole - 2))
        for start in range(0, samples, span):
            count = min(span, samples - start)
            first = past + start - whole - 1
            for c in range(channels):
                earlier, early = line[item, c, first : first + count], line[item, c, first + 1 : first + 1 + count]
                late, later = line[item, c, first + 2 : first + 2 + count], line[item, c, first + 3 : first + 3 + count]
                out = output[item, c, start : start + count]
                for i in range(count):
                    y = w0 * earlier[i] + w1 * early[i] + w2 * late[i] + w3 * later[i]
                    back[c, i] = (1.0 - pole) * y
                    out[i] = y
            _damp(back[:, :count], pole, low[item])
            for c in range(channels):
                if damped.shape[2]:
                    damped[item, c, start : start + count] = back[c, :count]
                source, target = back[1 - c if crossed else c], line[item, c, past + start : past + start + count]
                for i in range(count):
                    target[i] += feedback * source[i]


@compile_kernel
def _echo_items_backward(
    gradient: Any, line: Any, damped: Any, settings: Any, adjoint: Any, slopes: Any, crossed: Any, past: Any
) -> None:
    items, channels, samples = gradient.shape
    for item in range(items):
        delay, feedback, pole = settings[item]
        whole = math.ceil(delay)
        t = whole - delay
        for source in range(channels):
            slopes[item, 3 + source] = 0.0
        for j in range(samples):
            i = samples - 1 - j
            k = past + i - whole
            for source in range(channels):
                target = 1 - source if crossed else source
                stored = adjoint[item, target, past + i]
                total = feedback * stored + slopes[item, 3 + source]
                a, b = numba.float64(line[item, source, k - 1]), numba.float64(line[item, source, k])
                c, d = numba.float64(line[item, source, k + 1]), numba.float64(line[item, source, k + 2])
                second, third = 2.0 * a - 5.0 * b + 4.0 * c - d, 3.0 * (b - c) + d - a
                y = b + 0.5 * t * (c - a + t * (second + t * third))
                before = damped[item, source, i - 1] if i > 0 else 0.0
                slopes[item, 1] += stored * damped[item, source, i]
                slopes[item, 2] += total * (before - y)
                slopes[item, 3 + source] = pole * total
                total = gradient[item, source, i] + (1.0 - pole) * total
                slopes[item, 0] -= 0.5 * total * (c - a + t * (2.0 * second + 3.0 * t * third))
                adjoint[item, source, k - 1] += total * 0.5 * t * (t * (2.0 - t) - 1.0)
                adjoint[item, source, k] += total * (1.0 + 0.5 * t * t * (3.0 * t - 5.0))
                adjoint[item, source, k + 1] += total * 0.5 * t * (1.0 + t * (4.0 - 3.0 * t))
                adjoint[item, source, k + 2] += total * 0.5 * t * t * (t - 1.0)


class _EchoLine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor, settings: torch.Tensor, crossed: bool) -> torch.Tensor:
        settings = settings.contiguous()
        past = history(settings)
        line = silence_around(audio, past, 0)
        low = torch.zeros(audio.shape[:2], dtype=torch.float64)
        output = torch.empty_like(audio, memory_format=torch.contiguous_format)
        damped = torch.empty_like(output if any(ctx.needs_input_grad) else output[..., :0])
        arrays = (line, settings, low, output, damped)
        over_rows(_echo_items, *(tensor.numpy() for tensor in arrays), settings=(crossed, past))
        ctx.save_for_backward(line, damped, settings)
        ctx.past, ctx.crossed = past, crossed
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        line, damped, settings = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        # The columns behind the three settings carry the adjoint of each channel's low-pass.
        adjoint, slopes = torch.zeros_like(line), settings.new_zeros((settings.shape[0], 3 + gradient.shape[1]))
        arrays = (gradient, line, damped, settings, adjoint, slopes)
        over_rows(_echo_items_backward, *(tensor.numpy() for tensor in arrays), settings=(ctx.crossed, ctx.past))
        return adjoint[..., ctx.past :], slopes[:, :3], None


def history(settings: torch.Tensor) -> int:
    """Return how many samples before the present one are read, with the neighbours of the cubic."""
    return math.ceil(float(settings[:, 0].max())) + 2


def echo_line(audio: torch.Tensor, settings: torch.Tensor, crossed: bool) -> torch.Tensor:
    """Read a delay line with feedback.

    Args:
        audio: (B, C, T) on the CPU, float32 or float64.
        settings: (B, 3) float64: delay in samples (2 or more), feedback below 1, pole of the low-pass in [0, 1).
        crossed: each of two channels feeds back into the other.

    Returns:
        (B, C, T), only the delayed sound. Differentiable once in the audio and the settings.
    """
    output: torch.Tensor = _EchoLine.apply(audio, settings, crossed)
    return output


class EchoLineStream(Stream):
    """`echo_line` for blocks.

    Args:
        settings: (B or 1, 3).
        crossed: applies to stereo blocks only.
        feed: what stereo blocks go through first if crossed.
    """

    def __init__(self, settings: torch.Tensor, crossed: bool, feed: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.settings, self.crossed, self.feed, self.past = settings, crossed, feed, history(settings)
        self.line: torch.Tensor | None = None

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Return the delayed sound of the block."""
        batch, channels, samples = block.shape
        crossed = self.crossed and channels == 2
        if self.line is None:
            self.line = block.new_zeros((batch, channels, self.past))
            self.low = torch.zeros((batch, channels), dtype=torch.float64)
        line = torch.cat((self.line, self.feed(block) if crossed else block), -1)
        settings = self.settings.expand(batch, -1).contiguous()
        output, damped = line.new_empty(block.shape), line.new_empty((batch, channels, 0))
        arrays = (line, settings, self.low, output, damped)
        over_rows(_echo_items, *(tensor.numpy() for tensor in arrays), settings=(crossed, self.past))
        self.line = line[..., samples:].clone()
        return output
