"""First-order all-passes in series with a coefficient that changes, as a compiled loop with its exact gradient.

With a stage's input x, its output y and its state s, and the coefficient a of the sample:

    y = s - a x;  s <- x + a y

The input of the first stage is the audio plus the feedback times what the last stage gave one sample before. The
coefficient is given at every 16th sample and runs linearly in between. The forward pass keeps the state at the start of
every block; the backward pass rebuilds one block at a time from it and runs the adjoint recursion over it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.streaming import Stream

CONTROL_STEP = 16
BLOCK = 512
# Far below any sound; keeps decaying states out of the slow denormal numbers.
NOTHING = 1e-30


@compile_kernel
def _coefficient(points: Any, row: Any, place: Any) -> Any:
    number = place // CONTROL_STEP
    share = (place - number * CONTROL_STEP) / CONTROL_STEP
    return points[row, number] + share * (points[row, number + 1] - points[row, number])


@compile_kernel
def _turn(x: Any, a: Any, state: Any, signals: Any) -> Any:
    """Send one sample through all stages; `signals` takes the input and the output of each."""
    signals[0] = x
    for stage in range(signals.shape[0] - 1):
        y = state[stage] - a * x
        state[stage] = x + a * y
        x = y
        signals[stage + 1] = x
    state[signals.shape[0] - 1] = x


@compile_kernel
def _turn_rows(audio: Any, points: Any, offset: Any, feedback: Any, state: Any, kept: Any, output: Any) -> None:
    samples, stages = audio.shape[1], state.shape[1] - 1
    for row in range(audio.shape[0]):
        own = state[row]
        for i in range(samples):
            if i % BLOCK == 0:
                for part in range(stages + 1):
                    if abs(own[part]) < NOTHING:
                        own[part] = 0.0
                    kept[row, i // BLOCK, part] = own[part]
            a = _coefficient(points, row, offset + i)
            x = audio[row, i] + feedback[row] * own[stages]
            for stage in range(stages):
                y = own[stage] - a * x
                own[stage] = x + a * y
                x = y
            own[stages] = x
            output[row, i] = x


@compile_kernel
def _turn_rows_backward(
    gradient: Any, audio: Any, points: Any, feedback: Any, kept: Any, signals: Any, audio_slope: Any, slopes: Any
) -> None:
    samples, stages = audio.shape[1], kept.shape[2] - 1
    for row in range(audio.shape[0]):
        adjoint = kept[row, 0] * 0.0
        for back in range(kept.shape[1]):
            block = kept.shape[1] - 1 - back
            start = block * BLOCK
            count = min(BLOCK, samples - start)
            own = kept[row, block].copy()
            signals[0, stages] = own[stages]
            for i in range(count):
                x = audio[row, start + i] + feedback[row] * own[stages]
                _turn(x, _coefficient(points, row, start + i), own, signals[i + 1])
            for j in range(count):
                i = count - 1 - j
                place = start + i
                a, total, bend = _coefficient(points, row, place), gradient[row, place] + adjoint[stages], 0.0
                for rest in range(stages):
                    stage = stages - 1 - rest
                    after = adjoint[stage]
                    total += a * after
                    bend += after * signals[i + 1, stage + 1] - total * signals[i + 1, stage]
                    adjoint[stage] = total
                    total = after - a * total
                audio_slope[row, place] = total
                adjoint[stages] = feedback[row] * total
                slopes[row, 0] += total * signals[i, stages]
                number = place // CONTROL_STEP
                share = (place - number * CONTROL_STEP) / CONTROL_STEP
                slopes[row, 1 + number] += bend * (1.0 - share)
                slopes[row, 2 + number] += bend * share


class _AllpassLadder(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, audio: torch.Tensor, points: torch.Tensor, feedback: torch.Tensor, stages: int
    ) -> torch.Tensor:
        audio, points, feedback = audio.contiguous(), points.contiguous(), feedback.contiguous()
        state = torch.zeros((audio.shape[0], stages + 1), dtype=torch.float64)
        kept = torch.empty((audio.shape[0], -(-audio.shape[1] // BLOCK), stages + 1), dtype=torch.float64)
        output = torch.empty_like(audio)
        tensors = (feedback, state, kept, output)
        _turn_rows(audio.numpy(), points.numpy(), 0, *(tensor.numpy() for tensor in tensors))
        ctx.save_for_backward(audio, points, feedback, kept)
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        audio, points, feedback, kept = ctx.saved_tensors
        audio_slope = torch.empty_like(audio)
        slopes = points.new_zeros((points.shape[0], 1 + points.shape[1]))
        signals = torch.empty((BLOCK + 1, kept.shape[2]), dtype=torch.float64)
        tensors = (gradients[0].contiguous(), audio, points, feedback, kept, signals, audio_slope, slopes)
        _turn_rows_backward(*(tensor.numpy() for tensor in tensors))
        return audio_slope, slopes[:, 1:], slopes[:, 0], None


def allpass_ladder(audio: torch.Tensor, points: torch.Tensor, feedback: torch.Tensor, stages: int) -> torch.Tensor:
    """Send audio through the all-passes.

    Args:
        audio: (R, T) on the CPU, float32 or float64.
        points: (R, N) float64, the coefficient at samples 0, 16, 32, …; N at least (T - 1) // 16 + 2.
        feedback: (R,) float64, between -1 and 1.
        stages: 1 or more.

    Returns:
        (R, T). Differentiable once in the three tensors.
    """
    output: torch.Tensor = _AllpassLadder.apply(audio, points, feedback, stages)
    return output


class AllpassLadderStream(Stream):
    """`allpass_ladder` for blocks (B, C, T).

    Args:
        points: ``points(batch, channels, start, count)`` returns the coefficients (B, C, count) from sample `start`.
        feedback: (B,) or (1,).
        stages: 1 or more.
    """

    def __init__(
        self, points: Callable[[int, int, int, int], torch.Tensor], feedback: torch.Tensor, stages: int
    ) -> None:
        self.points, self.feedback, self.stages = points, feedback, stages
        self.state: torch.Tensor | None = None
        self.done = 0

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Return the block after the all-passes."""
        batch, channels, samples = block.shape
        audio = block.flatten(0, 1).contiguous()
        if self.state is None:
            self.state = torch.zeros((audio.shape[0], self.stages + 1), dtype=torch.float64)
        offset = self.done % CONTROL_STEP
        count = (offset + samples - 1) // CONTROL_STEP + 2
        points = self.points(batch, channels, self.done - offset, count).flatten(0, 1).contiguous()
        feedback = self.feedback.expand(batch).repeat_interleave(channels)
        kept = audio.new_empty((audio.shape[0], -(-samples // BLOCK), self.stages + 1), dtype=torch.float64)
        output = torch.empty_like(audio)
        tensors = (feedback, self.state, kept, output)
        _turn_rows(audio.numpy(), points.numpy(), offset, *(tensor.numpy() for tensor in tensors))
        self.done += samples
        return output.reshape(block.shape)
