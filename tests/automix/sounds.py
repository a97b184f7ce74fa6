"""Sounds of known level, for songs whose right mix is known."""

from __future__ import annotations

import torch

RATE = 22050


def played(seed: int, seconds: float = 3.0, rate: int = RATE, channels: int = 1, beat: int = 4) -> torch.Tensor:
    """Struck noise (C, T), `beat` times a second, every stroke another noise."""
    generator = torch.Generator().manual_seed(seed)
    samples = round(seconds * rate)
    decay = torch.exp(-(torch.arange(samples) % (rate // beat)) / (rate / 10))
    return 0.1 * torch.randn(channels, samples, generator=generator) * decay


def sine(frequency_hz: float, level: float = 0.1, seconds: float = 3.0, rate: int = RATE) -> torch.Tensor:
    """One tone (1, T)."""
    return level * torch.sin(2 * torch.pi * frequency_hz * torch.arange(round(seconds * rate)) / rate)[None]
