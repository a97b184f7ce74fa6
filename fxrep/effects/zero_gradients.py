"""Gradients of zero for settings that change nothing on the audio at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def with_zero_gradients(audio: torch.Tensor, settings: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the audio, bit for bit, as something that the settings had a part in, with no effect.

    A width on mono audio and the strip of a silent track change nothing. Without this they would not be in the graph,
    and going backward would fail, or leave ``None`` in the place of a gradient.

    Args:
        audio: any shape.
        settings: any shapes; those that want no gradient are passed over.
    """
    wanted = [setting for setting in settings if setting.requires_grad]
    if not wanted or not torch.is_grad_enabled():
        return audio
    return _Untouched.apply(audio, *wanted)  # type: ignore[no-any-return]


class _Untouched(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor, *settings: torch.Tensor) -> torch.Tensor:
        # Not kept: only what a zero has to look like.
        ctx.likeness = [(setting.shape, setting.dtype, setting.device) for setting in settings]
        return audio.view_as(audio)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, ...]:
        zeros = [torch.zeros(shape, dtype=dtype, device=device) for shape, dtype, device in ctx.likeness]
        return gradients[0], *zeros
