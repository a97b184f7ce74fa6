"""Any loss of pytorch-metric-learning as an objective, named in a configuration by its `class_path`."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from encoders.objectives.objective import ContrastiveObjective


class MetricLearningObjective(ContrastiveObjective):
    """Calls a loss of pytorch-metric-learning with the pair's number as label.

    Args:
        loss: for example ``pytorch_metric_learning.losses.SupConLoss``. Its NTXentLoss equals `NTXentObjective` in
            value and gradient, but takes time and memory that grow with the cube of the batch.
        miner: optional miner, called with the same embeddings and labels.
    """

    def __init__(self, loss: nn.Module, miner: nn.Module | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Loss, a scalar, of embeddings a (B, D) and b (B, D)."""
        with torch.autocast(a.device.type, enabled=False):
            embeddings = torch.cat([a, b]).float()
            labels = torch.arange(len(a), device=a.device).repeat(2)
            mined = None if self.miner is None else self.miner(embeddings, labels)
            return cast(Tensor, self.loss(embeddings, labels, mined))
