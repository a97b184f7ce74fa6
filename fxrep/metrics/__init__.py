"""Measures: retrieval, and the classic audio features that an embedding is compared with."""

from __future__ import annotations

from fxrep.metrics.bootstrap import bootstrap_interval, bootstrap_statistic
from fxrep.metrics.features import (
    FEATURES,
    create_features,
    log_mel_statistics,
    mfcc_statistics,
    production_features,
    standardize,
    standardized_similarity,
)
from fxrep.metrics.retrieval import ranks, recall_at, summarize_ranks

__all__ = [
    "FEATURES",
    "bootstrap_interval",
    "bootstrap_statistic",
    "create_features",
    "log_mel_statistics",
    "mfcc_statistics",
    "production_features",
    "ranks",
    "recall_at",
    "standardize",
    "standardized_similarity",
    "summarize_ranks",
]
