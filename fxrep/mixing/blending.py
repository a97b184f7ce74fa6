"""Between several styles: weighted means of embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fxrep.errors import ArgumentError
from fxrep.mixing.weights import check_weights


def blend_embeddings(embeddings: Sequence[Tensor] | Tensor, weights: Sequence[float] | None = None) -> Tensor:
    """The weighted mean of embeddings (D,), brought to unit length: (D,).

    What `Recordings.embedding` gives for several recordings is this, of the embeddings of each.

    Args:
        embeddings: one or more of one size.
        weights: one each, 0 or more; None: equal ones. (0.7, 0.3) is nearer to the first of two.

    Raises:
        ArgumentError: there are none, they differ in size, a weight is wrong, or they cancel each other.
    """
    listed = list(embeddings)
    if not listed or any(one.dim() != 1 or one.shape != listed[0].shape for one in listed):
        shapes = ", ".join(str(tuple(one.shape)) for one in listed)
        raise ArgumentError(f"embeddings of shapes {shapes or 'none'}: expected one or more of one size, (D,) each")
    shares = torch.tensor(check_weights(len(listed), weights)).to(listed[0])
    mean = (torch.stack(listed) * shares[:, None]).sum(0)
    if float(mean.norm()) < 1e-6:
        raise ArgumentError("these embeddings cancel each other at these weights: choose other weights")
    return F.normalize(mean, dim=-1)
