"""The small interface that every normalisation step has: measure a feature, average it over a dataset, change audio.

A step is a frozen set of options. What it measures is a plain vector for each track, so that averaging over a dataset
is the same for every step, and so that a set of statistics is a small file of numbers. The work on samples is done by
torch, on a batch and block by block; what is decided from the vectors is done by numpy, track by track.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.errors import AudioError
from fxrep.normalization.sources import Change, Source, TensorSource

Feature = NDArray[np.float64]
"""What one step measures: a vector, with NaN where the track has nothing to say; or (B, D) for a batch."""

Setting = TypeVar("Setting")


class NormalizationStep(ABC):
    """One normalisation step. Subclasses are frozen dataclasses, so a step is hashable and can be saved."""

    name: ClassVar[str]
    unit: ClassVar[str]
    only_level: ClassVar[bool] = False
    """Whether the step changes nothing but the level, which no other step looks at."""

    scale: ClassVar[float] = 1.0
    """A just noticeable difference in `unit`, by which the distances of different steps are added up."""

    @abstractmethod
    def measure_source(self, source: Source, instruments: Sequence[str]) -> Feature:
        """The features (B, D) of a batch; NaN where a track carries no information."""

    @abstractmethod
    def plan(self, source: Source, targets: Feature, instruments: Sequence[str]) -> Change | None:
        """What brings the tracks to their targets (B, D).

        A track whose targets are NaN, or which is within the tolerance of them, is left as it is. None when there is
        nothing to do for any of them.
        """

    @abstractmethod
    def distance(self, first: Feature, second: Feature) -> float:
        """How far apart two features are, in `unit`."""

    def shortfall(self, feature: Feature, target: Feature) -> float:
        """How far a track with this feature is from where the step wants it, in `unit`; NaN where that is unknown."""
        return self.distance(feature, target)

    def measure(self, audio: torch.Tensor | NDArray[np.floating], sample_rate: int, instrument: str) -> Feature:
        """The feature (D,) of one track, (C, T) or (T,)."""
        return np.asarray(self.measure_source(track_source(audio, sample_rate), [instrument])[0])

    def apply(
        self, audio: torch.Tensor | NDArray[np.floating], sample_rate: int, target: Feature, instrument: str
    ) -> torch.Tensor:
        """One track (C, T) or (T,) brought to the target feature, as (2, T); the caller's memory is never written."""
        source = track_source(audio, sample_rate)
        change = self.plan(source, np.asarray(target, dtype=np.float64)[None], [instrument])
        if change is None:
            return source.audio[0]
        changed = source.changed(change)
        assert isinstance(changed, TensorSource)
        return changed.audio[0]


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


def track_source(audio: torch.Tensor | NDArray[np.floating], sample_rate: int) -> TensorSource:
    """One track as a source; mono is copied to both channels.

    Args:
        audio: (T,), (1, T) or (2, T), finite.
        sample_rate: Hz.

    Raises:
        AudioError: another shape, no samples, or values that are not finite.
    """
    if isinstance(audio, torch.Tensor):
        samples = audio.detach()
    else:
        # What torch shares must be writable, though no step ever writes to it.
        samples = torch.from_numpy(np.require(audio, requirements=["C", "W"]))
    if samples.ndim == 1:
        samples = samples[None]
    if samples.ndim != 2 or samples.shape[0] not in (1, 2):
        raise AudioError(
            f"audio has shape {tuple(samples.shape)}: normalisation takes (samples,), (1, samples) or (2, samples); "
            "mix more channels down to two first"
        )
    return batch_source(samples[None], sample_rate)


def batch_source(audio: torch.Tensor, sample_rate: int) -> TensorSource:
    """A batch (B, 1 or 2, T) as a source, on its device; mono is copied to both channels.

    Raises:
        AudioError: another shape, nothing in it, or values that are not finite.
    """
    if audio.ndim != 3 or audio.shape[1] not in (1, 2):
        raise AudioError(
            f"audio has shape {tuple(audio.shape)}: a batch is (batch, 1 or 2 channels, samples); "
            "mix more channels down to two first"
        )
    if audio.numel() == 0:
        raise AudioError("audio has no samples: nothing to normalise")
    audio = audio.detach().float()
    finite = torch.isfinite(audio).all(-1).all(-1)
    if not finite.all():
        which = f" in item {int(finite.logical_not().nonzero()[0])}" if len(audio) > 1 else ""
        raise AudioError(f"audio holds NaN or infinite values{which}: repair the file or the array first")
    return TensorSource(audio.expand(-1, 2, -1), sample_rate)


def instrument_setting(table: Mapping[str, Setting], instrument: str) -> Setting:
    """An instrument's entry of a table of published constants, or the one for "other"."""
    return table.get(instrument, table["other"])


def mean_absolute(difference: Feature) -> float:
    """The mean absolute value of the known entries; NaN when there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmean(np.abs(difference)))
