"""The EQ step: filter a track so that its average spectrum becomes the dataset's.

Source: Martinez-Ramirez et al., "Automatic music mixing with deep learning and out-of-domain data", ISMIR 2022
(65,536-point STFT with a quarter hop, Savitzky-Golay smoothing of order 1, matching FIR of 1,001 taps).

Two choices differ from the published code. The spectrum is that of both channels together and one filter serves
both, so that matching the colour never moves the stereo image. And one pass of the full ratio with the delay taken
out replaces two passes (forwards, backwards) of its root: the same response with half the ringing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from fxrep.normalization.filtering import filter_zero_phase, fir_from_gains
from fxrep.normalization.grid import GRID_HZ, scaled_size, spectra, to_grid
from fxrep.normalization.step import (
    Feature,
    NormalizationStep,
    Samples,
    instrument_setting,
    mean_absolute,
    stereo_samples,
)

STFT_SIZE = 65536
SMOOTHING_BINS = {"drums": 151, "bass": 151, "other": 401}
SILENT_FRAME = 1e-4
"""Frames whose RMS is this much below the loudest one (80 dB) say nothing about colour."""

SPECTRAL_FLOOR_DB = -100.0
"""Below the strongest part of its spectrum by more than this, a track holds rounding noise and codec residue."""

AUDIBLE_FLOOR_DB = -80.0
"""Bands further below the strongest one count as equal in a distance: nobody hears what differs there."""


def average_spectrum(
    audio: torch.Tensor | NDArray[np.floating], sample_rate: int, *, smoothing_bins: int = SMOOTHING_BINS["other"]
) -> Feature:
    """The smoothed average magnitude spectrum of a track, both channels together, at unit power.

    Args:
        audio: (C, T) with one or two channels, or (T,).
        sample_rate: Hz.
        smoothing_bins: odd length of the Savitzky-Golay smoother, in bins of 0.67 Hz.

    Returns:
        (513,) linear magnitudes on `GRID_HZ`; NaN above the track's Nyquist frequency, and everywhere for silence.
    """
    samples = stereo_samples(audio)
    size = scaled_size(STFT_SIZE, sample_rate)
    total = np.zeros(size // 2 + 1)
    loudest = 0.0
    for block in spectra(samples, size, size // 4):
        power: Feature = np.asarray(block.real**2 + block.imag**2, dtype=np.float64).mean(axis=0)
        frame_rms = np.sqrt(power.sum(axis=-1))
        loudest = max(loudest, float(frame_rms.max()))
        total += np.sqrt(power[frame_rms > SILENT_FRAME * loudest]).sum(axis=0)
    smoothed = savgol_filter(total, min(smoothing_bins, total.size - 1 + total.size % 2), 1).clip(min=0.0)
    power_sum = float(np.sum(smoothed**2))
    if power_sum == 0.0:
        return np.full(GRID_HZ.shape, np.nan)
    return to_grid(smoothed / np.sqrt(power_sum), sample_rate)


@dataclass(frozen=True)
class EqualizationStep(NormalizationStep):
    """Match the average spectrum; the power of the track stays as it was, level is the loudness step's work.

    Args:
        taps: length of the matching FIR at 44.1 kHz, odd; it resolves about 44100 / taps Hz.
        max_gain_db: no frequency is raised or lowered by more; a track without treble must not end as hiss.
    """

    name: ClassVar[str] = "eq"
    unit: ClassVar[str] = "dB"

    taps: int = 1001
    max_gain_db: float = 36.0

    def measure(self, audio: Samples, sample_rate: int, instrument: str) -> Feature:
        """The average spectrum with the instrument's published smoothing."""
        bins = instrument_setting(SMOOTHING_BINS, instrument)
        return average_spectrum(audio, sample_rate, smoothing_bins=bins)

    def apply(self, audio: Samples, sample_rate: int, target: Feature, instrument: str) -> Samples:
        """Filter both channels alike with the ratio of the target spectrum to the measured one."""
        measured = self.measure(audio, sample_rate, instrument)
        known = np.isfinite(measured)
        if not known.any():
            return audio
        gains_db = spectrum_db(target[known]) - spectrum_db(measured[known])
        for _ in range(3):
            gains_db = np.clip(
                gains_db - _power_change_db(measured[known], gains_db), -self.max_gain_db, self.max_gain_db
            )
        return filter_zero_phase(audio, fir_from_gains(GRID_HZ[known], 10 ** (gains_db / 20), sample_rate, self.taps))

    def distance(self, first: Feature, second: Feature) -> float:
        """Mean absolute difference in dB over third-octave bands from 50 Hz to 16 kHz, level taken out."""
        difference = band_levels_db(first) - band_levels_db(second)
        return mean_absolute(difference - np.nanmean(difference))


def spectrum_db(magnitudes: Feature) -> Feature:
    """Magnitudes in dB, floored 100 dB under the strongest."""
    floor = np.nanmax(magnitudes) * 10 ** (SPECTRAL_FLOOR_DB / 20)
    return np.asarray(20 * np.log10(np.maximum(magnitudes, floor)))


def band_levels_db(magnitudes: Feature) -> Feature:
    """Levels of third-octave bands from 50 Hz to 16 kHz of a spectrum on `GRID_HZ`, in dB.

    Nothing reads lower than 80 dB under the strongest band; bands above Nyquist are NaN.
    """
    centres = 1000 * 2 ** (np.arange(-13, 13) / 3)
    fine = centres[:, None] * 2 ** (np.linspace(-0.5, 0.5, 9)[None] / 3)
    power = np.interp(fine, GRID_HZ, magnitudes**2).mean(axis=1)
    strongest = np.nanmax(power)
    return np.asarray(10 * np.log10(np.maximum(power, strongest * 10 ** (AUDIBLE_FLOOR_DB / 10))))


def _power_change_db(measured: Feature, gains_db: Feature) -> float:
    after = np.sum((measured * 10 ** (gains_db / 20)) ** 2)
    return float(10 * np.log10(after / np.sum(measured**2)))
