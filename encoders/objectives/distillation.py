"""Teaching one embedding what another, fixed one is."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.objectives.objective import ContrastiveObjective, check_pairs
from fxrep.errors import ArgumentError


class DistillationObjective(ContrastiveObjective):
    """Row i of `a` is to be row i of `b`: near it, and nearer to it than to all other rows, on either side.

    The symmetric cross-entropy of CLIP (Radford et al. 2021), in which rows of one side do not repel one another, plus
    the cosine distance of the partners, which says where to go when all rows are still far away.

    Args:
        temperature: divisor of the cosine similarities.
        distance_weight: of the cosine distance.
    """

    def __init__(self, temperature: float = 0.1, distance_weight: float = 1.0) -> None:
        super().__init__()
        if not (0.0 < temperature < math.inf and 0.0 <= distance_weight < math.inf):
            raise ArgumentError(
                f"temperature={temperature}, distance_weight={distance_weight}: expected a finite value above 0 and "
                "one of 0 or more"
            )
        self.temperature, self.distance_weight = temperature, distance_weight

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Loss, a scalar, of embeddings a (B, D) and b (B, D)."""
        check_pairs(a, b)
        with torch.autocast(a.device.type, enabled=False):
            cosines = F.normalize(a.float(), dim=-1) @ F.normalize(b.float(), dim=-1).T
            partners = torch.arange(len(a), device=a.device)
            logits = cosines / self.temperature
            told_apart = F.cross_entropy(logits, partners) + F.cross_entropy(logits.T, partners)
            return told_apart / 2.0 + self.distance_weight * (1.0 - cosines.diagonal().mean())
