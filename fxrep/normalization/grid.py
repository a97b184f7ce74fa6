"""One frequency grid for every spectral feature, whatever the sample rate of the track.

The published features live on the bins of one STFT at 44.1 kHz. Here a feature is kept on 513 points from 0 to
22.05 kHz, 43 Hz apart: the published smoothing spans 100 to 270 Hz, so nothing is lost, and tracks of any rate meet.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from fxrep.normalization.sources import Source
from fxrep.normalization.step import Feature

REFERENCE_RATE = 44100
GRID_HZ: Feature = np.linspace(0.0, REFERENCE_RATE / 2, 513)
POINTS_AT_ONCE = 1 << 20
"""Of a transform, so that what it needs besides the audio stays small and is used again."""


def scaled_size(size: int, sample_rate: int) -> int:
    """The power of two nearest to `size` samples of 44.1 kHz at another rate."""
    return int(2 ** max(1, round(np.log2(size * sample_rate / REFERENCE_RATE))))


def to_grid(spectrum: Feature, sample_rate: int) -> Feature:
    """Read a spectrum given on FFT bins (0 to Nyquist) on the grid; NaN above Nyquist."""
    bins_hz = np.linspace(0.0, sample_rate / 2, spectrum.size)
    return np.interp(GRID_HZ, bins_hz, spectrum, right=np.nan)


def count_frames(samples: int, size: int, hop: int) -> int:
    """How many frames cover that many samples, at least one."""
    return max(0, -(-(samples - size) // hop)) + 1


def spectra(source: Source, size: int, hop: int, lead: int = 0) -> Iterator[torch.Tensor]:
    """Short-time spectra with a root-Hann window, a few at a time so that memory does not grow with the length.

    Args:
        source: zeros are appended to fill the last frame.
        size: window and FFT length in samples.
        hop: distance between frames in samples.
        lead: zeros in front of the audio, in samples.

    Yields:
        (B, channels, frames, size // 2 + 1) complex64, in order; together they hold
        `count_frames(lead + T, size, hop)` frames. What is kept of them over a long track belongs into an array made
        beforehand: small tensors that outlive the blocks would keep the memory between them from being used again.
    """
    position = torch.arange(size, dtype=torch.float64, device=source.device) / size
    window = (0.5 - 0.5 * torch.cos(2 * torch.pi * position)).sqrt().float()
    held: torch.Tensor | None = None
    begun = False
    for block in source.blocks():
        held = torch.nn.functional.pad(block, (lead, 0)) if held is None else torch.cat([held, block], dim=-1)
        frames = max(0, (held.shape[-1] - size) // hop + 1)
        if frames:
            begun = True
            yield from _transform(held, window, hop)
            held = held[..., frames * hop :]
    assert held is not None
    if not begun or held.shape[-1] > size - hop:
        yield from _transform(torch.nn.functional.pad(held, (0, size - held.shape[-1])), window, hop)


def power(spectrum: torch.Tensor) -> torch.Tensor:
    """|X|^2 of complex values."""
    return torch.view_as_real(spectrum).square().sum(-1)


def _transform(audio: torch.Tensor, window: torch.Tensor, hop: int) -> Iterator[torch.Tensor]:
    at_once = max(1, POINTS_AT_ONCE // (len(window) * len(audio)))
    for frames in audio.unfold(-1, len(window), hop).split(at_once, dim=-2):
        yield torch.fft.rfft(frames * window)
