"""Measures: retrieval, and the classic audio features that an embedding is compared with."""

from __future__ import annotations

from fxrep.metrics.features import (
    FEATURES,
    create_features,
    log_mel_statistics,
    mfcc_statistics,
    production_features,
    standardized_similarity,
)
from fxrep.metrics.retrieval import bootstrap_interval, ranks, recall_at, summarize_ranks

__all__ = [
    "FEATURES",
    "bootstrap_interval",
    "create_features",
    "log_mel_statistics",
    "mfcc_statistics",
    "production_features",
    "ranks",
    "recall_at",
    "standardized_similarity",
    "summarize_ranks",
]
