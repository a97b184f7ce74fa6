"""Where notes and hits begin: high-frequency content and its growth from frame to frame.

Source: Masri's high-frequency content (the published code uses aubio's "hfc" detector with 1,024-sample windows), as a
spectral flux: only what grows counts, weighted by frequency.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import find_peaks

from fxrep.normalization.grid import scaled_size, spectra
from fxrep.normalization.step import Feature, Samples, stereo_samples

WINDOW = 1024
MEDIAN_S = 0.5
SHORTEST_INTERVAL_S = 0.05
THRESHOLD_RATIO = 2.0
"""An onset stands out of the median of the half second around it by this factor."""

THRESHOLD_FLOOR = 0.05
"""And is at least this share of the high-frequency content at its strongest: a steady sound flickers, too."""


def detect_onsets(audio: torch.Tensor | NDArray[np.floating], sample_rate: int) -> Feature:
    """Find the onsets of a track.

    Args:
        audio: (C, T) with one or two channels, or (T,).
        sample_rate: Hz.

    Returns:
        (onsets,) times in seconds, increasing; empty for silence and for sounds that never begin.
    """
    samples = stereo_samples(audio)
    hop = scaled_size(WINDOW, sample_rate) // 2
    flux, content = high_frequency_flux(samples, 2 * hop)
    frames = _peaks(flux, THRESHOLD_FLOOR * float(np.percentile(content, 99)), sample_rate / hop)
    return np.maximum(0.0, (frames - 1.5) * hop / sample_rate)


def high_frequency_flux(audio: Samples, size: int) -> tuple[Feature, Feature]:
    """Magnitudes summed with the frequency as weight, and how much of them is new since the last frame.

    Args:
        audio: (2, T).
        size: window in samples; the hop is half of it, and one window of silence goes before the audio: a track that
            starts with a hit has its first onset there.

    Returns:
        Flux and content, (frames,) each; the first flux is 0.
    """
    weights = np.linspace(0.0, 1.0, size // 2 + 1, dtype=np.float32)
    flux: list[NDArray[np.float32]] = []
    content: list[NDArray[np.float32]] = []
    last: NDArray[np.float32] | None = None
    for block in spectra(audio, size, size // 2, lead=size):
        magnitude = np.sqrt(np.mean(block.real**2 + block.imag**2, axis=0))
        before = np.concatenate([magnitude[:1] if last is None else last, magnitude[:-1]])
        flux.append(np.maximum(magnitude - before, 0.0) @ weights)
        content.append(magnitude @ weights)
        last = magnitude[-1:]
    return np.concatenate(flux).astype(np.float64), np.concatenate(content).astype(np.float64)


def _peaks(flux: Feature, floor: float, frame_rate: float) -> NDArray[np.int64]:
    if flux.size < 3 or floor <= 0.0:
        return np.zeros(0, dtype=np.int64)
    around = max(3, round(MEDIAN_S * frame_rate) | 1)
    background = uniform_filter1d(median_filter(flux, around, mode="nearest"), 3)
    height = np.maximum(THRESHOLD_RATIO * background, floor)
    found, _ = find_peaks(flux, height=height, distance=max(1, round(SHORTEST_INTERVAL_S * frame_rate)))
    return np.asarray(found, dtype=np.int64)
