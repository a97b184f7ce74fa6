"""The hyperbolic tangent with a slope and a scale per item, in few passes over the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable


def tanh_curve(audio: torch.Tensor, slope: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return scale tanh(slope x); differentiable once in all three.

    Args:
        audio: (B, C, T).
        slope: (B, 1, 1), in the dtype of the audio.
        scale: (B, 1, 1), in the dtype of the audio.

    Returns:
        (B, C, T), a tensor of its own: the audio is not written to.
    """
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (audio, slope, scale)):
        curve: torch.Tensor = _TanhCurve.apply(audio, slope, scale)
        return curve
    return _replace_by_tanh(audio * slope).mul_(scale)


def _replace_by_tanh(values: torch.Tensor) -> torch.Tensor:
    """Write the hyperbolic tangent over the values, which carry no gradient."""
    if values.device.type != "cpu":
        return values.tanh_()
    # On the CPU, NumPy's is within 2 units in the last place like torch's, and several times faster.
    array = values.numpy()
    np.tanh(array, out=array)
    return values


class _TanhCurve(torch.autograd.Function):
    """Keeps the tangent itself: the derivative is one minus its square."""

    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor, slope: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        bent = _replace_by_tanh(audio.detach() * slope.detach())
        ctx.save_for_backward(audio, slope, scale, bent)
        return bent * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        audio, slope, scale, bent = ctx.saved_tensors
        for_audio = for_slope = for_scale = None
        if ctx.needs_input_grad[2]:
            for_scale = (upstream * bent).sum((1, 2), keepdim=True)
        inner = torch.addcmul(upstream, upstream * bent, bent, value=-1.0)
        if ctx.needs_input_grad[1]:
            for_slope = (inner * audio).sum((1, 2), keepdim=True) * scale
        if ctx.needs_input_grad[0]:
            for_audio = inner.mul_(slope * scale)
        return for_audio, for_slope, for_scale
