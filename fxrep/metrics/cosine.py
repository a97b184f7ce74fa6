"""Distance between single embeddings: what search ranks by, as a measure of one mix beside another."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from fxrep.errors import ArgumentError
from fxrep.losses.embedding import cosine_distance

VectorLike: TypeAlias = ArrayLike | Tensor
"""One embedding or a batch of them: a tensor on any device, an array or a list of numbers."""


def embedding_distance(estimate: VectorLike, reference: VectorLike) -> Tensor:
    """Cosine distance, 1 - cosine, of each pair of embeddings: 0 for one direction, 1 for right angles, 2 at most.

    In float64 where either is (lists of numbers are), else in float32; differentiable in tensors, on their device.

    Args:
        estimate: (D,) or (B, D), of any length above 0; tensors, arrays or lists of numbers.
        reference: (D,), or (B, D) for one each; one may stand for all, (1, D) or (D,).

    Returns:
        A scalar for two single ones, else (B,).

    Raises:
        ArgumentError: no numbers, shapes that do not go together, NaN, or an embedding without direction.
    """
    given = [_as_tensor(estimate, "estimate"), _as_tensor(reference, "reference")]
    # An array stands on no device of its own: it joins the tensor beside it.
    device = next((one.device for one in (estimate, reference) if isinstance(one, Tensor)), torch.device("cpu"))
    dtype = torch.float64 if torch.float64 in (given[0].dtype, given[1].dtype) else torch.float32
    first, second = (
        vectors.to(dtype) if isinstance(one, Tensor) else vectors.to(device, dtype)
        for vectors, one in zip(given, (estimate, reference), strict=True)
    )
    if (
        not {first.ndim, second.ndim} <= {1, 2}
        or first.shape[-1] != second.shape[-1]
        or (first.ndim == second.ndim == 2 and len(first) != len(second) and 1 not in (len(first), len(second)))
    ):
        raise ArgumentError(
            f"estimate {tuple(first.shape)} and reference {tuple(second.shape)}: expected (D,) or (batch, D) of "
            "one encoder, as many of the one as of the other or a single one"
        )
    return cosine_distance(_scale(first, "estimate"), _scale(second, "reference"))


def _as_tensor(vectors: VectorLike, name: str) -> Tensor:
    try:
        found = vectors if isinstance(vectors, Tensor) else torch.as_tensor(np.asarray(vectors))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(f"{name} cannot be read as numbers ({error}): give (D,) or (batch, D)") from error
    if found.is_complex() or found.dtype == torch.bool:
        raise ArgumentError(f"{name} holds {found.dtype}: give real numbers, (D,) or (batch, D)")
    return found


def _scale(vectors: Tensor, name: str) -> Tensor:
    """Bring the largest value of each embedding to 1, so that no square of tiny or huge ones is lost; checked."""
    largest = vectors.detach().abs().amax(dim=-1, keepdim=True) if vectors.shape[-1] else vectors.new_zeros(())
    if not bool(torch.isfinite(largest).all()) or bool((largest == 0.0).any()):
        raise ArgumentError(f"{name} holds NaN, infinite values or an embedding of length 0: check what was embedded")
    return vectors / largest
