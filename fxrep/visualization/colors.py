"""What the colours of a map mean: a value or a group for every point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from fxrep.retrieval import ASPECTS
from fxrep.visualization.clusters import Cluster

MOST_GROUPS = 8
OTHER = "other"
MISSING = "not given"
NO_CLUSTER = "in no cluster"

# Okabe and Ito (2008), told apart with any colour vision, first as drawn on white, then on black.
LIGHT_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b5568f", "#b87d00", "#2e9bd6", "#6f6a00", "#8c3b3b")
DARK_COLOURS = ("#56b4e9", "#ff8a47", "#2fd0a0", "#e79ac6", "#f0b432", "#9ad4f5", "#f0e442", "#ff9b9b")
LIGHT_QUIET, DARK_QUIET = "#a3a3a3", "#6d7278"
# Numbers run along one path from dark to light (after viridis), cut where it would vanish into the paper.
LIGHT_RAMP = ("#440154", "#414487", "#2a788e", "#22a884", "#7ab33a", "#c9a800")
DARK_RAMP = ("#7e57c8", "#6f8ee8", "#3fa9d0", "#2fc4a6", "#7ad151", "#fde725")


@dataclass(frozen=True)
class Colors:
    """What every point is coloured by.

    Attributes:
        title: what the colours are, for the legend.
        kind: whether `values` are numbers or groups.
        values: float64 ``(N,)`` with NaN where there is none, or the number of the group, int64 ``(N,)``.
        groups: names of the groups; empty for numbers.
        ticks: for numbers, values with their text, ascending, for a legend.
    """

    title: str
    kind: Literal["groups", "numbers"]
    values: np.ndarray
    groups: tuple[str, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()

    def take(self, points: np.ndarray) -> Colors:
        """Of some of the points."""
        return replace(self, values=self.values[points])

    def palette(self, dark: bool = False) -> list[str]:
        """One colour per group, or the stops of the ramp of numbers, as hexadecimal."""
        if self.kind == "numbers":
            return list(DARK_RAMP if dark else LIGHT_RAMP)
        kinds, quiet = (DARK_COLOURS, DARK_QUIET) if dark else (LIGHT_COLOURS, LIGHT_QUIET)
        plain = (OTHER, MISSING, NO_CLUSTER)
        return [quiet if name in plain else kinds[place % len(kinds)] for place, name in enumerate(self.groups)]

    def text(self, point: int) -> str:
        """What a point has."""
        if self.kind == "groups":
            return self.groups[int(self.values[point])]
        value = float(self.values[point])
        return MISSING if np.isnan(value) else f"{value:.4g}"


def color_by_values(title: str, values: Sequence[Any]) -> Colors:
    """Colours for metadata: numbers, or texts that are numbers, where there are more than eight; else groups.

    The most common seven of many groups keep their names.
    """
    numbers = _numbers(values)
    if numbers is not None and len(np.unique(numbers[np.isfinite(numbers)])) > MOST_GROUPS:
        return color_by_numbers(title, numbers)
    labels = [MISSING if value in (None, "", []) else _label(value) for value in values]
    counts = Counter(labels)
    common = sorted(counts, key=lambda label: (label == MISSING, -counts[label], label))
    if len([label for label in common if label != MISSING]) > MOST_GROUPS:
        kept = [label for label in common if label != MISSING][: MOST_GROUPS - 1]
        common = [*kept, OTHER, *([MISSING] if MISSING in counts else [])]
    place = {name: number for number, name in enumerate(common)}
    members = [place[label] if label in place else place[OTHER] for label in labels]
    return Colors(title, "groups", np.array(members, dtype=np.int64), tuple(common))


def color_by_numbers(title: str, numbers: np.ndarray, shown: Any = None) -> Colors:
    """Colours for numbers ``(N,)``; `shown` turns one into text."""
    given = numbers[np.isfinite(numbers)]
    ends = np.quantile(given, [0.02, 0.5, 0.98]) if len(given) else np.zeros(0)
    text = shown or (lambda value: f"{value:.4g}")
    ticks = tuple((float(value), text(float(value))) for value in np.unique(ends))
    return Colors(title, "numbers", np.asarray(numbers, dtype=np.float64), ticks=ticks)


def color_by_cluster(cluster: np.ndarray, clusters: Sequence[Cluster]) -> Colors:
    """Colours for clusters, and one for points in none."""
    names = [item.name for item in clusters]
    values = np.asarray(cluster, dtype=np.int64)
    if (values < 0).any():
        values = np.where(values < 0, len(names), values)
        names.append(NO_CLUSTER)
    return Colors("cluster", "groups", values, tuple(names))


def color_by_feature(name: str, features: np.ndarray) -> Colors:
    """Colours for an audio feature, of all of them ``(N, F)``."""
    column = [aspect.name for aspect in ASPECTS].index(name)
    return color_by_numbers(name, features[:, column], ASPECTS[column].shown)


def _numbers(values: Sequence[Any]) -> np.ndarray | None:
    try:
        return np.array(
            [np.nan if value in (None, "") or isinstance(value, bool) else float(value) for value in values]
        )
    except (TypeError, ValueError):
        return None


def _label(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
