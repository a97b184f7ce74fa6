"""How every impulse response begins and ends: a smooth rise, a smooth fade, unit energy.

    h[n] = r[n] w[n] / sqrt(mean over the channels of sum (r[n] w[n])^2)
    w[n] = s((n - start) / onset) s((end - n) / fade),   s(x) = x^2 (3 - 2 x), held at 0 and 1 outside 0 to 1

On the CPU a compiled loop, since the window is 1 for most samples; elsewhere tensor operations.
"""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.kernels import compile_kernel


@compile_kernel
def _step(position: float) -> float:
    inside = min(max(position, 0.0), 1.0)
    return inside * inside * (3.0 - 2.0 * inside)


@compile_kernel
def _slope(position: float) -> float:
    return 6.0 * position * (1.0 - position) if 0.0 < position < 1.0 else 0.0


@compile_kernel
def _window_rows(response: Any, edges: Any, output: Any, energies: Any) -> None:
    items, channels, taps = response.shape
    for item in range(items):
        start, onset, end, fade = edges[item]
        energy = 0.0
        for channel in range(channels):
            for n in range(taps):
                value = response[item, channel, n]
                if n < start + onset:
                    value *= _step((n - start) / onset)
                if n > end - fade:
                    value *= _step((end - n) / fade)
                output[item, channel, n] = value
                energy += value * value
        energies[item] = energy / channels


@compile_kernel
def _window_rows_backward(
    gradient: Any, response: Any, windowed: Any, edges: Any, energies: Any, slope: Any, edge_slopes: Any
) -> None:
    items, channels, taps = response.shape
    for item in range(items):
        start, onset, end, fade = edges[item]
        scale = 1.0 / energies[item] ** 0.5
        shared = 0.0
        for channel in range(channels):
            for n in range(taps):
                shared += gradient[item, channel, n] * windowed[item, channel, n]
        shared *= scale * scale / channels
        for channel in range(channels):
            for n in range(taps):
                total = scale * (gradient[item, channel, n] - shared * windowed[item, channel, n])
                rise = fall = 1.0
                if n < start + onset:
                    rise = _step((n - start) / onset)
                if n > end - fade:
                    fall = _step((end - n) / fade)
                slope[item, channel, n] = total * rise * fall
                heard = total * response[item, channel, n]
                if rise < 1.0:
                    edge_slopes[item, 0] -= heard * fall * _slope((n - start) / onset) / onset
                if fall < 1.0:
                    turn = heard * rise * _slope((end - n) / fade) / fade
                    edge_slopes[item, 2] += turn
                    edge_slopes[item, 3] -= turn * (end - n) / fade


class _Ending(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, response: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        response, edges = response.contiguous(), edges.contiguous()
        windowed, energies = torch.empty_like(response), torch.empty(response.shape[0], dtype=torch.float64)
        _window_rows(response.numpy(), edges.numpy(), windowed.numpy(), energies.numpy())
        ctx.save_for_backward(response, windowed, edges, energies)
        return windowed * energies.rsqrt().to(response.dtype)[:, None, None]

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        response, windowed, edges, energies = ctx.saved_tensors
        slope, edge_slopes = torch.empty_like(response), torch.zeros_like(edges)
        tensors = (gradients[0].contiguous(), response, windowed, edges, energies, slope, edge_slopes)
        _window_rows_backward(*(tensor.numpy() for tensor in tensors))
        return slope, edge_slopes


def finish_response(
    response: torch.Tensor,
    start: torch.Tensor,
    onset: float,
    end: torch.Tensor,
    fade: torch.Tensor,
    *,
    parallel: bool | None = None,
) -> torch.Tensor:
    """Window impulse responses and scale them to unit energy.

    Args:
        response: (B, C, K).
        start: (B,) samples: where the rise begins.
        onset: samples: how long it takes.
        end: (B,) samples: where the fade ends.
        fade: (B,) samples: how long it takes.
        parallel: use tensor operations instead of the compiled loop; None chooses by device.

    Returns:
        (B, C, K): white noise convolved with it keeps its power, in the mean over the channels. Differentiable in the
        response, the start, the end and the fade.
    """
    if parallel is None:
        parallel = response.device.type != "cpu"
    if not parallel:
        edges = torch.stack((start, torch.full_like(start, onset), end, fade), -1)
        output: torch.Tensor = _Ending.apply(response, edges)
        return output
    time = torch.arange(response.shape[-1], device=response.device, dtype=start.dtype)
    window = _smooth_step((time - start.unsqueeze(-1)) / onset)
    window = window * _smooth_step((end.unsqueeze(-1) - time) / fade.unsqueeze(-1))
    windowed = response * window.to(response.dtype).unsqueeze(1)
    energy = windowed.square().sum((1, 2), keepdim=True) / response.shape[1]
    scaled: torch.Tensor = windowed / energy.sqrt()
    return scaled


def _smooth_step(position: torch.Tensor) -> torch.Tensor:
    inside = position.clamp(0.0, 1.0)
    return inside.square() * (3.0 - 2.0 * inside)
