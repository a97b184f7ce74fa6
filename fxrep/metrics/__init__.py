"""Measures: retrieval, distances of mixes and of sets, and the classic features that an embedding is compared with."""

from __future__ import annotations

from fxrep.metrics.bootstrap import bootstrap_interval, bootstrap_statistic, share_interval
from fxrep.metrics.cosine import embedding_distance
from fxrep.metrics.feature_errors import FAMILIES, feature_errors
from fxrep.metrics.features import (
    FEATURES,
    create_features,
    log_mel_statistics,
    mfcc_statistics,
    production_features,
    standardize,
    standardized_similarity,
)
from fxrep.metrics.frechet import (
    FrechetEstimate,
    frechet_at_infinity,
    frechet_distance,
    gaussian_frechet_distance,
)
from fxrep.metrics.kernels import (
    kernel_distance,
    kernel_interval,
    median_distance,
    polynomial_kernel,
    rbf_kernel,
)
from fxrep.metrics.report import mix_report
from fxrep.metrics.retrieval import ranks, recall_at, summarize_ranks
from fxrep.metrics.sample_size import SampleSizeCurve, jackknife_error, sample_size_curve
from fxrep.metrics.set_comparison import compare_sets
from fxrep.metrics.track_features import mix_features
from fxrep.metrics.vector_sets import VectorSet, in_reference_units

__all__ = [
    "FAMILIES",
    "FEATURES",
    "FrechetEstimate",
    "SampleSizeCurve",
    "VectorSet",
    "bootstrap_interval",
    "bootstrap_statistic",
    "compare_sets",
    "create_features",
    "embedding_distance",
    "feature_errors",
    "frechet_at_infinity",
    "frechet_distance",
    "gaussian_frechet_distance",
    "in_reference_units",
    "jackknife_error",
    "kernel_distance",
    "kernel_interval",
    "log_mel_statistics",
    "median_distance",
    "mfcc_statistics",
    "mix_features",
    "mix_report",
    "polynomial_kernel",
    "production_features",
    "ranks",
    "rbf_kernel",
    "recall_at",
    "sample_size_curve",
    "share_interval",
    "standardize",
    "standardized_similarity",
    "summarize_ranks",
]
