"""Numbers that tell a healthy run from a stuck or collapsed one. All take unit-length embeddings (B, D)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fxrep.errors import ArgumentError


def alignment(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared distance of positive pairs, 0 (equal) to 4 (Wang and Isola, ICML 2020, with alpha = 2)."""
    return (a - b).square().sum(dim=-1).mean()


def uniformity(embeddings: Tensor) -> Tensor:
    """Log of the mean of exp(-2 |x - y|²) over all pairs, 0 (collapsed) to about -4 (Wang and Isola, ICML 2020)."""
    if len(embeddings) < 2:
        raise ArgumentError("uniformity needs two embeddings or more")
    squared: Tensor = torch.pdist(embeddings.float()).square()
    return torch.log(torch.exp(-2.0 * squared).mean())


def spread(embeddings: Tensor) -> Tensor:
    """Collapse monitor: mean standard deviation per dimension times sqrt(D); 1 on the whole sphere, 0 when collapsed.

    A value that falls towards 0 says that all inputs get one embedding.
    """
    return embeddings.float().std(dim=0, correction=0).mean() * math.sqrt(embeddings.shape[-1])


def retrieval_at_1(queries: Tensor, candidates: Tensor) -> Tensor:
    """Share of queries (B, D) whose partner, row i of `candidates`, is more similar than every other row.

    A tie is a miss, so that a collapsed encoder scores 0; chance is 1 / B.
    """
    similarity = queries @ candidates.T
    own = similarity.diagonal().clone()
    similarity.fill_diagonal_(-torch.inf)
    return (own > similarity.amax(dim=1)).float().mean()
