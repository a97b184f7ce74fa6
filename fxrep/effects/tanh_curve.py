"""The hyperbolic tangent with a slope and a scale per item, in few passes over the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from fxrep.effects.block_maths import BLOCK
from fxrep.effects.kernels import compile_kernel


def tanh_curve(audio: torch.Tensor, slope: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return scale tanh(slope x); differentiable once in all three.

    Args:
        audio: (B, C, T).
        slope: (B, 1, 1), in the dtype of the audio.
        scale: (B, 1, 1), in the dtype of the audio, not 0.

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


@compile_kernel
def _backward_rows(upstream: Any, audio: Any, output: Any, slope: Any, scale: Any, audio_slope: Any, sums: Any) -> None:
    """Write the gradients of the audio (B, C, T) and, per item (B, 2), of slope and scale, in one pass."""
    dtype = audio.dtype.type
    bends, levels = np.empty(BLOCK), np.empty(BLOCK)
    for item in range(audio.shape[0]):
        unscale, factor = dtype(1.0 / scale[item]), dtype(slope[item] * scale[item])
        # One sum for each place in a block: the compiler adds eight of them at a time.
        bends[:], levels[:] = 0.0, 0.0
        for channel in range(audio.shape[1]):
            for start in range(0, audio.shape[2], BLOCK):
                end = min(start + BLOCK, audio.shape[2])
                above, source = upstream[item, channel, start:end], audio[item, channel, start:end]
                curve, out = output[item, channel, start:end], audio_slope[item, channel, start:end]
                for i in range(end - start):
                    bent = curve[i] * unscale
                    level = above[i] * bent
                    inner = above[i] - level * bent
                    levels[i] += level
                    bends[i] += inner * source[i]
                    out[i] = inner * factor
        sums[item, 0], sums[item, 1] = bends.sum() * scale[item], levels.sum()


class _TanhCurve(torch.autograd.Function):
    """Keeps what it returns: the derivative is one minus the square of the tangent."""

    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor, slope: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        output = _replace_by_tanh(audio.detach() * slope.detach()).mul_(scale.detach())
        ctx.save_for_backward(audio, slope, scale, output)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        backward = _backward_by_loop if upstream.device.type == "cpu" else _backward_by_tensors
        return backward(upstream, *ctx.saved_tensors)


def _backward_by_tensors(
    upstream: torch.Tensor, audio: torch.Tensor, slope: torch.Tensor, scale: torch.Tensor, output: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    bent = output / scale
    for_scale = (upstream * bent).sum((1, 2), keepdim=True)
    inner = torch.addcmul(upstream, upstream * bent, bent, value=-1.0)
    return inner * (slope * scale), (inner * audio).sum((1, 2), keepdim=True) * scale, for_scale


def _backward_by_loop(
    upstream: torch.Tensor, audio: torch.Tensor, slope: torch.Tensor, scale: torch.Tensor, output: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    audio_slope = torch.empty_like(audio, memory_format=torch.contiguous_format)
    sums = torch.empty((audio.shape[0], 2), dtype=torch.float64)
    columns = (column.detach().expand(audio.shape[0], 1, 1).flatten().double() for column in (slope, scale))
    whole = (tensor.detach().contiguous() for tensor in (upstream, audio, output))
    _backward_rows(*(tensor.numpy() for tensor in (*whole, *columns, audio_slope, sums)))
    for_slope, for_scale = sums.to(audio.dtype).reshape(-1, 2, 1, 1).unbind(1)
    return audio_slope, for_slope, for_scale
