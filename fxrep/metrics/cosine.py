"""Distance between single embeddings: what search ranks by, as a measure of one mix beside another."""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.errors import ArgumentError
from fxrep.losses.embedding import cosine_distance


def embedding_distance(estimate: Tensor, reference: Tensor) -> Tensor:
    """Cosine distance, 1 - cosine, of each pair of embeddings: 0 for one direction, 1 for right angles, 2 at most.

    In float64 where either is, else in float32; differentiable in both, on their device.

    Args:
        estimate: (D,) or (B, D), of any length above 0.
        reference: (D,), or (B, D) for one each; one may stand for all, (1, D) or (D,).

    Returns:
        A scalar for two single ones, else (B,).

    Raises:
        ArgumentError: shapes that do not go together, NaN, or an embedding without direction.
    """
    double = torch.float64 in (estimate.dtype, reference.dtype)
    first, second = (given.to(torch.float64 if double else torch.float32) for given in (estimate, reference))
    if (
        not {first.ndim, second.ndim} <= {1, 2}
        or first.shape[-1] != second.shape[-1]
        or (first.ndim == second.ndim == 2 and len(first) != len(second) and 1 not in (len(first), len(second)))
    ):
        raise ArgumentError(
            f"estimate {tuple(estimate.shape)} and reference {tuple(reference.shape)}: expected (D,) or (batch, D) of "
            "one encoder, as many of the one as of the other or a single one"
        )
    for name, vectors in (("estimate", first), ("reference", second)):
        length = vectors.detach().norm(dim=-1)
        if not bool(torch.isfinite(length).all()) or bool((length == 0.0).any()):
            raise ArgumentError(
                f"{name} holds NaN, infinite values or an embedding of length 0: check what was embedded"
            )
    return cosine_distance(first, second)
