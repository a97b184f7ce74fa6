"""The panning step: bring the position of every frequency to the dataset's average position.

Source: the stereo panning spectrum of Tzanetakis, Jones and McNally, "Stereo panning features for classifying
recording production style", ISMIR 2007, and the panning step of Martinez-Ramirez et al., ISMIR 2022 (2,048-point STFT,
gains for left and right per bin up to 16 kHz).

Three choices differ from the published code. The feature keeps its sign: without it a track on the left and one on
the right measure alike and stay apart. A position is that of a bin's average power, so quiet frames and the ambience
count for little. And a channel that holds next to nothing cannot be brought back by gain: beyond `max_gain_db` the rest
of the way is a rotation of the stereo plane, which moves a hard-panned source without raising noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from fxrep.normalization.filtering import filter_zero_phase, fir_from_gains
from fxrep.normalization.grid import GRID_HZ, scaled_size, spectra, to_grid
from fxrep.normalization.step import Feature, NormalizationStep, Samples, mean_absolute, stereo_samples

STFT_SIZE = 2048
SMOOTHING_BINS = 5
HIGHEST_HZ = 16000.0
SILENT_BIN = 1e-10
"""A bin this far below the strongest one (100 dB in power) has no position."""


def panning_spectrum(audio: torch.Tensor | NDArray[np.floating], sample_rate: int) -> Feature:
    """The signed stereo panning spectrum of a track.

    Per frequency, ``sign * (1 - 2 sqrt(L R) / (L + R))`` of the average powers L and R.

    Args:
        audio: (C, T) with one or two channels, or (T,).
        sample_rate: Hz.

    Returns:
        (513,) on `GRID_HZ`, from -1 (hard left) over 0 (centre) to 1 (hard right); NaN where there is no signal.
    """
    left, right, _ = _channel_powers(stereo_samples(audio), sample_rate)
    total = left + right
    heard = total > SILENT_BIN * np.nanmax(total)
    with np.errstate(invalid="ignore", divide="ignore"):
        position = np.sign(right - left) * (1 - 2 * np.sqrt(left * right) / total)
    return np.where(heard, position, np.nan)


@dataclass(frozen=True)
class PanningStep(NormalizationStep):
    """Bring the panning spectrum to the target; the power at every frequency stays as it was.

    Args:
        max_gain_db: largest change of the level difference between the channels that is made by gain alone.
        taps: length of the filters at 44.1 kHz, odd.
    """

    name: ClassVar[str] = "panning"
    unit: ClassVar[str] = "position"

    max_gain_db: float = 12.0
    taps: int = 1023

    def measure(self, audio: Samples, sample_rate: int, instrument: str) -> Feature:
        """The signed panning spectrum."""
        return panning_spectrum(audio, sample_rate)

    def apply(self, audio: Samples, sample_rate: int, target: Feature, instrument: str) -> Samples:
        """Set the position of every frequency by gains, and by rotation where gains do not reach."""
        powers = _channel_powers(audio, sample_rate)
        total = powers[0] + powers[1]
        heard = np.isfinite(total) & (GRID_HZ <= HIGHEST_HZ) & (total > SILENT_BIN * np.nanmax(total))
        if not heard.any():
            return audio
        left, right, cross = (power[heard] for power in powers)
        matrix = _repositioning(left, right, cross, target[heard], self.max_gain_db)
        return _filter_stereo(audio, matrix, GRID_HZ[heard], sample_rate, self.taps)

    def distance(self, first: Feature, second: Feature) -> float:
        """Mean absolute difference of position up to 16 kHz."""
        return mean_absolute((first - second)[GRID_HZ <= HIGHEST_HZ])


def _channel_powers(audio: Samples, sample_rate: int) -> tuple[Feature, Feature, Feature]:
    """Average power left and right and the real part of the cross power, smoothed, on the grid."""
    size = scaled_size(STFT_SIZE, sample_rate)
    sums = np.zeros((3, size // 2 + 1))
    for block in spectra(audio, size, size // 2):
        left, right = block
        sums[0] += np.sum(left.real**2 + left.imag**2, axis=0, dtype=np.float64)
        sums[1] += np.sum(right.real**2 + right.imag**2, axis=0, dtype=np.float64)
        sums[2] += np.sum(left.real * right.real + left.imag * right.imag, axis=0, dtype=np.float64)
    smoothed = uniform_filter1d(sums, SMOOTHING_BINS, axis=1, mode="nearest")
    left_power, right_power, cross = (to_grid(row, sample_rate) for row in smoothed)
    return left_power, right_power, cross


def _repositioning(left: Feature, right: Feature, cross: Feature, target: Feature, max_gain_db: float) -> Feature:
    """(2, 2, K) matrices that bring average powers to the target positions and keep their sum."""
    tiny = 1e-12 * (left + right)
    current_db = 10 * np.log10((right + tiny) / (left + tiny))
    wanted_db = 20 / np.log(10) * np.sign(target) * np.arccosh(1 / (1 - np.abs(np.clip(target, -0.999, 0.999))))
    change = 10 ** (np.clip(wanted_db - current_db, -max_gain_db, max_gain_db) / 40)
    keep = np.sqrt((left + right) / (left / change**2 + right * change**2))
    gain_left, gain_right = keep / change, keep * change
    angle = _rotation(left * gain_left**2, right * gain_right**2, cross * gain_left * gain_right, wanted_db)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine * gain_left, -sine * gain_right], [sine * gain_left, cosine * gain_right]])


def _rotation(left: Feature, right: Feature, cross: Feature, wanted_db: Feature) -> Feature:
    """The angle by which a turn of the stereo plane gives the wanted level difference and keeps the channels' sign.

    With D = left - right and a turn by `a`, the difference becomes D cos 2a - 2 cross sin 2a = R cos(2a + p). Of the
    two solutions the one that leaves correlated channels correlated is the smaller turn. Channels that hardly
    correlate are taken as correlated, so that neighbouring frequencies do not turn opposite ways.
    """
    ratio = 10 ** (wanted_db / 10)
    wanted = (left + right) * (1 - ratio) / (1 + ratio)
    cross = np.where(cross < -0.3 * np.sqrt(left * right), cross, np.abs(cross))
    radius = np.hypot(left - right, 2 * cross)
    phase = np.arctan2(2 * cross, left - right)
    opening = np.arccos(np.clip(wanted / np.maximum(radius, 1e-30), -1.0, 1.0))
    angle = (np.where(cross < 0, -opening, opening) - phase) / 2
    return np.where(np.abs(left - right - wanted) <= 1e-9 * (left + right), 0.0, angle)


def _filter_stereo(audio: Samples, matrix: Feature, frequencies_hz: Feature, sample_rate: int, taps: int) -> Samples:
    if np.allclose(matrix, np.eye(2)[:, :, None], atol=1e-6):
        return audio
    output = np.zeros_like(audio)
    for row in range(2):
        for column in range(2):
            gains = matrix[row, column]
            if np.abs(gains).max() > 1e-6:
                fir = fir_from_gains(frequencies_hz, gains, sample_rate, taps)
                output[row] += filter_zero_phase(audio[column], fir)
    return output
