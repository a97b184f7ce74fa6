"""Retrieval measures from a matrix of similarities."""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.errors import ArgumentError


def ranks(similarity: Tensor, target: Tensor | None = None) -> Tensor:
    """Rank of the right candidate of every query, 1 is best; ties count half, so a constant embedding gains nothing.

    Args:
        similarity: (Q, N), higher is nearer.
        target: (Q,) index of the right candidate; query i wants candidate i by default.

    Returns:
        (Q,) ranks in [1, N], float64.
    """
    if similarity.ndim != 2:
        raise ArgumentError(f"similarity has shape {tuple(similarity.shape)}: expected (queries, candidates)")
    if not bool(torch.isfinite(similarity).all()):
        raise ArgumentError("similarity has NaN or infinite values: check the embeddings")
    queries = torch.arange(similarity.shape[0], device=similarity.device)
    target = queries if target is None else target
    right = similarity[queries, target][:, None]
    better = (similarity > right).sum(1)
    equal = (similarity == right).sum(1) - 1
    return 1.0 + better.double() + equal.double() / 2.0


def recall_at(ranks_of_right: Tensor, k: int) -> float:
    """Share of queries whose right candidate is among the first `k`."""
    return float((ranks_of_right <= k).double().mean())


def summarize_ranks(ranks_of_right: Tensor) -> dict[str, float]:
    """R@1, R@5, R@10, mAP@10 (one right candidate: mean reciprocal rank up to 10), mean and median rank."""
    reciprocal = torch.where(ranks_of_right <= 10, 1.0 / ranks_of_right, torch.zeros_like(ranks_of_right))
    return {
        "r@1": recall_at(ranks_of_right, 1),
        "r@5": recall_at(ranks_of_right, 5),
        "r@10": recall_at(ranks_of_right, 10),
        "map@10": float(reciprocal.mean()),
        "mean_rank": float(ranks_of_right.mean()),
        "median_rank": float(ranks_of_right.double().quantile(0.5)),
    }
