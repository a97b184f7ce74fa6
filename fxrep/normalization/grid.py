"""One frequency grid for every spectral feature, whatever the sample rate of the track.

The published features live on the bins of one STFT at 44.1 kHz. Here a feature is kept on 513 points from 0 to
22.05 kHz, 43 Hz apart: the published smoothing spans 100 to 270 Hz, so nothing is lost, and tracks of any rate meet.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from fxrep.normalization.step import Feature, Samples

REFERENCE_RATE = 44100
GRID_HZ: Feature = np.linspace(0.0, REFERENCE_RATE / 2, 513)
BLOCK_SAMPLES = 1 << 20


def scaled_size(size: int, sample_rate: int) -> int:
    """The power of two nearest to `size` samples of 44.1 kHz at another rate."""
    return int(2 ** round(np.log2(size * sample_rate / REFERENCE_RATE)))


def to_grid(spectrum: Feature, sample_rate: int) -> Feature:
    """Read a spectrum given on FFT bins (0 to Nyquist) on the grid; NaN above Nyquist."""
    bins_hz = np.linspace(0.0, sample_rate / 2, spectrum.size)
    return np.interp(GRID_HZ, bins_hz, spectrum, right=np.nan)


def spectra(audio: Samples, size: int, hop: int, lead: int = 0) -> Iterator[NDArray[np.complex64]]:
    """Short-time spectra with a root-Hann window, a few at a time so that memory does not grow with the length.

    Args:
        audio: (2, T); zeros are appended to fill the last frame.
        size: window and FFT length in samples.
        hop: distance between frames in samples.
        lead: zeros in front of the audio, in samples.

    Yields:
        (2, frames, size // 2 + 1), in order; together they hold ceil((lead + T - size) / hop) + 1 frames, at least one.
    """
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    samples = lead + audio.shape[1]
    frames = max(0, -(-(samples - size) // hop)) + 1
    per_block = max(1, BLOCK_SAMPLES // size)
    for first in range(0, frames, per_block):
        count = min(per_block, frames - first)
        span = (count - 1) * hop + size
        start = first * hop - lead
        piece = audio[:, max(0, start) : start + span]
        if piece.shape[1] < span:
            before = max(0, -start)
            piece = np.pad(piece, ((0, 0), (before, span - before - piece.shape[1])))
        framed = np.lib.stride_tricks.sliding_window_view(piece, size, axis=1)[:, ::hop]
        yield fft.rfft(framed * window, axis=-1)
