"""Fx-normalisation: average features per instrument, and bringing a track to them.

`FxNormalizer` is the way in; the features it matches are public functions, for metrics and benchmarks.
"""

from __future__ import annotations

from fxrep.normalization.dataset import NormalizedDataset, normalize_dataset
from fxrep.normalization.dynamics import DynamicsStep, onset_peak_level
from fxrep.normalization.equalization import EqualizationStep, average_spectrum, band_levels_db
from fxrep.normalization.fitting import FitTrack
from fxrep.normalization.grid import GRID_HZ
from fxrep.normalization.loudness import LoudnessStep, track_loudness
from fxrep.normalization.normalizer import FxNormalizer
from fxrep.normalization.onsets import detect_onsets
from fxrep.normalization.panning import PanningStep, panning_spectrum
from fxrep.normalization.step import NormalizationStep
from fxrep.normalization.steps import PUBLISHED_ORDER, STEPS

__all__ = [
    "GRID_HZ",
    "PUBLISHED_ORDER",
    "STEPS",
    "DynamicsStep",
    "EqualizationStep",
    "FitTrack",
    "FxNormalizer",
    "LoudnessStep",
    "NormalizationStep",
    "NormalizedDataset",
    "PanningStep",
    "average_spectrum",
    "band_levels_db",
    "detect_onsets",
    "normalize_dataset",
    "onset_peak_level",
    "panning_spectrum",
    "track_loudness",
]
