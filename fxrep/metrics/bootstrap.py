"""Confidence intervals by the percentile bootstrap (Efron 1979), and of shares where it cannot give one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from torch import Tensor

from fxrep.errors import ArgumentError

Indices = NDArray[np.int64]


def bootstrap_interval(
    values: Sequence[float] | Tensor, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean (Efron 1979) of per-query or per-group values."""
    data = np.asarray(values, dtype=np.float64)
    return bootstrap_statistic(lambda chosen: data[chosen].mean(1), data.size, confidence, resamples, seed)


def share_interval(hits: Sequence[bool] | Tensor, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share: of right answers among queries, say.

    `bootstrap_interval`, except where all or none are right: every resample is then the same, and an interval without
    width would promise certainty even of two queries. There it is Wilson's score interval (1927).

    Args:
        hits: of each item, whether it counts.
        confidence: share of such intervals that hold the truth.
    """
    data = np.asarray(hits, dtype=bool)
    if data.size and data.all() == data.any():
        found = binomtest(int(data.sum()), data.size).proportion_ci(confidence, method="wilson")
        return float(found.low), float(found.high)
    return bootstrap_interval(data.astype(np.float64).tolist(), confidence)


def bootstrap_statistic(
    statistic: Callable[[Indices], NDArray[Any]],
    size: int,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of any statistic of `size` independent items.

    Args:
        statistic: indices (R, size) of items drawn with replacement to one value per row (R,).
        size: how many items there are.
        confidence: share of resamples within the interval.
        resamples: R.
        seed: of the drawing.
    """
    if size == 0:
        raise ArgumentError("values is empty: an interval needs at least one value")
    rng = np.random.default_rng(seed)
    found = statistic(rng.integers(0, size, (resamples, size)))
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail])
    return float(low), float(high)
