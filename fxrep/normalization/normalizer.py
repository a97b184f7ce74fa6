"""Fx-normalisation: bring a track to the average loudness, colour, dynamics and panning of its instrument.

Source: Martinez-Ramirez, Liao, Fabbro, Uhlich, Nagashima and Mitsufuji, "Automatic music mixing with deep learning
and out-of-domain data", ISMIR 2022. Each step says in its own file where it departs from the published code. It takes
away much of what gain, EQ and panning did to a track, some of what compression did, and nothing of what reverberation
did: normalised tracks are more alike, not neutral.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

from fxrep.audio import AudioInput, audio_info, load_audio, read_audio
from fxrep.data.manifest import Manifest
from fxrep.data.multitrack import Multitrack
from fxrep.errors import ArgumentError, AudioError
from fxrep.normalization.fitting import SHORTEST_S, FitTrack, average_features, is_silent, tracks_of
from fxrep.normalization.statistics import Statistics, load_statistics, save_statistics
from fxrep.normalization.step import Feature, NormalizationStep, Samples, stereo_samples
from fxrep.normalization.steps import PUBLISHED_ORDER, describe_steps, make_steps, steps_from_description

LONGEST_S = 6 * 3600.0
FALLBACK = "other"


class FxNormalizer:
    """Average features per instrument, and the steps that bring a track to them.

    Args:
        statistics: the averages; they must have been fitted for the steps.
        steps: names or instances, in the order to apply; those of the statistics when not given. A step may come
            twice, as loudness does first and last in some variants.

    Attributes:
        left_out: after `fit`, the tracks that were not averaged, each with the reason.
    """

    def __init__(self, statistics: Statistics, steps: Sequence[str | NormalizationStep] | None = None):
        self.steps = steps_from_description(statistics.steps) if steps is None else make_steps(steps)
        self.statistics = Statistics(describe_steps(self.steps), statistics.instruments, statistics.provenance)
        self.left_out: list[tuple[str, str]] = []
        measured = {name for entry in statistics.instruments.values() for name in entry.features}
        for step in self.steps:
            if measured and step.name not in measured:
                raise ArgumentError(f"the statistics were not fitted for the step {step.name}: fit them with it")

    @classmethod
    def fit(
        cls,
        dataset: Iterable[Multitrack] | Manifest,
        *,
        steps: Sequence[str | NormalizationStep] = PUBLISHED_ORDER,
        workers: int = 1,
        provenance: Mapping[str, Any] | None = None,
    ) -> FxNormalizer:
        """Average the features of every step over a dataset. Filter it to the training split first.

        Args:
            dataset: songs (their tracks by instrument, their mix as ``"mixture"``), or a manifest.
            steps: in the order to apply.
            workers: threads that read and measure.
            provenance: plain values to save with the statistics, besides what is found here.

        Raises:
            DataError: none of the tracks could be measured.
        """
        songs = dataset.songs() if isinstance(dataset, Manifest) else list(dataset)
        found: dict[str, Any] = {
            "songs": len(songs),
            "splits": sorted({song.split for song in songs if song.split}),
            "licences": sorted({song.licence for song in songs if song.licence}),
        }
        if isinstance(dataset, Manifest):
            found["datasets"] = sorted({row.dataset for row in dataset.rows})
            hashes = "".join(sorted(row.content_hash for row in dataset.rows))
            found["content_hash"] = hashlib.sha256(hashes.encode()).hexdigest()
        return cls.fit_tracks(
            tracks_of(songs), steps=steps, workers=workers, provenance={**found, **(provenance or {})}
        )

    @classmethod
    def fit_tracks(
        cls,
        tracks: Iterable[FitTrack],
        *,
        steps: Sequence[str | NormalizationStep] = PUBLISHED_ORDER,
        workers: int = 1,
        provenance: Mapping[str, Any] | None = None,
    ) -> FxNormalizer:
        """Average over single tracks, files or arrays.

        Raises:
            DataError: none of the tracks could be measured.
        """
        made = make_steps(steps)
        listed = list(tracks)
        averages = average_features(listed, made, workers)
        origin = {"fxrep": _version(), "tracks": len(listed) - len(averages.left_out), **(provenance or {})}
        normalizer = cls(Statistics(describe_steps(made), averages.instruments, origin))
        normalizer.left_out = averages.left_out
        return normalizer

    @property
    def instruments(self) -> list[str]:
        """The instruments that were fitted."""
        return sorted(self.statistics.instruments)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides the result: steps, options and averages."""
        content = self.statistics.to_json()
        del content["provenance"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def __call__(self, audio: AudioInput, sample_rate: int | None = None, instrument: str = FALLBACK) -> torch.Tensor:
        """Normalise one track.

        Silence (a peak below -50 dBFS) is returned unchanged, in stereo. A track shorter than 0.4 s has no average
        spectrum, position or dynamics worth matching: only its loudness is set. Memory at the peak is about four times
        that of the audio.

        Args:
            audio: a path, or an array (C, T) or (T,) with one or two channels.
            sample_rate: Hz, required for an array.
            instrument: canonical name. One that was not fitted is treated as ``"other"`` where that was fitted.

        Returns:
            (2, T) float32 at the rate it came in, in new memory. It may exceed full scale.

        Raises:
            ArgumentError: unknown instrument, or an array without a sample rate.
            AudioError: the audio cannot be used, or is longer than six hours.
        """
        targets = self.targets(instrument)
        samples, rate = _read(audio, sample_rate)
        changed = False
        if not is_silent(samples):
            for step in self.steps:
                if step.name in targets and (step.name == "loudness" or samples.shape[1] >= SHORTEST_S * rate):
                    applied = step.apply(samples, rate, targets[step.name], instrument)
                    changed |= applied is not samples
                    samples = applied
        return torch.from_numpy(samples if changed else samples.copy())

    def targets(self, instrument: str) -> Mapping[str, Feature]:
        """The averages that a track of this instrument is brought to, by the name of the step.

        Raises:
            ArgumentError: neither the instrument nor ``"other"`` was fitted.
        """
        known = self.statistics.instruments
        entry = known.get(instrument) or known.get(FALLBACK)
        if entry is None:
            raise ArgumentError(
                f"no statistics for the instrument {instrument!r}: known are {', '.join(self.instruments)}"
            )
        return entry.features

    def measure(
        self, audio: AudioInput, sample_rate: int | None = None, instrument: str = FALLBACK
    ) -> dict[str, Feature]:
        """The features of one track, by the name of the step."""
        samples, rate = _read(audio, sample_rate)
        return {step.name: step.measure(samples, rate, instrument) for step in set(self.steps)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the steps and averages as .json or .npz.

        Raises:
            ArgumentError: another suffix.
            OutputError: the file cannot be written.
        """
        save_statistics(path, self.statistics)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, steps: Sequence[str | NormalizationStep] | None = None
    ) -> FxNormalizer:
        """Read what `save` wrote; `steps` may name fewer of the fitted steps, or another order.

        Raises:
            DataError: the file is missing, damaged, or of another kind or version.
        """
        return cls(load_statistics(path), steps)


def _read(audio: AudioInput, sample_rate: int | None) -> tuple[Samples, int]:
    if isinstance(audio, (str, os.PathLike)):
        _check_length(audio_info(audio).duration_s, str(audio))
        waveform, rate = load_audio(audio)
        return stereo_samples(waveform), rate
    if sample_rate is None:
        raise ArgumentError("an array says nothing about its sample rate: pass sample_rate, for example 44100")
    if isinstance(audio, np.ndarray):
        audio = np.require(audio, requirements="W")
    waveform = read_audio(audio, sample_rate, target_rate=sample_rate)
    _check_length(waveform.shape[-1] / sample_rate, "audio")
    return np.ascontiguousarray(waveform.numpy()), sample_rate


def _check_length(duration_s: float, name: str) -> None:
    if duration_s > LONGEST_S:
        raise AudioError(
            f"{name} lasts {duration_s / 3600:.1f} h, at most {LONGEST_S / 3600:.0f} h are normalised: split it"
        )


def _version() -> str:
    try:
        return version("fxrep")
    except PackageNotFoundError:
        return "unknown"
