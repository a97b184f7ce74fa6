"""Names of clusters, made of the features that set them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fxrep.retrieval import ASPECTS, Aspect

NAMED_BY = 24
"""Points of every cluster that are measured to name it."""
MOST_WORDS = 3
AVERAGE = "near the average"
_FEWEST = 3
"""Measured points on either side without which nothing is said."""
_SHARE_OF_BEST = 0.5
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class ClusterFeature:
    """One feature that sets a cluster apart.

    Attributes:
        name: of the feature, as in `Aspect`.
        difference: median of the cluster minus median of all other points that were measured.
        unit: of the difference.
        word: for example "louder".
        words: with the number, for example "2.3 dB louder".
    """

    name: str
    difference: float
    unit: str
    word: str
    words: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class Cluster:
    """Points of a map that lie together.

    Attributes:
        id: number, the largest cluster first when the map was made.
        name: in words, for example "louder, brighter"; no two clusters of a map have the same.
        size: how many points belong to it.
        features: what sets it apart, the clearest first.
    """

    id: int
    name: str
    size: int
    features: tuple[ClusterFeature, ...] = ()

    @property
    def text(self) -> str:
        """The name with numbers, for example "2.3 dB louder, 0.41 octaves brighter"."""
        return ", ".join(feature.words for feature in self.features) or self.name

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        features = [feature.to_dict() for feature in self.features]
        return {"id": self.id, "name": self.name, "text": self.text, "size": self.size, "features": features}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Cluster:
        """The inverse of `to_dict`."""
        features = tuple(ClusterFeature(**feature) for feature in values["features"])
        return Cluster(int(values["id"]), str(values["name"]), int(values["size"]), features)


def draw_members(labels: np.ndarray, seed: int) -> np.ndarray:
    """Numbers of the points by which clusters are named: up to `NAMED_BY` of each and of those in none, ascending."""
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = [order[labels[order] == label][:NAMED_BY] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen)) if chosen and labels.max() >= 0 else np.empty(0, dtype=np.int64)


def name_clusters(labels: np.ndarray, features: np.ndarray) -> tuple[Cluster, ...]:
    """What every cluster is called.

    A feature sets a cluster apart if its median differs from that of all other points by what is clearly heard, and by
    as much as the points scatter on either side. The clearest one names the cluster, with those that are at least half
    as clear, three at most.

    Args:
        labels: cluster of every point, ``(N,)``; -1 for none.
        features: in the order of `ASPECTS`, ``(N, F)``; NaN where a point was not measured.
    """
    count = int(labels.max(initial=-1)) + 1
    marks = [_marks(features[labels == number], features[labels != number]) for number in range(count)]
    names: list[str] = []
    clusters = []
    for number, found in enumerate(marks):
        clear = [mark for mark in found if mark[0] >= _SHARE_OF_BEST * found[0][0]][:MOST_WORDS]
        measured = np.isfinite(features[labels == number]).any()
        # Two clusters that differ from the rest alike are told apart by what else they differ in, or by a number.
        while (name := _name(number, clear, measured)) in names and len(clear) < min(MOST_WORDS, len(found)):
            clear = found[: len(clear) + 1]
        if name in names:
            name = next(f"{name} ({n})" for n in range(2, count + 2) if f"{name} ({n})" not in names)
        names.append(name)
        size = int((labels == number).sum())
        clusters.append(Cluster(number, name, size, tuple(mark[1] for mark in clear)))
    return tuple(clusters)


def _name(number: int, clear: Sequence[tuple[float, ClusterFeature]], measured: bool) -> str:
    if clear:
        return ", ".join(mark[1].word for mark in clear)
    return AVERAGE if measured else f"cluster {number + 1}"


def _marks(inside: np.ndarray, outside: np.ndarray) -> list[tuple[float, ClusterFeature]]:
    """Features that set points ``(n, F)`` apart from others, with how clearly, the clearest first."""
    marks = []
    for column, aspect in enumerate(ASPECTS):
        own, other = (part[np.isfinite(part[:, column]), column] for part in (inside, outside))
        if min(len(own), len(other)) < _FEWEST:
            continue
        difference = float(np.median(own) - np.median(other))
        scatter = (_scatter(own) + _scatter(other)) / 2
        clarity = abs(difference) / max(aspect.step, scatter)
        if clarity >= 1:
            marks.append((clarity, _feature(aspect, difference)))
    return sorted(marks, key=lambda mark: -mark[0])


def _scatter(values: np.ndarray) -> float:
    """Standard deviation of a normal distribution with this median absolute deviation."""
    return float(_MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))


def _feature(aspect: Aspect, difference: float) -> ClusterFeature:
    word = aspect.more if difference > 0 else aspect.less
    # "punchier, with higher peaks" is "punchier" among other words.
    return ClusterFeature(
        aspect.name, difference, aspect.unit, word.partition(",")[0], aspect.words(difference).replace(",", "")
    )
