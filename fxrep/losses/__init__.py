"""What mixes are trained and searched by: production style, spectrograms, samples, distance of embeddings, and sums."""

from __future__ import annotations

from fxrep.losses.embedding import EmbeddingLoss, cosine_distance
from fxrep.losses.production_features import corrected_features, published_features
from fxrep.losses.production_style import CORRECTED_WEIGHTS, PUBLISHED_WEIGHTS, ProductionStyleLoss
from fxrep.losses.stft import StftLoss
from fxrep.losses.waveform import L1Loss, SiSdrLoss
from fxrep.losses.weighted_sum import WeightedSum

__all__ = [
    "CORRECTED_WEIGHTS",
    "PUBLISHED_WEIGHTS",
    "EmbeddingLoss",
    "L1Loss",
    "ProductionStyleLoss",
    "SiSdrLoss",
    "StftLoss",
    "WeightedSum",
    "corrected_features",
    "cosine_distance",
    "published_features",
]
