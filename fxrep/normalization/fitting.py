"""Averaging the features of every step over the tracks of a dataset, instrument by instrument."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fxrep.audio import AudioInput, audio_info, load_audio, read_audio
from fxrep.data.manifest import Manifest
from fxrep.data.multitrack import Multitrack
from fxrep.errors import DataError, FxrepError
from fxrep.normalization.statistics import InstrumentStatistics
from fxrep.normalization.step import Feature, FeatureMean, NormalizationStep, Samples, stereo_samples
from fxrep.progress import track_progress

logger = logging.getLogger(__name__)

SILENCE_PEAK_DB = -50.0
SHORTEST_S = 0.4
LONGEST_MEASURED_S = 600.0
EXCERPTS = 10


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

    Files longer than ten minutes are measured on ten excerpts of a minute, spread evenly, so memory stays bounded.
    Silent tracks, tracks shorter than 0.4 s and files that cannot be read are left out and reported.

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


def is_silent(samples: Samples) -> bool:
    """Whether the peak is below -50 dBFS: nothing to match, as published."""
    peak = max(float(samples.max()), -float(samples.min()))
    return peak < 10 ** (SILENCE_PEAK_DB / 20)


def _measured_or_reason(track: FitTrack, steps: dict[str, NormalizationStep]) -> tuple[dict[str, Feature], float] | str:
    try:
        samples, rate = _read(track)
    except (FxrepError, OSError) as error:
        return str(error).removeprefix(track.name).lstrip(": ")
    if is_silent(samples):
        return f"is silent (peak below {SILENCE_PEAK_DB:.0f} dBFS)"
    if samples.shape[1] < SHORTEST_S * rate:
        return f"is shorter than {SHORTEST_S} s"
    features = {name: step.measure(samples, rate, track.instrument) for name, step in steps.items()}
    return features, samples.shape[1] / rate


def _read(track: FitTrack) -> tuple[Samples, int]:
    if not isinstance(track.audio, (str, Path)):
        rate = track.sample_rate or 0
        return stereo_samples(read_audio(track.audio, track.sample_rate, target_rate=rate)), rate
    duration_s = audio_info(track.audio).duration_s
    if duration_s <= LONGEST_MEASURED_S:
        audio, rate = load_audio(track.audio)
        return stereo_samples(audio), rate
    length_s = LONGEST_MEASURED_S / EXCERPTS
    starts = np.linspace(0.0, duration_s - length_s, EXCERPTS)
    pieces = [load_audio(track.audio, start_s=float(start), duration_s=length_s) for start in starts]
    return stereo_samples(torch.cat([audio for audio, _ in pieces], dim=-1)), pieces[0][1]


def _finish(entry: dict[str, FeatureMean], tracks: int, duration_s: float) -> InstrumentStatistics:
    values = {name: mean.value() for name, mean in entry.items()}
    # Six digits are far finer than any of these features is meaningful, and make what is saved equal what was fitted.
    features = {
        name: np.array([float(f"{v:.6g}") for v in value]) for name, value in values.items() if value is not None
    }
    return InstrumentStatistics(tracks, round(duration_s, 3), features)
