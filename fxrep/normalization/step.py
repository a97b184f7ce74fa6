"""The small interface that every normalisation step has: measure a feature, average it over a dataset, apply.

A step is a frozen set of options. What it measures is a plain vector, so that averaging over a dataset is the
same for every step, and so that a set of statistics is a small file of numbers.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.errors import AudioError

Samples = NDArray[np.float32]
"""Stereo audio, (2, T), full scale at 1.0."""

Feature = NDArray[np.float64]
"""What one step measures on one track: a vector, with NaN where the track has nothing to say."""

Setting = TypeVar("Setting")


class NormalizationStep(ABC):
    """One normalisation step. Subclasses are frozen dataclasses, so a step is hashable and can be saved."""

    name: ClassVar[str]
    unit: ClassVar[str]

    @abstractmethod
    def measure(self, audio: Samples, sample_rate: int, instrument: str) -> Feature:
        """The feature of one track; NaN where the track carries no information."""

    @abstractmethod
    def apply(self, audio: Samples, sample_rate: int, target: Feature, instrument: str) -> Samples:
        """Bring `audio` to the target feature; the caller's array is never written to."""

    @abstractmethod
    def distance(self, first: Feature, second: Feature) -> float:
        """How far apart two features are, in `unit`."""


class FeatureMean:
    """The running mean of one feature over the tracks of a dataset; NaN entries are left out of it."""

    def __init__(self) -> None:
        self._sum: Feature = np.zeros(0)
        self._count: Feature = np.zeros(0)

    def add(self, feature: Feature) -> None:
        """Take one track into the mean."""
        known = np.isfinite(feature)
        if not self._sum.size:
            self._sum, self._count = np.zeros(feature.shape), np.zeros(feature.shape)
        self._sum += np.where(known, feature, 0.0)
        self._count += known

    def value(self) -> Feature | None:
        """The mean, the last known value held over gaps; None while no track had anything to say."""
        known = self._count > 0
        if not known.any():
            return None
        positions = np.arange(self._sum.size)
        return np.interp(positions, positions[known], self._sum[known] / self._count[known])


def stereo_samples(audio: torch.Tensor | NDArray[np.floating]) -> Samples:
    """Bring an array to (2, T) float32 without touching the caller's memory; mono is copied to both channels.

    Args:
        audio: (T,), (1, T) or (2, T), finite.

    Raises:
        AudioError: another shape, no samples, or values that are not finite.
    """
    samples = audio.detach().cpu().numpy() if isinstance(audio, torch.Tensor) else np.asarray(audio)
    if samples.ndim == 1:
        samples = samples[None]
    if samples.ndim != 2 or samples.shape[0] not in (1, 2):
        raise AudioError(
            f"audio has shape {tuple(samples.shape)}: normalisation takes (samples,), (1, samples) or (2, samples); "
            "mix more channels down to two first"
        )
    if samples.shape[1] == 0:
        raise AudioError("audio has no samples: nothing to normalise")
    samples = np.asarray(samples, dtype=np.float32)
    if not np.isfinite(samples).all():
        raise AudioError("audio holds NaN or infinite values: repair the file or the array before normalising it")
    if samples.shape[0] == 1:
        return np.repeat(samples, 2, axis=0)
    # What torch shares must be writable, though no step ever writes to it.
    return np.require(samples, requirements=["C", "W"])


def instrument_setting(table: Mapping[str, Setting], instrument: str) -> Setting:
    """An instrument's entry of a table of published constants, or the one for "other"."""
    return table.get(instrument, table["other"])


def mean_absolute(difference: Feature) -> float:
    """The mean absolute value of the known entries; NaN when there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmean(np.abs(difference)))
