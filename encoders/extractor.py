"""From a mixture's embedding and a query to the embedding of the one instrument that is asked for."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Extractor(nn.Module):
    """Three linear layers with leaky rectifiers on both vectors side by side (Yeh et al. 2025).

    Args:
        dim: size of the mixture's embedding, of the hidden layers, and of the result.
        query_dim: size of the query.
    """

    def __init__(self, dim: int, query_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim + query_dim, dim),
            nn.LeakyReLU(0.1),
            nn.Linear(dim, dim),
            nn.LeakyReLU(0.1),
            nn.Linear(dim, dim),
        )

    def forward(self, mixture: Tensor, query: Tensor) -> Tensor:
        """Embeddings of mixtures (B, D), of any length, and queries (B, Q) to (B, D) of unit length."""
        joined = torch.cat([F.normalize(mixture.float(), dim=-1), query.float()], dim=-1)
        return F.normalize(cast(Tensor, self.layers(joined)).float(), dim=-1)
