"""Why a hit was found: how its passage differs from the query's in loudness, spectrum, width, dynamics, reverberance.

The numbers are `fxrep.metrics.mix_features` of both passages. An embedding says that two passages are alike; this says
in what, and in what not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fxrep.audio import AudioInput, load_audio, read_audio
from fxrep.errors import AudioError
from fxrep.retrieval.aspects import ASPECTS

RATE = 44100
LONGEST_S = 60.0
"""Of a longer passage the middle is measured."""


@dataclass(frozen=True)
class Passage:
    """A part of a recording.

    Attributes:
        audio: a path, or an array with its sample rate.
        sample_rate: of an array, in Hz.
        start_s: where it begins.
        duration_s: its length; None for all that follows.
    """

    audio: AudioInput
    sample_rate: int | None = None
    start_s: float = 0.0
    duration_s: float | None = None

    def read(self) -> tuple[AudioInput, int | None]:
        """The passage and the rate of an array; the file itself where that is the passage.

        Raises:
            AudioError: it cannot be read, or there is nothing of it.
        """
        if self.start_s == 0 and self.duration_s is None:
            return self.audio, self.sample_rate
        if not isinstance(self.audio, np.ndarray | torch.Tensor):
            return load_audio(self.audio, start_s=self.start_s, duration_s=self.duration_s)
        if self.sample_rate is None:
            return self.audio, None  # refused where it is used, with the reason
        first = round(self.start_s * self.sample_rate)
        last = None if self.duration_s is None else first + round(self.duration_s * self.sample_rate)
        samples = self.audio[..., first:last]
        if not samples.shape[-1]:
            raise AudioError(f"the query has nothing at {self.start_s:g} s: choose a start within it")
        return samples, self.sample_rate

    def within(self, start_s: float, duration_s: float) -> Passage:
        """A part of this passage."""
        return Passage(self.audio, self.sample_rate, self.start_s + start_s, duration_s)


@dataclass(frozen=True)
class Difference:
    """One feature of the hit beside the query's.

    Attributes:
        feature: its name in `fxrep.metrics.mix_features`, "family: name (unit)".
        query: its value in the query.
        hit: its value in the hit.
        difference: hit minus query.
        steps: the difference in steps that are just clearly heard; at least 1 is worth a word.
        words: for example "2.3 dB louder".
    """

    feature: str
    query: float
    hit: float
    difference: float
    steps: float
    words: str

    @property
    def family(self) -> str:
        """Loudness, spectrum, width, dynamics or reverberance."""
        return self.feature.partition(":")[0]


@dataclass(frozen=True)
class Explanation:
    """How a hit differs from the query.

    Attributes:
        differences: the largest first, in steps that are just clearly heard.
    """

    differences: tuple[Difference, ...]

    @property
    def text(self) -> str:
        """One sentence about the hit."""
        told = [difference for difference in self.differences if difference.steps >= 1]
        unlike = {difference.family for difference in told}
        families = dict.fromkeys(aspect.family for aspect in ASPECTS)
        measured = {difference.family for difference in self.differences}
        alike = [name for name in families if name in measured and name not in unlike]
        parts = [", ".join(difference.words for difference in told)] if told else []
        if alike:
            parts.append("alike in " + ", ".join(alike))
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "text": self.text,
            "differences": [
                {
                    "family": difference.family,
                    "feature": difference.feature,
                    "query": difference.query,
                    "hit": difference.hit,
                    "difference": difference.difference,
                    "steps": difference.steps,
                    "words": difference.words,
                }
                for difference in self.differences
            ],
        }


def explain(query: Sequence[Passage], hit: Passage) -> Explanation:
    """Measure both and tell them apart.

    Args:
        query: one passage, or several whose features are averaged.
        hit: what was found.

    Raises:
        AudioError: a passage cannot be read, is silent or shorter than half a second.
    """
    queries = [_features(passage, "the query") for passage in query]
    found = _features(hit, str(hit.audio))
    differences = []
    for aspect in ASPECTS:
        asked = float(np.mean([features[aspect.feature] for features in queries]))
        difference = found[aspect.feature] - asked
        if math.isfinite(difference):
            steps = abs(difference) / aspect.step
            words = aspect.words(difference)
            differences.append(Difference(aspect.feature, asked, found[aspect.feature], difference, steps, words))
    return Explanation(tuple(sorted(differences, key=lambda difference: -difference.steps)))


def _features(passage: Passage, name: str) -> dict[str, float]:
    from fxrep.metrics import mix_features

    try:
        audio, rate = passage.read()
        samples = read_audio(audio, rate, target_rate=RATE, channels=2).numpy()
        spare = samples.shape[1] - round(LONGEST_S * RATE)
        if spare > 0:
            samples = samples[:, spare // 2 : samples.shape[1] - (spare - spare // 2)]
        return mix_features(np.ascontiguousarray(samples), RATE)
    except AudioError as error:
        raise AudioError(f"{name} cannot be explained: {error}") from error
