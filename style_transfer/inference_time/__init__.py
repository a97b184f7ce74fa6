"""Inference-time optimisation: settings are searched for the song at hand, and nothing is trained."""

from __future__ import annotations

from style_transfer.inference_time.chain_match import ChainMatch, match_chain
from style_transfer.inference_time.inference_time import Estimate, InferenceTime
from style_transfer.inference_time.objective import ObjectiveWeights, StyleObjective
from style_transfer.inference_time.options import SearchOptions
from style_transfer.inference_time.single import master, match_stem

__all__ = [
    "ChainMatch",
    "Estimate",
    "InferenceTime",
    "ObjectiveWeights",
    "SearchOptions",
    "StyleObjective",
    "master",
    "match_chain",
    "match_stem",
]
