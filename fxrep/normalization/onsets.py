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

from fxrep.normalization.grid import count_frames, power, scaled_size, spectra
from fxrep.normalization.sources import Source
from fxrep.normalization.step import Feature, track_source

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
    return onset_times(track_source(audio, sample_rate))[0]


def onset_times(source: Source) -> list[Feature]:
    """`detect_onsets` of every track of a batch."""
    hop = scaled_size(WINDOW, source.sample_rate) // 2
    found = []
    for flux, content in zip(*high_frequency_flux(source, 2 * hop), strict=True):
        floor = THRESHOLD_FLOOR * float(np.percentile(content, 99))
        frames = _peaks(flux, floor, source.sample_rate / hop)
        found.append(np.maximum(0.0, (frames - 1.5) * hop / source.sample_rate))
    return found


def high_frequency_flux(source: Source, size: int) -> tuple[Feature, Feature]:
    """Magnitudes summed with the frequency as weight, and how much of them is new since the last frame.

    Args:
        source: (B, 2, T).
        size: window in samples; the hop is half of it, and one window of silence goes before the audio: a track that
            starts with a hit has its first onset there.

    Returns:
        Flux and content, (B, frames) each; the first flux is 0.
    """
    weights = torch.linspace(0.0, 1.0, size // 2 + 1, device=source.device)
    frames = count_frames(source.samples + size, size, size // 2)
    flux, content = np.empty((2, source.items, frames), dtype=np.float64)
    last = torch.empty(source.items, 1, size // 2 + 1, device=source.device)
    start = 0
    for block in spectra(source, size, size // 2, lead=size):
        magnitude = power(block).mean(1).sqrt_()
        stop = start + magnitude.shape[1]
        before = torch.cat([last if start else magnitude[:, :1], magnitude[:, :-1]], dim=1)
        flux[:, start:stop] = ((magnitude - before).clamp_min_(0.0) @ weights).cpu().numpy()
        content[:, start:stop] = (magnitude @ weights).cpu().numpy()
        last.copy_(magnitude[:, -1:])
        start = stop
    return flux, content


def _peaks(flux: Feature, floor: float, frame_rate: float) -> NDArray[np.int64]:
    if flux.size < 3 or floor <= 0.0:
        return np.zeros(0, dtype=np.int64)
    around = max(3, round(MEDIAN_S * frame_rate) | 1)
    background = uniform_filter1d(median_filter(flux, around, mode="nearest"), 3)
    height = np.maximum(THRESHOLD_RATIO * background, floor)
    found, _ = find_peaks(flux, height=height, distance=max(1, round(SHORTEST_INTERVAL_S * frame_rate)))
    return np.asarray(found, dtype=np.int64)
