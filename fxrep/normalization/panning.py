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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from fxrep.normalization.filtering import convolution, fir_from_gains, half_length
from fxrep.normalization.grid import GRID_HZ, power, scaled_size, spectra, to_grid
from fxrep.normalization.sources import Change, Source
from fxrep.normalization.step import Feature, NormalizationStep, mean_absolute, track_source

STFT_SIZE = 2048
SMOOTHING_BINS = 5
HIGHEST_HZ = 16000.0
SILENT_BIN = 1e-10
"""A bin this far below the strongest one (100 dB in power) has no position."""

WORTH_DB = 0.25
"""A track whose level differences are nearer to the target than this, in the mean over frequency, is left alone."""


def panning_spectrum(audio: torch.Tensor | NDArray[np.floating], sample_rate: int) -> Feature:
    """The signed stereo panning spectrum of a track.

    Per frequency, ``sign * (1 - 2 sqrt(L R) / (L + R))`` of the average powers L and R.

    Args:
        audio: (C, T) with one or two channels, or (T,).
        sample_rate: Hz.

    Returns:
        (513,) on `GRID_HZ`, from -1 (hard left) over 0 (centre) to 1 (hard right); NaN where there is no signal.
    """
    return _positions(channel_powers(track_source(audio, sample_rate))[0])


def _positions(powers: Feature) -> Feature:
    left, right = powers[:2]
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
    scale: ClassVar[float] = 0.02

    max_gain_db: float = 12.0
    taps: int = 1023

    def measure_source(self, source: Source, instruments: Sequence[str]) -> Feature:
        """The signed panning spectra."""
        return np.stack([_positions(powers) for powers in source.remembered("powers", channel_powers)])

    def plan(self, source: Source, targets: Feature, instruments: Sequence[str]) -> Change | None:
        """Set the position of every frequency by gains, and by rotation where gains do not reach."""
        half = half_length(self.taps, source.sample_rate)
        kernels = np.zeros((source.items, 2, 2, 2 * half + 1))
        kernels[:, [0, 1], [0, 1], half] = 1.0
        changed = False
        for kernel, powers, target in zip(kernels, source.remembered("powers", channel_powers), targets, strict=True):
            total = powers[0] + powers[1]
            heard = np.isfinite(total) & np.isfinite(target) & (GRID_HZ <= HIGHEST_HZ)
            heard &= total > SILENT_BIN * np.max(total, initial=0.0, where=np.isfinite(total))
            if heard.any():
                left, right, cross = powers[:, heard]
                if _off_target_db(left, right, target[heard]) > WORTH_DB:
                    matrix = _repositioning(left, right, cross, target[heard], self.max_gain_db)
                    kernel[:] = _filters(matrix, GRID_HZ[heard], source.sample_rate, self.taps)
                    changed = True
        if not changed:
            return None
        crossed = np.any(kernels[:, [0, 1], [1, 0]])
        return convolution(kernels if crossed else kernels[:, [0, 1], [0, 1]], half)

    def distance(self, first: Feature, second: Feature) -> float:
        """Mean absolute difference of position up to 16 kHz."""
        return mean_absolute((first - second)[GRID_HZ <= HIGHEST_HZ])


def channel_powers(source: Source) -> Feature:
    """Average power left and right and the real part of the cross power, smoothed, on the grid: (B, 3, 513)."""
    size = scaled_size(STFT_SIZE, source.sample_rate)
    sums = torch.zeros(source.items, 3, size // 2 + 1, dtype=torch.float64, device=source.device)
    for block in spectra(source, size, size // 2):
        sums[:, :2] += power(block).sum(2)
        parts = torch.view_as_real(block)
        sums[:, 2] += (parts[:, 0] * parts[:, 1]).sum((1, -1))
    smoothed = uniform_filter1d(sums.cpu().numpy(), SMOOTHING_BINS, axis=-1, mode="nearest")
    return np.apply_along_axis(to_grid, -1, smoothed, source.sample_rate)


def _repositioning(left: Feature, right: Feature, cross: Feature, target: Feature, max_gain_db: float) -> Feature:
    """(2, 2, K) matrices that bring average powers to the target positions and keep their sum."""
    current_db, wanted_db = _differences_db(left, right, target)
    change = 10 ** (np.clip(wanted_db - current_db, -max_gain_db, max_gain_db) / 40)
    keep = np.sqrt((left + right) / (left / change**2 + right * change**2))
    gain_left, gain_right = keep / change, keep * change
    angle = _rotation(left * gain_left**2, right * gain_right**2, cross * gain_left * gain_right, wanted_db)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine * gain_left, -sine * gain_right], [sine * gain_left, cosine * gain_right]])


def _differences_db(left: Feature, right: Feature, target: Feature) -> tuple[Feature, Feature]:
    """(K,) level of the right over that of the left in dB: what it is, and what it is at the target position."""
    tiny = 1e-12 * (left + right)
    current_db = 10 * np.log10((right + tiny) / (left + tiny))
    # A position is 1 - 1 / cosh(d / 2) of the difference d in nepers of power.
    wanted_db = 20 / np.log(10) * np.sign(target) * np.arccosh(1 / (1 - np.abs(np.clip(target, -0.999, 0.999))))
    return current_db, wanted_db


def _off_target_db(left: Feature, right: Feature, target: Feature) -> float:
    """How far the level differences are from the target, in the mean over frequency."""
    current_db, wanted_db = _differences_db(left, right, target)
    return float(np.abs(current_db - wanted_db).mean())


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


def _filters(matrix: Feature, frequencies_hz: Feature, sample_rate: int, taps: int) -> Feature:
    """(2, 2, taps) impulse responses of gains (2, 2, K); what crosses by less than -120 dB is left out."""
    rows = [
        [
            fir_from_gains(frequencies_hz, gains if np.abs(gains).max() > 1e-6 else 0.0 * gains, sample_rate, taps)
            for gains in row
        ]
        for row in matrix
    ]
    return np.array(rows)
