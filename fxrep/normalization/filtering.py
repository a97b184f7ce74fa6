"""Zero-phase filters given by their gain over frequency, applied in blocks of bounded memory."""

from __future__ import annotations

import numpy as np
from scipy.signal import oaconvolve

from fxrep.normalization.grid import BLOCK_SAMPLES, REFERENCE_RATE
from fxrep.normalization.step import Feature, Samples


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
    half = max(1, round((taps // 2) * sample_rate / REFERENCE_RATE))
    size = int(2 ** np.ceil(np.log2(4 * half + 2)))
    response = np.interp(np.linspace(0.0, sample_rate / 2, size // 2 + 1), frequencies_hz, gains)
    impulse = np.fft.fftshift(np.fft.irfft(response, size))
    middle = size // 2
    return impulse[middle - half : middle + half + 1] * np.hamming(2 * half + 1)


def filter_zero_phase(audio: Samples, fir: Feature) -> Samples:
    """Convolve every channel of (..., T) with an odd, symmetric FIR, without delay; same length out."""
    half = fir.size // 2
    samples = audio.shape[-1]
    kernel = fir.astype(np.float32).reshape((1,) * (audio.ndim - 1) + (-1,))
    filtered = np.empty_like(audio)
    for start in range(0, samples, BLOCK_SAMPLES):
        stop = min(start + BLOCK_SAMPLES, samples)
        before, after = max(0, start - half), min(samples, stop + half)
        full = oaconvolve(audio[..., before:after], kernel, mode="full", axes=-1)
        offset = half + start - before
        filtered[..., start:stop] = full[..., offset : offset + stop - start]
    return filtered
