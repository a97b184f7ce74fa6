"""The head between features and contrastive loss, used in training only."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ProjectionHead(nn.Module):
    """Two linear layers with a rectifier between: features (B, F) to (B, D) of unit length.

    Features taken before such a head keep more than the loss itself needs (Chen et al., SimCLR, ICML 2020,
    section 4.2), so a release does without it.

    Args:
        inputs: size of the features.
        hidden: size of the hidden layer.
        outputs: size of the projection.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    def forward(self, features: Tensor) -> Tensor:
        """Project features (B, F) to the unit sphere (B, D), in float32."""
        return F.normalize(self.layers(features).float(), dim=-1)
