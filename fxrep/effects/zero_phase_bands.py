"""Splitting audio into bands that sum to the input itself.

The sum of causal Linkwitz-Riley bands is an all-pass: half a turn of phase at every crossover. Whatever is added to the
input band by band then works against it there: with all bands turned down alike to the gain g, the difference form
``audio + sum of band (g - 1)`` would have the gain 2 - g at a crossover, a boost. These bands have the magnitudes of
fourth-order Linkwitz-Riley filters and no phase: the low side is a second-order Butterworth filter run forwards and
backwards, |H|^2 = 1 / (1 + (f / f0)^4), -6 dB at the crossover and 24 dB per octave beyond it; the high side is what
remains, 1 - |H|^2, and has the same slope. They are applied by FFT, on any device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy.fft import next_fast_len

# A Butterworth pole pair decays with the time constant 1 / (sqrt(1/2) 2 pi f); after this many of them even three
# crossovers at the same frequency are 110 dB down.
TIME_CONSTANTS = 24.0


def band_reach(lowest_hz: float, sample_rate: int) -> int:
    """Return how many samples before and after an impulse the bands of crossovers from this frequency on ring."""
    return math.ceil(TIME_CONSTANTS * sample_rate / (math.sqrt(0.5) * 2.0 * math.pi * lowest_hz))


def split_zero_phase(
    audio: torch.Tensor, sample_rate: int, frequencies: Sequence[torch.Tensor], reach: int
) -> list[torch.Tensor]:
    """Split into bands whose sum is the input, in phase and in level.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        frequencies: N crossovers (B,) float64 in Hz, below Nyquist; meant from low to high.
        reach: see `band_reach`, for the lowest crossover that may occur.

    Returns:
        N + 1 bands (B, C, T). Differentiable in the audio and in the frequencies.
    """
    samples = audio.shape[-1]
    points = next_fast_len(samples + reach, real=True)
    half = torch.arange(points // 2 + 1, device=audio.device, dtype=frequencies[0].dtype) * (math.pi / points)
    # The bilinear transform, as for the other filters, in a form that is finite at Nyquist.
    sine, cosine = torch.sin(half), torch.cos(half)
    spectrum, rest, bands, last = torch.fft.rfft(audio, n=points), None, [], audio
    for frequency in frequencies:
        warp = torch.tan(frequency * (math.pi / sample_rate)).unsqueeze(-1)
        inside = (warp * cosine).square().square()
        outside = sine.square().square()
        low, high = inside / (inside + outside), outside / (inside + outside)
        response = low if rest is None else rest * low
        rest = high if rest is None else rest * high
        band = torch.fft.irfft(spectrum * response.to(audio.dtype).unsqueeze(1), n=points)[..., :samples]
        bands.append(band)
        last = last - band
    return [*bands, last]
