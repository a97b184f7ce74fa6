"""Averaging the features of every step over the tracks of a dataset, instrument by instrument."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxrep.audio import AudioInput
from fxrep.data.manifest import Manifest
from fxrep.data.multitrack import Multitrack
from fxrep.errors import DataError, FxrepError
from fxrep.normalization.opening import open_source
from fxrep.normalization.sources import Source
from fxrep.normalization.statistics import InstrumentStatistics
from fxrep.normalization.step import Feature, FeatureMean, NormalizationStep
from fxrep.progress import track_progress

logger = logging.getLogger(__name__)

SILENCE_PEAK_DB = -50.0
SHORTEST_S = 0.4


@dataclass(frozen=True)
class FitTrack:
    """One track to average.

    Attributes:
        audio: a path, or an array with `sample_rate`.
        instrument: canonical name.
        sample_rate: Hz; a file carries its own.
        name: what a report calls it.
    """

    audio: AudioInput
    instrument: str
    sample_rate: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Averages:
    """What came of averaging: by instrument, and which tracks were left out for what reason."""

    instruments: dict[str, InstrumentStatistics]
    left_out: list[tuple[str, str]]


def tracks_of(dataset: Iterable[Multitrack] | Manifest) -> Iterator[FitTrack]:
    """Every track of every song under its instrument, and every mix as ``"mixture"``."""
    songs = dataset.songs() if isinstance(dataset, Manifest) else dataset
    for song in songs:
        for track in song.tracks:
            yield FitTrack(track.path, track.instrument, name=str(track.path))
        if song.mix is not None:
            yield FitTrack(song.mix, "mixture", name=str(song.mix))


def average_features(tracks: Sequence[FitTrack], steps: Iterable[NormalizationStep], workers: int = 1) -> Averages:
    """Measure every track once and average per instrument, each track counting the same.

    Files of any length are measured whole, in constant memory. Silent tracks, tracks shorter than 0.4 s and files that
    cannot be read are left out and reported.

    Raises:
        DataError: there are no tracks, or none of them could be measured.
    """
    distinct = {step.name: step for step in steps}
    means: dict[str, dict[str, FeatureMean]] = {}
    counts: dict[str, tuple[int, float]] = {}
    left_out: list[tuple[str, str]] = []
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="fit") as pool:
        outcomes = pool.map(lambda track: _measured_or_reason(track, distinct), tracks)
        for track, outcome in zip(tracks, track_progress(outcomes, "fit", total=len(tracks)), strict=True):
            if isinstance(outcome, str):
                left_out.append((track.name or track.instrument, outcome))
                logger.info("left out %s: %s", track.name or track.instrument, outcome)
                continue
            features, duration_s = outcome
            entry = means.setdefault(track.instrument, {name: FeatureMean() for name in distinct})
            for name, feature in features.items():
                entry[name].add(feature)
            before = counts.get(track.instrument, (0, 0.0))
            counts[track.instrument] = (before[0] + 1, before[1] + duration_s)
    if not means:
        reason = f"; the first: {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
        raise DataError(f"none of the {len(left_out)} tracks could be measured{reason}")
    instruments = {name: _finish(entry, *counts[name]) for name, entry in means.items()}
    return Averages(instruments, left_out)


def silent_tracks(source: Source) -> NDArray[np.bool_]:
    """(B,) whether the peak is below -50 dBFS: nothing to match, as published."""
    return np.asarray(source.peaks() < 10 ** (SILENCE_PEAK_DB / 20))


def _measured_or_reason(track: FitTrack, steps: dict[str, NormalizationStep]) -> tuple[dict[str, Feature], float] | str:
    try:
        source = open_source(track.audio, track.sample_rate)
        if silent_tracks(source)[0]:
            return f"is silent (peak below {SILENCE_PEAK_DB:.0f} dBFS)"
        duration_s = source.samples / source.sample_rate
        if duration_s < SHORTEST_S:
            return f"is shorter than {SHORTEST_S} s"
        features = {name: step.measure_source(source, [track.instrument])[0] for name, step in steps.items()}
    except (FxrepError, OSError) as error:
        return str(error).removeprefix(track.name).lstrip(": ")
    return features, duration_s


def _finish(entry: dict[str, FeatureMean], tracks: int, duration_s: float) -> InstrumentStatistics:
    values = {name: mean.value() for name, mean in entry.items()}
    # Six digits are far finer than any of these features is meaningful, and make what is saved equal what was fitted.
    features = {
        name: np.array([float(f"{v:.6g}") for v in value]) for name, value in values.items() if value is not None
    }
    return InstrumentStatistics(tracks, round(duration_s, 3), features)
