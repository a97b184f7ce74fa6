"""Noise in bands under exponential envelopes: the body of a noise-shaped reverb.

    r[c, n] = sum over the bands of noise[band, c, n] slow[band, n // STRIDE] fast[band, n mod STRIDE]

The envelope of a band is the outer product of a coarse and a fine exponential: two short ones instead of one per
sample. On the CPU a compiled loop, with its gradient, keeps one stride in the cache at a time; elsewhere tensor
operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.kernels import compile_kernel

STRIDE = 512


@compile_kernel
def _shape_rows(noise: Any, slow: Any, fast: Any, response: Any) -> None:
    bands, channels = noise.shape[:2]
    for item in range(slow.shape[0]):
        for stride in range(slow.shape[2]):
            for channel in range(channels):
                output = response[item, channel, stride]
                for band in range(bands):
                    level, source, envelope = slow[item, band, stride], noise[band, channel, stride], fast[item, band]
                    for i in range(STRIDE):
                        value = level * source[i] * envelope[i]
                        output[i] = value + output[i] if band else value


@compile_kernel
def _shape_rows_backward(gradient: Any, noise: Any, slow: Any, fast: Any, slow_slope: Any, fast_slope: Any) -> None:
    bands, channels = noise.shape[:2]
    met = np.empty(STRIDE, dtype=gradient.dtype)
    for item in range(slow.shape[0]):
        for stride in range(slow.shape[2]):
            for band in range(bands):
                for channel in range(channels):
                    source, arriving = noise[band, channel, stride], gradient[item, channel, stride]
                    for i in range(STRIDE):
                        product = source[i] * arriving[i]
                        met[i] = product + met[i] if channel else product
                level, envelope, slope = slow[item, band, stride], fast[item, band], fast_slope[item, band]
                for i in range(STRIDE):
                    slope[i] += level * met[i]
                slow_slope[item, band, stride] = np.dot(met, envelope)


class _Shaping(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, noise: torch.Tensor, slow: torch.Tensor, fast: torch.Tensor) -> torch.Tensor:
        slow, fast = slow.contiguous(), fast.contiguous()
        response = torch.empty((slow.shape[0], *noise.shape[1:]), dtype=noise.dtype)
        _shape_rows(noise.numpy(), slow.numpy(), fast.numpy(), response.numpy())
        ctx.save_for_backward(noise, slow, fast)
        return response

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[None, torch.Tensor, torch.Tensor]:
        noise, slow, fast = ctx.saved_tensors
        slow_slope, fast_slope = torch.empty_like(slow), torch.zeros_like(fast)
        tensors = (gradients[0].contiguous(), noise, slow, fast, slow_slope, fast_slope)
        _shape_rows_backward(*(tensor.numpy() for tensor in tensors))
        return None, slow_slope, fast_slope


def shape_noise(
    noise: torch.Tensor, slow: torch.Tensor, fast: torch.Tensor, *, parallel: bool | None = None
) -> torch.Tensor:
    """Sum the bands of the noise under their envelopes.

    Args:
        noise: (bands, C, strides, STRIDE).
        slow: (B, bands, strides): the envelopes at the start of every stride.
        fast: (B, bands, STRIDE): how they go on within one.
        parallel: use tensor operations instead of the compiled loop; None chooses by device.

    Returns:
        (B, C, strides * STRIDE). Differentiable in `slow` and `fast`.
    """
    if parallel is None:
        parallel = noise.device.type != "cpu"
    if not parallel:
        shaped: torch.Tensor = _Shaping.apply(noise, slow, fast)
        return shaped.flatten(-2)
    response = noise[0] * slow[:, 0, None, :, None] * fast[:, 0, None, None, :]
    for band in range(1, noise.shape[0]):
        response = torch.addcmul(response, noise[band] * slow[:, band, None, :, None], fast[:, band, None, None, :])
    return response.flatten(-2)
