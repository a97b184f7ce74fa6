"""What the colours of a map mean: a metadata key, or clusters of the embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from fxrep.errors import ArgumentError, require

MOST_GROUPS = 8
OTHER = "other"
MISSING = "not given"

# Okabe and Ito (2008), told apart with any colour vision, first as drawn on white, then on black.
LIGHT_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b5568f", "#b87d00", "#2e9bd6", "#6f6a00", "#5b5b5b")
DARK_COLOURS = ("#56b4e9", "#ff8a47", "#2fd0a0", "#e79ac6", "#f0b432", "#9ad4f5", "#f0e442", "#b8b8b8")
# Ordered ranges run from dark to light along one path (after viridis).
LIGHT_RANGES = ("#440154", "#414487", "#2a788e", "#1f9a8a", "#4fae5b", "#a09a00")
DARK_RANGES = ("#8e6bd8", "#6f8ee8", "#3fa9d0", "#2fc4a6", "#7ad151", "#fde725")


@dataclass(frozen=True)
class Groups:
    """The group of every point.

    Attributes:
        title: what the groups are, for the legend.
        names: their labels, at most `MOST_GROUPS`.
        members: index into `names` for every point, int ``(N,)``.
        ordered: whether they are ranges of a number.
    """

    title: str
    names: tuple[str, ...]
    members: np.ndarray
    ordered: bool = False

    def colours(self, dark: bool = False) -> list[str]:
        """One colour per group, as hexadecimal."""
        ranges, kinds = (DARK_RANGES, DARK_COLOURS) if dark else (LIGHT_RANGES, LIGHT_COLOURS)
        palette = [*ranges[: len(self.names)]] if self.ordered else [*kinds]
        return [
            kinds[-1] if name in (OTHER, MISSING) else palette[place % len(palette)]
            for place, name in enumerate(self.names)
        ]


def group_points(
    vectors: np.ndarray, metadata: Sequence[Mapping[str, Any]], color: str = "cluster", seed: int = 0
) -> Groups:
    """Group points for colouring.

    Args:
        vectors: unit vectors ``(N, D)``.
        metadata: of every point; may be empty.
        color: a metadata key, or ``"cluster"``.
        seed: of the clustering.

    Raises:
        ArgumentError: no point has that metadata key.
        MissingExtraError: clusters are asked for without scikit-learn, which the extra ``viz`` brings.
    """
    if color == "cluster":
        return _clusters(vectors, seed)
    values = [entry.get(color) for entry in metadata]
    if all(value is None for value in values):
        known = sorted({key for entry in metadata for key in entry})
        choices = ", ".join(["cluster", *known])
        raise ArgumentError(f"no point has metadata {color!r} to colour by: choose among {choices}")
    numbers = _numbers(values)
    if numbers is not None and len(np.unique(numbers[np.isfinite(numbers)])) > MOST_GROUPS:
        return _ranges(color, numbers)
    return _kinds(color, [MISSING if value is None else _label(value) for value in values])


def _kinds(title: str, labels: Sequence[str]) -> Groups:
    counts = Counter(labels)
    common = sorted(counts, key=lambda label: (label == MISSING, -counts[label], label))
    names = common if len(common) <= MOST_GROUPS else [*common[: MOST_GROUPS - 1], OTHER]
    place = {name: number for number, name in enumerate(names)}
    members = np.array([place.get(label, len(names) - 1) for label in labels], dtype=int)
    return Groups(title, tuple(names), members)


def _ranges(title: str, numbers: np.ndarray) -> Groups:
    given = np.isfinite(numbers)
    edges = np.unique(np.quantile(numbers[given], np.linspace(0, 1, len(LIGHT_RANGES) + 1)))
    members = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    if not given.all():
        members[~given] = len(names)
        names.append(MISSING)
    return Groups(title, tuple(names), members, ordered=True)


def _clusters(vectors: np.ndarray, seed: int) -> Groups:
    labels = _k_means(vectors, seed) if len(vectors) >= 4 else np.zeros(len(vectors), dtype=int)
    # Numbered by size, so that a name does not depend on the order in which the clusters were found.
    order = [label for label, _ in sorted(Counter(labels.tolist()).items(), key=lambda item: (-item[1], item[0]))]
    members = np.array([order.index(label) for label in labels], dtype=int)
    return Groups("cluster", tuple(str(number + 1) for number in range(len(order))), members)


def _k_means(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Labels of the k-means clustering, of two to eight clusters, with the best mean silhouette (Rousseeuw 1987)."""
    cluster, metrics = require("sklearn.cluster", "viz"), require("sklearn.metrics", "viz")
    threads = require("threadpoolctl", "viz")
    best_score, best = -np.inf, np.zeros(len(vectors), dtype=int)
    distinct = len(np.unique(vectors, axis=0))
    # Several threads add up in varying order, and a label could change with the last bit.
    with threads.threadpool_limits(1):
        for count in range(2, min(MOST_GROUPS, distinct - 1, len(vectors) - 1) + 1):
            labels = cluster.KMeans(count, n_init=4, random_state=seed).fit_predict(vectors)
            sample = min(2000, len(vectors))
            try:
                score = metrics.silhouette_score(vectors, labels, sample_size=sample, random_state=seed)
            except ValueError:
                continue  # the sample fell into one cluster
            if score > best_score + 1e-9:
                best_score, best = score, labels
    return best


def _numbers(values: Sequence[Any]) -> np.ndarray | None:
    try:
        return np.array([np.nan if value is None or isinstance(value, bool) else float(value) for value in values])
    except (TypeError, ValueError):
        return None


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
