"""The log-mel spectrogram of the published spectral encoders, by fast Fourier transform.

What librosa and torchlibrosa compute with their defaults: Slaney's mel scale and area-normalised triangles, a periodic
Hann window, frames centred by reflection.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxrep.errors import ArgumentError

LOWEST_DB, HIGHEST_DB = -80.0, 40.0
"""Levels of a mel band that become -1 and 1."""

_LEAST_POWER = 1e-10
_HZ_PER_MEL = 200.0 / 3.0
_LINEAR_UP_TO_HZ = 1000.0
_LOG_STEP = math.log(6.4) / 27.0
_CHUNK = 4


def slaney_mel(hz: float) -> float:
    """Mel of M. Slaney's Auditory Toolbox (1998): linear up to 1 kHz, then 27 mels for a factor of 6.4."""
    if hz < _LINEAR_UP_TO_HZ:
        return hz / _HZ_PER_MEL
    return _LINEAR_UP_TO_HZ / _HZ_PER_MEL + math.log(hz / _LINEAR_UP_TO_HZ) / _LOG_STEP


def slaney_filters(n_mels: int, n_fft: int, sample_rate: int, minimum_hz: float, maximum_hz: float) -> Tensor:
    """Triangles evenly spaced on `slaney_mel`, each of area 1 in Hz.

    Returns:
        (n_fft // 2 + 1, n_mels) weights.

    Raises:
        ArgumentError: the range is empty or beyond half the rate, or a band is narrower than the transform resolves.
    """
    if not 0.0 <= minimum_hz < maximum_hz <= sample_rate / 2:
        raise ArgumentError(f"mel bands from {minimum_hz:g} to {maximum_hz:g} Hz: expected a range up to half the rate")
    mels = np.linspace(slaney_mel(minimum_hz), slaney_mel(maximum_hz), n_mels + 2)
    knee = _LINEAR_UP_TO_HZ / _HZ_PER_MEL
    above = _LINEAR_UP_TO_HZ * np.exp(np.maximum(mels - knee, 0.0) * _LOG_STEP)
    edges_hz = np.where(mels < knee, mels * _HZ_PER_MEL, above)
    lower, centre, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    bins_hz = np.arange(n_fft // 2 + 1)[:, None] * (sample_rate / n_fft)
    rising, falling = (bins_hz - lower) / (centre - lower), (upper - bins_hz) / (upper - centre)
    weights = np.maximum(np.minimum(rising, falling), 0.0) * (2.0 / (upper - lower))
    if not weights.any(axis=0).all():
        raise ArgumentError(f"{n_mels} mel bands are too narrow for n_fft={n_fft}: use fewer bands or a longer n_fft")
    return torch.from_numpy(weights.astype(np.float32))


class LogMel(nn.Module):
    """Level of every mel band and frame, -80 to 40 dB mapped to -1…1; the absolute level is kept.

    The weights are made from the arguments and are not part of a checkpoint. Always computed in float32.

    Args:
        sample_rate: Hz of the audio.
        n_fft: window of the transform, samples.
        hop: step between frames, samples.
        n_mels: number of bands.
        minimum_hz: lower edge of the lowest band.
        maximum_hz: upper edge of the highest band.

    Shape:
        (B, C, T), T above n_fft / 2, → (B, C, frames, n_mels), frames = T // hop + 1.
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self,
        sample_rate: int = 44100,
        n_fft: int = 2048,
        hop: int = 512,
        n_mels: int = 64,
        minimum_hz: float = 50.0,
        maximum_hz: float = 18000.0,
    ) -> None:
        super().__init__()
        if n_fft < 2 or hop < 1 or n_mels < 1:
            raise ArgumentError(f"n_fft={n_fft}, hop={hop}, n_mels={n_mels}: expected at least 2, 1 and 1")
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        filters = slaney_filters(n_mels, n_fft, sample_rate, minimum_hz, maximum_hz)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """(B, C, T) audio → (B, C, frames, n_mels)."""
        with torch.autocast(audio.device.type, enabled=False):
            # A few items at a time: the complex spectrum is 16 times the size of the result.
            return torch.cat([self._levels(part.float()) for part in audio.split(_CHUNK)])

    def _levels(self, audio: Tensor) -> Tensor:
        padded = F.pad(audio, (self.n_fft // 2, self.n_fft // 2), mode="reflect")
        spectrum = torch.fft.rfft(padded.unfold(-1, self.n_fft, self.hop) * self.window)
        power = torch.view_as_real(spectrum).square().sum(-1) @ self.filters
        level_db = 10.0 * torch.log10(power.clamp(min=_LEAST_POWER))
        unit = (level_db.clamp(LOWEST_DB, HIGHEST_DB) - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB)
        return 2.0 * unit - 1.0
