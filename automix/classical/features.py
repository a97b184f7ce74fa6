"""What a linear model hears of a track: its spectrum, its course over time, its width, and what it is.

All are free of level: tracks are at one loudness when they are measured, and how loud a file happens to be says nothing
about how loud its instrument should be.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.data.instruments import INSTRUMENTS
from fxrep.errors import ArgumentError
from fxrep.losses.spectra import mid_side, short_time_power

Array = NDArray[np.float64]

BAND_EDGES_HZ = (20.0, 120.0, 300.0, 1000.0, 3000.0, 8000.0, 20000.0)

SOUND_FEATURES = (
    "centroid (octaves)",
    "spread (octaves)",
    "roll-off (octaves)",
    "flatness (dB)",
    *(f"level {low:g} to {high:g} Hz (dB)" for low, high in pairwise(BAND_EDGES_HZ)),
    "crest factor (dB)",
    "spread of level (dB)",
    "flux",
    "time that sounds",
    "level of side (dB)",
)
"""Names of what `measure_track` returns."""

FEATURES = (*SOUND_FEATURES, *(f"is {name}" for name in INSTRUMENTS))
"""Names of the columns that a model has weights for."""

_N_FFT = 2048
# Frames and bands this far under the strongest are silence.
_SILENT_DB, _LEAST_DB = -50.0, -60.0


def measure_track(audio: torch.Tensor, sample_rate: int) -> Array | None:
    """Measure a passage of a track.

    Args:
        audio: (2, T).
        sample_rate: Hz.

    Returns:
        Values in the order of `SOUND_FEATURES`, or None for silence. Frequencies are in octaves over 20 Hz.

    Raises:
        ArgumentError: it is shorter than a frame of 2048 samples.
    """
    if audio.dim() != 2 or audio.shape[0] != 2 or audio.shape[1] < _N_FFT:
        raise ArgumentError(f"audio has shape {tuple(audio.shape)}: expected (2, {_N_FFT} samples or more)")
    power = short_time_power(audio[None].double(), _N_FFT, _N_FFT // 2)[0].sum(0).numpy()
    level = power.sum(0)
    if level.max() <= 1e-12:
        return None
    heard = level > level.max() * 10.0 ** (_SILENT_DB / 10.0)
    frames = power[:, heard]
    spectrum = frames.mean(1)
    frequencies = np.arange(len(spectrum)) * sample_rate / _N_FFT
    octaves = np.log2(np.maximum(frequencies, 20.0) / 20.0)
    share = spectrum / spectrum.sum()
    centroid = float(share @ octaves)
    loud = 10.0 * np.log10(level[heard])
    peak = float(audio.abs().max()) ** 2
    _, side = mid_side(audio[None].double())[0].square().mean(-1).tolist()
    return np.array(
        [
            centroid,
            float(np.sqrt(share @ np.square(octaves - centroid))),
            float(octaves[np.searchsorted(np.cumsum(share), 0.85)]),
            float(np.mean(_decibels(share)) - _decibels(share.mean())),
            *(
                _decibels(share[(frequencies >= low) & (frequencies < high)].sum())
                for low, high in pairwise(BAND_EDGES_HZ)
            ),
            10.0 * np.log10(peak / (level[heard].mean() / 2.0)),
            float(loud.std()),
            _flux(frames),
            float(heard.mean()),
            _decibels(side / max(float(audio.double().square().mean()), 1e-20)),
        ]
    )


def describe_tracks(measured: Array, instruments: list[str]) -> Array:
    """Join measurements (N, features) and instruments to (N, `FEATURES`)."""
    kinds = np.array([[float(kind == name) for name in INSTRUMENTS] for kind in instruments])
    return np.hstack([measured, kinds])


def _flux(frames: Array) -> float:
    """How much of the spectrum is new from frame to frame: 0 for a steady tone, near 1 where nothing lasts."""
    if frames.shape[1] < 2:
        return 0.0
    magnitude = np.sqrt(frames)
    rise = np.maximum(np.diff(magnitude, axis=1), 0.0).sum(0)
    return float(np.mean(rise / np.maximum(magnitude[:, 1:].sum(0), 1e-12)))


def _decibels(share: float | Array) -> float | Array:
    found: float | Array = 10.0 * np.log10(np.maximum(share, 10.0 ** (_LEAST_DB / 10.0)))
    return found
