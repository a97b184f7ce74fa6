"""Detector, gain computer and gain as one differentiable step on the CPU."""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.ballistics_kernels import ROWS
from fxrep.effects.drive_kernels import MEASURED, SPAN, drive_rows, drive_rows_backward
from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.level_kernels import NONE
from fxrep.effects.neutral_curves import neutral_items, steering_curve
from fxrep.effects.row_threads import over_rows


def _drive(tensors: tuple[torch.Tensor, ...], rows: int, mode: int, link: int, output: torch.Tensor) -> torch.Tensor:
    """Write the output; return the states before every span, (B, rows, spans, 2)."""
    audio = tensors[0]
    spans = -(-audio.shape[2] // SPAN)
    marks = torch.empty((len(audio), rows, spans, 2), dtype=torch.float64)
    arrays = (tensor.numpy() for tensor in (*tensors, marks, output))
    over_rows(_drive_items, *arrays, settings=(rows, mode, link), step=ROWS)
    return marks


def _drive_items(
    audio: Any, key: Any, keep: Any, curve: Any, times: Any, makeup_db: Any, marks: Any, output: Any, *how: int
) -> None:
    rows, mode, link = how
    by_row = marks.reshape(-1, *marks.shape[2:])
    drive_rows(audio, key, rows, keep, curve, times, makeup_db, mode, link, by_row, output)


def _drive_items_backward(*given: Any) -> None:
    gradient, audio, key, *columns, marks, steering_marks, audio_slope, key_slope, slopes = given[:-4]
    rows, mode, link, steered = given[-4:]
    by_row = (each.reshape(-1, *each.shape[2:]) for each in (marks, steering_marks))
    drive_rows_backward(
        gradient, audio, key, rows, *columns, mode, link, steered, *by_row, audio_slope, key_slope, slopes
    )


class GainFunction(torch.autograd.Function):
    """``apply(audio, key, keep, curve, times, makeup_db, mode, link)``, see `fxrep.effects.drive_kernels.drive_rows`.

    The key may be the audio itself.
    """

    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor, key: torch.Tensor, *settings: Any) -> torch.Tensor:
        """Return the audio (B, C, T) with the gain that the key asks for."""
        *columns, mode, link = settings
        same = key is audio
        audio = audio.contiguous()
        key = audio if same else key.contiguous()
        rows = key.shape[1] if mode == MEASURED or link == NONE else 1
        tensors = (audio, key, *(column.contiguous() for column in columns))
        output = torch.empty_like(audio)
        marks = _drive(tensors, rows, mode, link, output)
        ctx.save_for_backward(*tensors, marks)
        ctx.rows, ctx.mode, ctx.link, ctx.same = rows, mode, link, same
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of all that `forward` takes."""
        audio, key, keep, curve, times, makeup_db, marks = ctx.saved_tensors
        audio_slope = torch.empty_like(audio)
        flat, shut = neutral_items(curve[:, 2], curve[:, 4])
        steering, steering_marks, steered = curve, marks, bool((flat | shut).any())
        if steered:
            steering = steering_curve(curve)
            # Only the states are wanted; the output is overwritten.
            tensors = (audio, key, keep, steering, times, makeup_db)
            steering_marks = _drive(tensors, ctx.rows, ctx.mode, ctx.link, audio_slope)
        # The gradient of the key is added up.
        key_slope = audio_slope if ctx.same else torch.zeros_like(key)
        slopes = curve.new_zeros((len(curve), 9))
        given = (gradients[0].contiguous(), audio, key, keep, curve, steering, times, makeup_db)
        arrays = (tensor.numpy() for tensor in (*given, marks, steering_marks, audio_slope, key_slope, slopes))
        over_rows(_drive_items_backward, *arrays, settings=(ctx.rows, ctx.mode, ctx.link, steered), step=ROWS)
        # Without any gain the times have no influence; and of two limits at 0 dB, moving one leaves the other.
        slopes[flat | shut, 4:6] = 0.0
        slopes[flat & shut, 1] = 0.0
        curve_slope = torch.cat((torch.zeros_like(slopes[:, :1]), slopes[:, :4]), 1)
        key_gradient = None if ctx.same else key_slope
        return audio_slope, key_gradient, slopes[:, 8], curve_slope, slopes[:, 4:7], slopes[:, 7], None, None
