"""The phase of low-frequency oscillators."""

from __future__ import annotations

import math

import torch

from fxrep.effects.parameters import Parameter

# Between the channels of a stereo signal; mono has none.
SPREAD = Parameter("phase_deg", "deg", 0.0, 180.0, "linear", 90.0)


def oscillator_angle(
    rate_hz: torch.Tensor,
    phase_deg: torch.Tensor,
    channels: int,
    sample_rate: int,
    count: int,
    start: int = 0,
    step: int = 1,
) -> torch.Tensor:
    """Return the angle in radians, less than two turns, that an oscillator has reached.

    Args:
        rate_hz: (B,), float64.
        phase_deg: (B,), how far the second channel is ahead of the first.
        channels: C.
        sample_rate: Hz.
        count: N, how many points of time.
        start: the first one, in samples of the whole signal.
        step: distance of two points, samples.

    Returns:
        (B, C, N) float64.
    """
    samples = start + step * torch.arange(count, device=rate_hz.device, dtype=rate_hz.dtype)
    cycles = rate_hz.unsqueeze(-1) * (samples / sample_rate)
    cycles = (cycles - cycles.detach().floor()).unsqueeze(1)
    return 2.0 * math.pi * (cycles + channel_cycles(phase_deg, channels).unsqueeze(-1))


def channel_cycles(phase_deg: torch.Tensor, channels: int) -> torch.Tensor:
    """Return the lead of every channel (B, C) in turns: 0 for the first, the setting for the second."""
    return torch.stack([phase_deg * (channel / 360.0) for channel in range(channels)], dim=1)
