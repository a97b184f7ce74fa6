"""Filters given by their gain over frequency, or by any impulse response, applied block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.normalization.grid import POINTS_AT_ONCE, REFERENCE_RATE
from fxrep.normalization.sources import Change, with_context
from fxrep.normalization.step import Feature

POINTS_PER_TAP = 5
"""Of an overlap-save transform: with five times the filter's length at least four fifths of the work are kept."""


def fir_from_gains(frequencies_hz: Feature, gains: Feature, sample_rate: int, taps: int) -> Feature:
    """Design a linear-phase FIR by frequency sampling with a Hamming window (as `scipy.signal.firwin2`).

    Gains may be negative; below the first and above the last frequency the end value holds. A flat gain of one gives
    exactly a unit impulse.

    Args:
        frequencies_hz: (K,) increasing.
        gains: (K,) linear gain at those frequencies.
        sample_rate: Hz.
        taps: odd length at 44.1 kHz; other rates get the same duration.

    Returns:
        An odd number of taps, symmetric around the middle one.
    """
    half = half_length(taps, sample_rate)
    size = int(2 ** np.ceil(np.log2(4 * half + 2)))
    response = np.interp(np.linspace(0.0, sample_rate / 2, size // 2 + 1), frequencies_hz, gains)
    impulse = np.fft.fftshift(np.fft.irfft(response, size))
    middle = size // 2
    return impulse[middle - half : middle + half + 1] * np.hamming(2 * half + 1)


def half_length(taps: int, sample_rate: int) -> int:
    """Taps on each side of the middle one."""
    return max(1, round((taps // 2) * sample_rate / REFERENCE_RATE))


def convolution(kernels: NDArray[np.floating], after: int) -> Change:
    """A change that convolves.

    Args:
        kernels: (B, 1, K) for both channels alike, (B, 2, K) for each its own, or (B, 2, 2, K) from every channel
            (third index) to every channel (second).
        after: taps that reach into the future: tap `after` is the one without delay. For a symmetric filter half of
            them, so that it has zero phase.
    """
    taps = kernels.shape[-1]

    def change(blocks: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        responses: dict[int, torch.Tensor] = {}
        for widened in with_context(blocks, taps - 1 - after, after):
            points = min(1 << (POINTS_PER_TAP * taps).bit_length(), 1 << (widened.shape[-1] - 1).bit_length())
            points = max(points, 2)
            if points not in responses:
                responses[points] = torch.from_numpy(np.fft.rfft(kernels, points).astype(np.complex64)).to(
                    widened.device
                )
            yield _convolve(widened, responses[points], points, taps)

    return change


def _convolve(widened: torch.Tensor, response: torch.Tensor, points: int, taps: int) -> torch.Tensor:
    """Overlap-save: the samples of the convolution that need nothing beyond the ends of (B, 2, K - 1 + n)."""
    wanted = widened.shape[-1] - taps + 1
    hop = points - taps + 1
    frames = -(-wanted // hop)
    padded = torch.nn.functional.pad(widened, (0, frames * hop + taps - 1 - widened.shape[-1]))
    output = widened.new_empty(*widened.shape[:-1], wanted)
    at_once = max(1, POINTS_AT_ONCE // (points * len(widened)))
    done = 0
    for piece in padded.unfold(-1, points, hop).split(at_once, dim=-2):
        spectrum = torch.fft.rfft(piece)
        if response.ndim == 4:
            product = (response.unsqueeze(-2) * spectrum.unsqueeze(1)).sum(2)
        else:
            product = spectrum * response.unsqueeze(-2)
        filtered = torch.fft.irfft(product, points)[..., taps - 1 :].flatten(-2)
        count = min(filtered.shape[-1], wanted - done)
        output[..., done : done + count] = filtered[..., :count]
        done += count
    return output
