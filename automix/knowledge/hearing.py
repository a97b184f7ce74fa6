"""What the rules ask of a track: its spectrum, its peaks, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.losses.spectra import mid_side, short_time_power
from fxrep.mixing.tracks import TrackSet

Array = NDArray[np.float64]

BANDS_HZ = 1000.0 * 2.0 ** (np.arange(-16, 13) / 3.0)
"""Centres of third-octave bands, 25 Hz to 16 kHz."""

_N_FFT = 8192
# Under this the energy of a track is rumble; so much of its energy may lie there.
_RUMBLE_SHARE = 0.01
_QUIETEST = 1e-12


@dataclass(frozen=True)
class Heard:
    """Measurements of one track at the loudness of all tracks.

    Attributes:
        audio: (1, 2, T) the windows in which it sounds, one after the other.
        bands_db: (29,) level of third-octave bands.
        lowest_hz: a hundredth of the energy lies below.
        middle_hz: half of the energy lies below.
        peak_db: highest peak, dBFS.
        crest_db: peak over RMS of what sounds.
        side_db: power of the side against the whole.
        powers: of left and right.
    """

    audio: torch.Tensor
    bands_db: Array
    lowest_hz: float
    middle_hz: float
    peak_db: float
    crest_db: float
    side_db: float
    powers: tuple[float, float]


def hear_tracks(
    tracks: TrackSet, gains: Mapping[str, float], start_s: Sequence[float], window_s: float
) -> dict[str, Heard]:
    """Measure all tracks that sound in the windows.

    Args:
        tracks: of the song.
        gains: dB by track.
        start_s: of the windows.
        window_s: their length.
    """
    windows = [tracks.read(start, window_s, gains=gains)[0] for start in start_s]
    found = {}
    for number, name in enumerate(tracks.names):
        sounding = [window[number] for window in windows if float(window[number].abs().max()) > 1e-5]
        if sounding:
            found[name] = measure(torch.cat(sounding, -1)[None], tracks.sample_rate)
    return found


def measure(audio: torch.Tensor, sample_rate: int) -> Heard:
    """Measure a track (1, 2, T)."""
    power = short_time_power(audio.double(), _N_FFT, _N_FFT // 2)[0].sum(0)
    level = power.sum(0)
    spectrum = power[:, level > 1e-5 * level.max()].mean(-1).numpy()
    frequencies = np.arange(len(spectrum)) * sample_rate / _N_FFT
    edges = BANDS_HZ[:, None] * np.array([2.0 ** (-1 / 6), 2.0 ** (1 / 6)])
    bands = np.array([spectrum[(frequencies >= low) & (frequencies < high)].sum() for low, high in edges])
    below = np.cumsum(spectrum) / spectrum.sum()
    left, right = audio[0].double().square().mean(-1).tolist()
    side = float(mid_side(audio.double())[0, 1].square().mean())
    peak_db = 20.0 * float(np.log10(max(float(audio.abs().max()), 1e-6)))
    return Heard(
        audio,
        10.0 * np.log10(np.maximum(bands, _QUIETEST)),
        float(frequencies[np.searchsorted(below, _RUMBLE_SHARE)]),
        float(frequencies[np.searchsorted(below, 0.5)]),
        peak_db,
        peak_db - 10.0 * float(np.log10(max(spectrum.sum() / 2.0, _QUIETEST))),
        10.0 * float(np.log10(max(2.0 * side / max(left + right, _QUIETEST), _QUIETEST))),
        (left, right),
    )


def mean_level(heard: Heard, low_hz: float, high_hz: float) -> float:
    """Mean level in dB of the bands from one frequency to another."""
    return float(heard.bands_db[(low_hz <= BANDS_HZ) & (high_hz >= BANDS_HZ)].mean())


def strongest_band(heard: Heard, low_hz: float, high_hz: float) -> int:
    """Number of the loudest band from one frequency to another."""
    inside = (low_hz <= BANDS_HZ) & (high_hz >= BANDS_HZ)
    return int(np.argmax(np.where(inside, heard.bands_db, -np.inf)))
