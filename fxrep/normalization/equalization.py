"""The EQ step: filter a track so that its average spectrum becomes the dataset's.

Source: Martinez-Ramirez et al., "Automatic music mixing with deep learning and out-of-domain data", ISMIR 2022
(65,536-point STFT with a quarter hop, Savitzky-Golay smoothing of order 1, matching FIR of 1,001 taps).

Three choices differ from the published code. The spectrum is that of both channels together and one filter serves
both, so that matching the colour never moves the stereo image. One pass of the full ratio with the delay taken out
replaces two passes (forwards, backwards) of its root: the same response with half the ringing. And the ratio of two
smoothed spectra is not the filter that leads from one to the other where they are steep: what the filter would leave
is predicted from the unsmoothed spectrum, and the ratio is corrected by it a few times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening
from scipy.signal import savgol_filter

from fxrep.normalization.filtering import convolution, fir_from_gains, half_length
from fxrep.normalization.grid import GRID_HZ, power, scaled_size, spectra, to_grid
from fxrep.normalization.prominence import prominences_db, stands_out_further
from fxrep.normalization.sources import Change, Source
from fxrep.normalization.step import (
    Feature,
    NormalizationStep,
    instrument_setting,
    mean_absolute,
    track_source,
)

STFT_SIZE = 65536
SMOOTHING_BINS = {"drums": 151, "bass": 151, "other": 401}
SILENT_FRAME = 1e-4
"""Frames whose RMS is this much below the loudest one (80 dB) say nothing about colour."""

SPECTRAL_FLOOR_DB = -100.0
"""Below the strongest part of its spectrum by more than this, a track holds rounding noise and codec residue."""

AUDIBLE_FLOOR_DB = -80.0
"""Bands further below the strongest one count as equal in a distance: nobody hears what differs there."""

PASSES = 5
"""Corrections of the filter; the distance hardly falls after that."""

LARGEST_CUT_DB = 60.0
"""No frequency is lowered by more; the filter's own stop band is hardly deeper."""

LOWEST_POINT = 2
NARROWEST_POINTS = 2
LEAKING_POINTS = 8
"""Points of the grid on either side of an empty stretch that are left alone with it: what leaks through the filter and
the smoothing must not fill its edge a little further at every pass."""

SHARES = (1.0, 0.5, 0.25)
"""Of the whole change in dB, tried in turn while a peak would stand out too far."""

WORTH_DB = 0.25
"""A filter that would bring the spectrum closer by less is left out: a track that has been matched stays as it is."""


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
    return np.asarray(average_spectra(track_source(audio, sample_rate), [smoothing_bins])[0])


def average_spectra(source: Source, smoothing_bins: Sequence[int]) -> Feature:
    """`average_spectrum` of every track of a batch, (B, 513)."""
    rows = zip(summed_magnitudes(source), smoothing_bins, strict=True)
    return np.stack([_smoothed(row, bins, source.sample_rate) for row, bins in rows])


def summed_magnitudes(source: Source) -> Feature:
    """The short-time magnitudes of both channels together, added up over all frames that are not silent: (B, F)."""
    size = scaled_size(STFT_SIZE, source.sample_rate)
    total = torch.zeros(source.items, size // 2 + 1, dtype=torch.float64, device=source.device)
    loudest = torch.zeros(source.items, 1, device=source.device)
    for block in spectra(source, size, size // 4):
        powers = power(block).mean(1)
        levels = powers.sum(-1).sqrt()
        loudest_so_far = torch.cat([loudest, levels], dim=-1).cummax(-1).values
        kept = levels > SILENT_FRAME * loudest_so_far[:, 1:]
        total += (powers.sqrt_() * kept.unsqueeze(-1)).sum(1)
        loudest = loudest_so_far[:, -1:]
    return np.asarray(total.cpu().numpy())


def _smoothed(total: Feature, smoothing_bins: int, sample_rate: int) -> Feature:
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
        max_gain_db: no frequency is raised by more. One that would have to be is empty and left alone: a track without
            treble must not end as hiss, nor come nearer to that at every pass.
    """

    name: ClassVar[str] = "eq"
    unit: ClassVar[str] = "dB"

    taps: int = 1001
    max_gain_db: float = 48.0

    def measure_source(self, source: Source, instruments: Sequence[str]) -> Feature:
        """The average spectra with the instruments' published smoothing."""
        bins = [instrument_setting(SMOOTHING_BINS, name) for name in instruments]
        rows = zip(self._totals(source), bins, strict=True)
        return np.stack([_smoothed(row, width, source.sample_rate) for row, width in rows])

    def plan(self, source: Source, targets: Feature, instruments: Sequence[str]) -> Change | None:
        """Filter both channels alike with the ratio of the target spectrum to the measured one.

        Where that makes a peak stand out too far, less is raised, or nothing.
        """
        half = half_length(self.taps, source.sample_rate)
        totals, unchanged = self._totals(source), np.zeros(2 * half + 1)
        unchanged[half] = 1.0
        kernels = np.repeat(unchanged[None, None], source.items, axis=0)
        asked, before_db = np.arange(source.items), None
        for share in SHARES:
            tried = [
                self._matching_filter(totals[i], targets[i], instruments[i], source.sample_rate, share)
                for i in asked.tolist()
            ]
            asked = asked[[kernel is not None for kernel in tried]]
            if not asked.size:
                break
            kernels[asked, 0] = [kernel for kernel in tried if kernel is not None]
            before_db = prominences_db(source) if before_db is None else before_db
            after_db = prominences_db(source.changed(convolution(kernels, half)))
            asked = asked[stands_out_further(after_db, before_db)[asked]]
            kernels[asked, 0] = unchanged
        return convolution(kernels, half) if np.any(kernels != unchanged) else None

    def distance(self, first: Feature, second: Feature) -> float:
        """Mean absolute difference in dB over third-octave bands from 50 Hz to 16 kHz, level taken out."""
        difference = band_levels_db(first) - band_levels_db(second)
        return mean_absolute(difference - np.nanmean(difference))

    def _totals(self, source: Source) -> Feature:
        return source.remembered("magnitudes", summed_magnitudes)

    def _matching_filter(
        self, total: Feature, target: Feature, instrument: str, sample_rate: int, share: float
    ) -> Feature | None:
        """The filter that brings magnitudes (F,) nearest to the target, or None if none is worth it.

        Of the change in dB a share is made.
        """
        bins = instrument_setting(SMOOTHING_BINS, instrument)
        measured = reached = _smoothed(total, bins, sample_rate)
        known = np.isfinite(measured) & np.isfinite(target)
        if not known.any():
            return None
        before = nearest_db = self.distance(measured, target)
        nearest, gains_db = None, np.zeros(np.count_nonzero(known))
        empty = _empty(measured[known], target[known], self.max_gain_db)
        wanted_db = (1 - share) * spectrum_db(measured[known]) + share * spectrum_db(target[known])
        for _ in range(PASSES):
            missing_db = wanted_db - spectrum_db(reached[known])
            gains_db = _at_equal_power(measured[known], gains_db + missing_db, empty, self.max_gain_db)
            kernel = fir_from_gains(GRID_HZ[known], 10 ** (gains_db / 20), sample_rate, self.taps)
            reached = _smoothed(total * np.abs(np.fft.rfft(kernel, 2 * (total.size - 1))), bins, sample_rate)
            left_db = self.distance(reached, target)
            if left_db < nearest_db:
                nearest, nearest_db = kernel, left_db
        return nearest if nearest_db < before - WORTH_DB else None


def _empty(measured: Feature, target: Feature, limit_db: float) -> NDArray[np.bool_]:
    """Which of the points of the grid hold so little that a gain to the target would exceed the limit."""
    empty = spectrum_db(target) - spectrum_db(measured) > limit_db
    # What is next to 0 Hz says nothing, and what lies between two partials is no empty stretch.
    empty[:LOWEST_POINT] = empty[LOWEST_POINT : LOWEST_POINT + 1]
    padded = np.pad(empty, NARROWEST_POINTS, mode="edge")
    stretches = binary_opening(padded, iterations=NARROWEST_POINTS)[NARROWEST_POINTS:-NARROWEST_POINTS]
    return np.asarray(binary_dilation(stretches, iterations=LEAKING_POINTS) if stretches.any() else stretches)


def _at_equal_power(measured: Feature, gains_db: Feature, empty: NDArray[np.bool_], limit_db: float) -> Feature:
    """Gains that keep the power of what is not empty, within the limits."""
    filled = ~empty
    if not filled.any():
        return np.zeros_like(gains_db)
    for _ in range(3):
        gains_db = gains_db - _power_change_db(measured[filled], gains_db[filled])
        gains_db = np.where(empty, 0.0, np.clip(gains_db, -LARGEST_CUT_DB, limit_db))
    return gains_db


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
