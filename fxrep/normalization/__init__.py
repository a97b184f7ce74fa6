"""Fx-normalisation: average features per instrument, and bringing a track to them.

`FxNormalizer` is the way in; the features it matches are public functions, for metrics and benchmarks.
"""

from __future__ import annotations

from fxrep.normalization.dataset import NormalizedDataset, normalize_dataset
from fxrep.normalization.dynamics import DynamicsStep, onset_peak_level
from fxrep.normalization.equalization import EqualizationStep, average_spectrum, band_levels_db
from fxrep.normalization.fitting import FitTrack
from fxrep.normalization.grid import GRID_HZ
from fxrep.normalization.imager import ImagerStep
from fxrep.normalization.loudness import LoudnessStep, track_loudness
from fxrep.normalization.normalizer import FxNormalizer
from fxrep.normalization.onsets import detect_onsets
from fxrep.normalization.panning import PanningStep, panning_spectrum
from fxrep.normalization.reverberance import decay_time
from fxrep.normalization.reverberation import ReverbStep
from fxrep.normalization.sources import Source
from fxrep.normalization.step import NormalizationStep
from fxrep.normalization.steps import CONFIGURATIONS, PUBLISHED_ORDER, STEPS

__all__ = [
    "CONFIGURATIONS",
    "GRID_HZ",
    "PUBLISHED_ORDER",
    "STEPS",
    "DynamicsStep",
    "EqualizationStep",
    "FitTrack",
    "FxNormalizer",
    "ImagerStep",
    "LoudnessStep",
    "NormalizationStep",
    "NormalizedDataset",
    "PanningStep",
    "ReverbStep",
    "Source",
    "average_spectrum",
    "band_levels_db",
    "decay_time",
    "detect_onsets",
    "normalize_dataset",
    "onset_peak_level",
    "panning_spectrum",
    "track_loudness",
]
