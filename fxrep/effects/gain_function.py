"""Detector, gain computer and gain as one differentiable step on the CPU."""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.drive_kernels import MEASURED, SPAN, drive_rows, drive_rows_backward
from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.level_kernels import NONE
from fxrep.effects.neutral_curves import neutral_items, steering_curve


def _drive(tensors: tuple[torch.Tensor, ...], rows: int, mode: int, link: int, output: torch.Tensor) -> torch.Tensor:
    """Write the output; return the states before every span."""
    audio, key, *columns = tensors
    spans = -(-audio.shape[2] // SPAN)
    marks = torch.empty((len(audio) * rows, spans, 2), dtype=torch.float64)
    settings = (column.numpy() for column in columns)
    drive_rows(audio.numpy(), key.numpy(), rows, *settings, mode, link, marks.numpy(), output.numpy())
    return marks


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
        columns = (keep, curve, steering, times, makeup_db)
        drive_rows_backward(
            *(tensor.numpy() for tensor in (gradients[0].contiguous(), audio, key)),
            ctx.rows,
            *(tensor.numpy() for tensor in columns),
            ctx.mode,
            ctx.link,
            steered,
            *(tensor.numpy() for tensor in (marks, steering_marks, audio_slope, key_slope, slopes)),
        )
        # Without any gain the times have no influence; and of two limits at 0 dB, moving one leaves the other.
        slopes[flat | shut, 4:6] = 0.0
        slopes[flat & shut, 1] = 0.0
        curve_slope = torch.cat((torch.zeros_like(slopes[:, :1]), slopes[:, :4]), 1)
        key_gradient = None if ctx.same else key_slope
        return audio_slope, key_gradient, slopes[:, 8], curve_slope, slopes[:, 4:7], slopes[:, 7], None, None
