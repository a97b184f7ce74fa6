"""Contrastive objectives: each takes two aligned sets of embeddings, a (B, D) and b (B, D), and gives a scalar."""

from __future__ import annotations

from encoders.objectives.distillation import DistillationObjective
from encoders.objectives.metric_learning import MetricLearningObjective
from encoders.objectives.nt_xent import NTXentObjective, chance_loss, nt_xent
from encoders.objectives.objective import ContrastiveObjective

__all__ = [
    "ContrastiveObjective",
    "DistillationObjective",
    "MetricLearningObjective",
    "NTXentObjective",
    "chance_loss",
    "nt_xent",
]
