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

from fxrep.audio import AudioInput
from fxrep.data.manifest import Manifest
from fxrep.data.multitrack import Multitrack
from fxrep.errors import ArgumentError
from fxrep.normalization.fitting import SHORTEST_S, FitTrack, average_features, silent_tracks, tracks_of
from fxrep.normalization.opening import open_source
from fxrep.normalization.settling import settle
from fxrep.normalization.sources import Source, TensorSource, join
from fxrep.normalization.statistics import Statistics, load_statistics, save_statistics
from fxrep.normalization.step import Feature, NormalizationStep, batch_source
from fxrep.normalization.steps import PUBLISHED_ORDER, describe_steps, make_steps, steps_from_description

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

    def __init__(self, statistics: Statistics, steps: str | Sequence[str | NormalizationStep] | None = None):
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
        steps: str | Sequence[str | NormalizationStep] = PUBLISHED_ORDER,
        workers: int = 1,
        provenance: Mapping[str, Any] | None = None,
    ) -> FxNormalizer:
        """Average the features of every step over a dataset. Filter it to the training split first.

        Args:
            dataset: songs (their tracks by instrument, their mix as ``"mixture"``), or a manifest.
            steps: names or instances in the order to apply, or the name of one of `CONFIGURATIONS`.
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
        steps: str | Sequence[str | NormalizationStep] = PUBLISHED_ORDER,
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
        spectrum, position or dynamics worth matching: only its loudness is set. A long file is worked on in blocks, so
        that the memory is hardly more than that of the result; `open` needs not even that.

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
        source = open_source(audio, sample_rate)
        return _own_memory(self._normalized(source, [instrument]), source)[0]

    def open(self, audio: AudioInput, sample_rate: int | None = None, instrument: str = FALLBACK) -> Source:
        """Normalise one track without holding it: what a call gives, as a source of blocks.

        Everything is measured now. A file longer than `SAMPLES_IN_MEMORY` is read once for every measurement and again
        whenever the blocks are: memory grows by 0.15 GB for an hour, for the dynamics, and not otherwise.

        Raises:
            ArgumentError: unknown instrument, or an array without a sample rate.
            AudioError: the audio cannot be used, or is longer than six hours.
        """
        return self._normalized(open_source(audio, sample_rate), [instrument])

    def batch(self, audio: torch.Tensor, sample_rate: int, instruments: str | Sequence[str]) -> torch.Tensor:
        """Normalise segments of one length together, where they are.

        Spectra, energies, envelopes and filters are computed for the batch on its device. What each track decides for
        itself comes from small vectors on the CPU, one track after the other: the design of its filters, which onsets
        there are, how much to compress and how much reverberation to add. So a GPU waits for the CPU once for every
        step, and nothing is differentiable. Every item comes out as it does alone, to -80 dB.

        Args:
            audio: (B, 1 or 2, T).
            sample_rate: Hz.
            instruments: canonical name of each, or one for all.

        Returns:
            (B, 2, T) float32 in new memory.

        Raises:
            ArgumentError: unknown instrument, or not as many as items.
            AudioError: another shape, no samples, or values that are not finite.
        """
        source = batch_source(audio, sample_rate)
        names = [instruments] * source.items if isinstance(instruments, str) else list(instruments)
        if len(names) != source.items:
            raise ArgumentError(f"{len(names)} instruments for {source.items} items: name each, or one for all")
        output = _own_memory(self._normalized(source, names), source)
        silent = torch.from_numpy(silent_tracks(source)).to(source.device)
        return torch.where(silent.reshape(-1, 1, 1), source.audio, output)

    def _normalized(self, source: Source, instruments: Sequence[str]) -> Source:
        entries = [self.targets(instrument) for instrument in instruments]
        silent = silent_tracks(source)
        long_enough = source.samples >= SHORTEST_S * source.sample_rate

        def targets_of(step: NormalizationStep) -> Feature | None:
            known = [entry.get(step.name) for entry in entries]
            width = next((target.size for target in known if target is not None), 0)
            if silent.all() or not width or not (long_enough or step.name == "loudness"):
                return None
            nothing = np.full(width, np.nan)
            return np.stack(
                [nothing if target is None or quiet else target for target, quiet in zip(known, silent, strict=True)]
            )

        return settle(source, self.steps, targets_of, instruments)

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
        source = open_source(audio, sample_rate)
        return {step.name: step.measure_source(source, [instrument])[0] for step in set(self.steps)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the steps and averages as .json or .npz.

        Raises:
            ArgumentError: another suffix.
            OutputError: the file cannot be written.
        """
        save_statistics(path, self.statistics)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, steps: str | Sequence[str | NormalizationStep] | None = None
    ) -> FxNormalizer:
        """Read what `save` wrote; `steps` may name fewer of the fitted steps, or another order.

        Raises:
            DataError: the file is missing, damaged, or of another kind or version.
        """
        return cls(load_statistics(path), steps)


def _own_memory(normalized: Source, source: Source) -> torch.Tensor:
    if isinstance(normalized, TensorSource):
        return normalized.audio.clone() if normalized is source else normalized.audio
    return join(normalized.blocks(), normalized.items, normalized.samples, normalized.device)


def _version() -> str:
    try:
        return version("fxrep")
    except PackageNotFoundError:
        return "unknown"
