"""What mixes are trained and searched by: production style, multi-resolution STFT, distance of embeddings, and sums."""

from __future__ import annotations

from fxrep.losses.embedding import EmbeddingLoss, cosine_distance
from fxrep.losses.production_features import corrected_features, published_features
from fxrep.losses.production_style import CORRECTED_WEIGHTS, PUBLISHED_WEIGHTS, ProductionStyleLoss
from fxrep.losses.stft import StftLoss
from fxrep.losses.weighted_sum import WeightedSum

__all__ = [
    "CORRECTED_WEIGHTS",
    "PUBLISHED_WEIGHTS",
    "EmbeddingLoss",
    "ProductionStyleLoss",
    "StftLoss",
    "WeightedSum",
    "corrected_features",
    "cosine_distance",
    "published_features",
]
