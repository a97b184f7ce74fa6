"""The benchmark of encoders: retrieval, ranking, matching of settings, blind spots and probes, beside baselines."""

from __future__ import annotations

from encoders.evaluation.blind_spots import BlindSpotProtocol, blind_spot_benchmark
from encoders.evaluation.chains import EVALUATION_CHAINS, evaluation_chain
from encoders.evaluation.matching import matching_benchmark
from encoders.evaluation.matching_protocol import MatchingProtocol
from encoders.evaluation.media import MEDIA
from encoders.evaluation.objectives import BASELINE_OBJECTIVES, encoder_objective
from encoders.evaluation.probe import probe_benchmark
from encoders.evaluation.probe_protocol import ProbeProtocol
from encoders.evaluation.protocol import LARGEST_SEED
from encoders.evaluation.ranking import ranking_benchmark
from encoders.evaluation.ranking_protocol import RankingProtocol
from encoders.evaluation.retrieval import retrieval_benchmark, retrieval_one_by_one
from encoders.evaluation.retrieval_protocol import MOST_CANDIDATES, RetrievalProtocol
from encoders.evaluation.systems import System, baseline_systems, encoder_system, takes_queries, unit_vectors

__all__ = [
    "BASELINE_OBJECTIVES",
    "EVALUATION_CHAINS",
    "LARGEST_SEED",
    "MEDIA",
    "MOST_CANDIDATES",
    "BlindSpotProtocol",
    "MatchingProtocol",
    "ProbeProtocol",
    "RankingProtocol",
    "RetrievalProtocol",
    "System",
    "baseline_systems",
    "blind_spot_benchmark",
    "encoder_objective",
    "encoder_system",
    "evaluation_chain",
    "matching_benchmark",
    "probe_benchmark",
    "ranking_benchmark",
    "retrieval_benchmark",
    "retrieval_one_by_one",
    "takes_queries",
    "unit_vectors",
]
