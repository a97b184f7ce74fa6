"""Middle and side, short-time power and Bark bands: what production features are made of, written once."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

PUBLISHED_TOP_HZ = 20000.0


def mid_side(audio: Tensor) -> Tensor:
    """Half the sum and half the difference of the channels: (B, 2, T) to (B, 2, T), whose powers add up as theirs."""
    left, right = audio.unbind(1)
    return torch.stack([(left + right) / 2.0, (left - right) / 2.0], dim=1)


def short_time_power(audio: Tensor, n_fft: int = 2048, hop: int = 1024) -> Tensor:
    """(B, C, T) to (B, C, F, frames), Hann, scaled so that the bins of a frame sum to its mean square."""
    window = torch.hann_window(n_fft, device=audio.device, dtype=audio.dtype)
    spectrum = torch.stft(audio.flatten(0, 1), n_fft, hop, window=window, pad_mode="constant", return_complex=True)
    # The squares of both parts, not of the magnitude: the latter costs a root and its gradient.
    power = (spectrum.real.square() + spectrum.imag.square()) * (2.0 / (n_fft * float(window.square().sum())))
    per_channel: Tensor = power.unflatten(0, audio.shape[:2])
    return per_channel


def bark_power(audio: Tensor, sample_rate: int, n_bands: int = 24) -> Tensor:
    """Mean power of each Bark band over time: (B, C, T) to (B, C, n_bands)."""
    spectrum = short_time_power(audio).mean(-1)
    return spectrum @ bark_filters(n_bands, 2 * (spectrum.shape[-1] - 1), sample_rate).to(spectrum)


def decibels(power: Tensor) -> Tensor:
    """10 log10 of a power, which must be above 0."""
    return 10.0 * torch.log10(power)


@lru_cache(maxsize=8)
def bark_filters(n_bands: int, n_fft: int, sample_rate: int) -> Tensor:
    """Triangles evenly spaced in Bark (Traunmüller 1990) from 20 Hz to 20 kHz, (F, n_bands)."""
    frequencies = torch.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    bark = 26.81 * frequencies / (1960.0 + frequencies) - 0.53
    top_hz = min(20000.0, sample_rate / 2)
    low, high = (26.81 * f / (1960.0 + f) - 0.53 for f in (20.0, top_hz))
    step = (high - low) / (n_bands + 1)
    centres = low + step * torch.arange(1, n_bands + 1)
    return (1.0 - (bark[:, None] - centres).abs() / max(step, math.ulp(1.0))).clamp(min=0.0)


@lru_cache(maxsize=8)
def published_bark_filters(n_bands: int, n_fft: int, sample_rate: int) -> Tensor:
    """The bands of Diff-MST's loss: triangles over Hz between edges that are evenly spaced in Bark, (F, n_bands).

    Traunmüller's corrections at both ends are applied on the way to Bark, and only the lower one is undone on the way
    back, so that the highest edges lie above 20 kHz. Kept as it was published: the published figures depend on it.
    """
    low, high = (_corrected_bark(frequency) for frequency in (20.0, PUBLISHED_TOP_HZ))
    bark = torch.linspace(low, high, n_bands + 2, dtype=torch.float64)
    bark = torch.where(bark < 2.0, (bark - 0.3) / 0.85, bark)
    edges = 1960.0 * (bark + 0.53) / (26.28 - bark)
    frequencies = torch.linspace(0.0, sample_rate // 2, n_fft // 2 + 1, dtype=torch.float64)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0)


def _corrected_bark(frequency: float) -> float:
    bark = 26.81 * frequency / (1960.0 + frequency) - 0.53
    if bark < 2.0:
        return bark + 0.15 * (2.0 - bark)
    return bark + 0.22 * max(bark - 20.1, 0.0)
