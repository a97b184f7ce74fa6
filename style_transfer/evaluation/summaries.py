"""Means over mixes with intervals over songs: mixes of one song are not independent of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fxrep.metrics import bootstrap_statistic


def summarize(values: Sequence[float], songs: Sequence[str]) -> dict[str, Any] | None:
    """``value``, the mean of what is not NaN, and its ``interval``; None where nothing is left.

    The interval is of 95 %, by drawing whole songs (percentile bootstrap).
    """
    sums, counts = _by_song(values, songs)
    if not sums.size:
        return None
    low, high = bootstrap_statistic(lambda drawn: sums[drawn].sum(1) / counts[drawn].sum(1), sums.size)
    return {"value": float(sums.sum() / counts.sum()), "interval": [low, high]}


def share_below(values: Sequence[float], baseline: Sequence[float], songs: Sequence[str]) -> dict[str, Any]:
    """How far the mean lies below that of a baseline on the same mixes, as a share of it, and its interval.

    Returns:
        ``below``: 1 - mean / mean of the baseline, 0.5 being half of it, and ``below_interval``; nothing where the
        baseline is 0 or cannot be told on the same mixes.
    """
    if len(values) != len(baseline):
        return {}
    both = np.isfinite(values) & np.isfinite(baseline)
    kept = [song for song, keep in zip(songs, both, strict=True) if keep]
    sums, _ = _by_song(np.asarray(values)[both].tolist(), kept)
    base, _ = _by_song(np.asarray(baseline)[both].tolist(), kept)
    if not sums.size or base.min() <= 0.0:
        return {}
    low, high = bootstrap_statistic(lambda drawn: 1 - sums[drawn].sum(1) / base[drawn].sum(1), sums.size)
    return {"below": float(1 - sums.sum() / base.sum()), "below_interval": [low, high]}


def _by_song(values: Sequence[float], songs: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the values of each song."""
    finite = [(song, value) for song, value in zip(songs, values, strict=True) if np.isfinite(value)]
    names = sorted({song for song, _ in finite})
    sums = np.array([sum(value for song, value in finite if song == name) for name in names])
    counts = np.array([sum(1 for song, _ in finite if song == name) for name in names], dtype=np.float64)
    return sums, counts
