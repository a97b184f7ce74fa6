"""Detection, hold and hysteresis as one differentiable step on the CPU, a few items at a time.

Only the input and the result are kept for the gradient. What lies between them is calculated again, for the items at
hand.
"""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.ballistics_kernels import ROWS
from fxrep.effects.chunks import CHUNK_SAMPLES
from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.level_detector import LINKS
from fxrep.effects.level_kernels import NONE, QUIETEST_DB, detect_rows, detect_rows_backward
from fxrep.effects.level_memory import play_rows, play_rows_backward
from fxrep.effects.sliding_maximum import hold_rows, seek_maxima, slide_rows_backward, split_width


class _Pieces:
    """Levels of some items, before and after hold, in arrays that serve all items one after the other."""

    def __init__(self, key: torch.Tensor, rows: int, link: int, hold: torch.Tensor) -> None:
        self.rows, self.link, samples = rows, link, key.shape[2]
        self.items = min(key.shape[0], ROWS, max(1, CHUNK_SAMPLES // (rows * samples)))
        self.level = key.new_empty((self.items, rows, samples))
        self.widths, self.fractions = split_width((hold + 1.0).repeat_interleave(rows))
        # Peaks have no memory.
        self.unused = torch.zeros(key.shape[0], dtype=torch.float64)

    def parts(self) -> list[tuple[slice, slice]]:
        """Return which items, and which rows of all items, are worked on together."""
        starts = range(0, len(self.unused), self.items)
        ends = [min(start + self.items, len(self.unused)) for start in starts]
        return [
            (slice(start, end), slice(start * self.rows, end * self.rows))
            for start, end in zip(starts, ends, strict=True)
        ]

    def measure(self, key: torch.Tensor) -> torch.Tensor:
        level = self.level[: key.shape[0]]
        powers = torch.zeros(level.shape[:2], dtype=torch.float64)
        unused = self.unused[: key.shape[0]]
        detect_rows(key.numpy(), unused.numpy(), self.link, False, powers.numpy(), level.numpy())
        return level.flatten(0, 1)

    def hold(self, level: torch.Tensor, here: slice, held: torch.Tensor) -> None:
        columns = self.widths[here].numpy(), self.fractions[here].numpy()
        hold_rows(level.numpy(), *columns, QUIETEST_DB, held.numpy())


class _GateLevel(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, key: torch.Tensor, hold: torch.Tensor, hysteresis_db: torch.Tensor, link: int
    ) -> torch.Tensor:
        key = key.contiguous()
        rows = key.shape[1] if link == NONE else 1
        pieces, play = _Pieces(key, rows, link, hold), hysteresis_db.repeat_interleave(rows)
        output = key.new_empty((key.shape[0] * rows, key.shape[2]))
        for items, here in pieces.parts():
            out = output[here]
            pieces.hold(pieces.measure(key[items]), here, out)
            states = torch.full((len(out),), QUIETEST_DB, dtype=torch.float64)
            play_rows(out.numpy(), play[here].numpy(), states.numpy(), out.numpy())
        ctx.save_for_backward(key, hold, play, output)
        ctx.rows, ctx.link = rows, link
        return output.reshape(-1, rows, key.shape[2])

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        key, hold, play, output = ctx.saved_tensors
        pieces, gradient = _Pieces(key, ctx.rows, ctx.link, hold), gradients[0].contiguous().flatten(0, 1)
        key_slope, unused = torch.zeros_like(key), torch.zeros_like(hold)
        width_slope, play_slope = torch.empty_like(play), torch.empty_like(play)
        for items, here in pieces.parts():
            level = pieces.measure(key[items])
            held, held_slope = torch.empty_like(level), torch.empty_like(level)
            pieces.hold(level, here, held)
            inputs = (gradient[here], held, output[here], play[here], held_slope, play_slope[here])
            play_rows_backward(*(tensor.numpy() for tensor in inputs))
            widths, fractions = pieces.widths[here], pieces.fractions[here]
            where = seek_maxima(level, widths, QUIETEST_DB)
            # What was held is not needed any more.
            tensors = (held_slope, level, where, widths, fractions, held, width_slope[here])
            slide_rows_backward(*(tensor.numpy() for tensor in tensors))
            grouped = (held.unflatten(0, (-1, ctx.rows)), key[items], level.unflatten(0, (-1, ctx.rows)), unused[items])
            slopes = key_slope[items].numpy(), unused[items].numpy()
            detect_rows_backward(*(tensor.numpy() for tensor in grouped), ctx.link, False, *slopes)
        return key_slope, width_slope.reshape(-1, ctx.rows).sum(1), play_slope.reshape(-1, ctx.rows).sum(1), None


def gate_level(key: torch.Tensor, hold: torch.Tensor, hysteresis_db: torch.Tensor, *, link: str) -> torch.Tensor:
    """Measure peaks, hold them and give them play: what opens and closes a gate.

    Args:
        key: (B, C, T) on the CPU.
        hold: (B,) float64 samples, see `fxrep.effects.level_memory.hold_level`.
        hysteresis_db: (B,) float64, see `fxrep.effects.level_memory.play_level`.
        link: of the channels, see `fxrep.effects.level_detector.detect_level`.

    Returns:
        (B, R, T) dB. Differentiable once in all three.
    """
    output: torch.Tensor = _GateLevel.apply(key, hold, hysteresis_db, LINKS[link])
    return output
