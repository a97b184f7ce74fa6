"""What keeps a gate open: hold and hysteresis, both on the level in dB.

Hold is the largest level of the last `hold_ms`: a gate stays open that long after the signal has fallen below the
threshold. Lengths between two samples are interpolated, which gives hold its gradient.

Hysteresis is the play of a gear: the level follows a rise at once and a fall only after `hysteresis_db`,

    m[n] = min(max(m[n-1], l[n]), l[n] + h),

so that a gate opens at the threshold and closes h below it, and fluctuations of less than h do not move it at all.
It is piecewise linear in the level and in h; a switch with two thresholds would have no gradient.
"""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.level_kernels import QUIETEST_DB
from fxrep.effects.sliding_maximum import sliding_maximum


@compile_kernel
def play_rows(level: Any, width: Any, states: Any, output: Any) -> None:
    """Write the level (R, T) with play; `states` (R,) is the result before. `output` may be `level`."""
    rows = level.shape[0]
    for first in range(0, rows, 4):
        # Four rows at a time, as each sample waits for the one before; where there are fewer, the last is done again.
        at, two, three, four = first, min(first + 1, rows - 1), min(first + 2, rows - 1), min(first + 3, rows - 1)
        a, b, c, d = level[at], level[two], level[three], level[four]
        out_a, out_b, out_c, out_d = output[at], output[two], output[three], output[four]
        play_a, play_b, play_c, play_d = width[at], width[two], width[three], width[four]
        at_a, at_b, at_c, at_d = states[at], states[two], states[three], states[four]
        for i in range(level.shape[1]):
            # All are read before any is written: the rows may be one.
            here_a, here_b, here_c, here_d = a[i], b[i], c[i], d[i]
            at_a = min(max(at_a, here_a), here_a + play_a)
            at_b = min(max(at_b, here_b), here_b + play_b)
            at_c = min(max(at_c, here_c), here_c + play_c)
            at_d = min(max(at_d, here_d), here_d + play_d)
            out_a[i], out_b[i], out_c[i], out_d[i] = at_a, at_b, at_c, at_d
        states[at], states[two], states[three], states[four] = at_a, at_b, at_c, at_d


@compile_kernel
def play_rows_backward(gradient: Any, level: Any, output: Any, width: Any, slope: Any, width_slope: Any) -> None:
    """Write the gradients of `play_rows` from rest: (R, T) of the level, (R,) of the width."""
    for row in range(level.shape[0]):
        carried, total = 0.0, 0.0
        for j in range(level.shape[1]):
            i = level.shape[1] - 1 - j
            before = output[row, i - 1] if i > 0 else QUIETEST_DB
            through, here = gradient[row, i] + carried, level[row, i]
            # Three cases: the level rises, it has fallen by the play, or it moves within it.
            lifted, dropped = here >= before, before > here + width[row]
            total += through if dropped else 0.0
            slope[row, i] = through if lifted or dropped else 0.0
            carried = 0.0 if lifted or dropped else through
        width_slope[row] = total


class _Play(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, level: torch.Tensor, width: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        source, width = level.contiguous(), width.contiguous()
        output = torch.empty_like(source)
        play_rows(source.numpy(), width.numpy(), states.numpy(), output.numpy())
        ctx.save_for_backward(source, output, width)
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        level, output, width = ctx.saved_tensors
        slope, width_slope = torch.empty_like(level), torch.empty_like(width)
        tensors = (gradients[0].contiguous(), level, output, width, slope, width_slope)
        play_rows_backward(*(tensor.numpy() for tensor in tensors))
        return slope, width_slope, None


def hold_level(level_db: torch.Tensor, hold: torch.Tensor) -> torch.Tensor:
    """Return the largest level of the last samples.

    Args:
        level_db: (B, R, T), -160 or more.
        hold: (B,) float64, samples that a level is held for; 0 is the identity.

    Returns:
        (B, R, T). Differentiable once in both.
    """
    width = (hold + 1.0).repeat_interleave(level_db.shape[1])
    return sliding_maximum(level_db.flatten(0, 1), width, QUIETEST_DB).reshape(level_db.shape)


def play_level(level_db: torch.Tensor, hysteresis_db: torch.Tensor, states: torch.Tensor | None = None) -> torch.Tensor:
    """Return the level with hysteresis.

    Args:
        level_db: (B, R, T), -160 or more. Elsewhere than on the CPU it is copied there and back.
        hysteresis_db: (B,) float64; 0 is the identity.
        states: (B R,) float64 on the CPU: the result before the first sample, replaced by the last one; None: silence.

    Returns:
        (B, R, T). Differentiable once in both.
    """
    rows = level_db.flatten(0, 1).cpu()
    width = hysteresis_db.repeat_interleave(level_db.shape[1]).cpu()
    if states is None:
        states = torch.full((rows.shape[0],), QUIETEST_DB, dtype=torch.float64)
    output: torch.Tensor = _Play.apply(rows, width, states)
    return output.reshape(level_db.shape).to(level_db.device)


class LevelMemoryStream:
    """Hold and hysteresis for levels that arrive in blocks.

    Args:
        hold: (B,) samples.
        hysteresis_db: (B,).
    """

    def __init__(self, hold: torch.Tensor, hysteresis_db: torch.Tensor) -> None:
        self.hold, self.hysteresis_db = hold, hysteresis_db
        self.reach = int(hold.ceil().max())
        self.past: torch.Tensor | None = None
        self.states: torch.Tensor | None = None

    def __call__(self, level_db: torch.Tensor) -> torch.Tensor:
        """Return the level (B, R, T) of the next block with its memory."""
        if self.past is None or self.states is None:
            self.past = level_db[..., :0]
            self.states = torch.full((level_db.shape[0] * level_db.shape[1],), QUIETEST_DB, dtype=torch.float64)
        joined = torch.cat((self.past, level_db), -1)
        held = hold_level(joined, self.hold)[..., self.past.shape[-1] :]
        self.past = joined[..., max(0, joined.shape[-1] - self.reach) :].clone()
        return play_level(held.contiguous(), self.hysteresis_db, self.states)
