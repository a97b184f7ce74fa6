"""NT-Xent, the normalised temperature-scaled cross-entropy, at the cost of one dense matrix.

K. Sohn, NIPS 2016; T. Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (SimCLR),
ICML 2020, equation 1. Koo et al. (2023) and the effect encoders after it use this form.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.objectives.objective import ContrastiveObjective, check_pairs
from fxrep.errors import ArgumentError


def nt_xent(a: Tensor, b: Tensor, temperature: float = 0.1) -> Tensor:
    """Mean over all 2B items of -log(exp(s_ij / t) / sum over k != i of exp(s_ik / t)), j the partner of i.

    s is the cosine similarity. Time and memory grow with (2B)²: one product and one cross-entropy. Computed in
    float32 or wider whatever the inputs, because exp(s / t) leaves the range of half precision.

    Args:
        a: embeddings (B, D), of any length.
        b: embeddings (B, D); row i is the partner of row i of `a`.
        temperature: t, above 0.

    Returns:
        a scalar; `chance_loss(B)` for embeddings that tell nothing.

    Raises:
        ArgumentError: the shapes differ, or the batch is empty.
    """
    check_pairs(a, b)
    with torch.autocast(a.device.type, enabled=False):
        joined = torch.cat([a, b])
        joined = joined if joined.dtype == torch.float64 else joined.float()
        unit = F.normalize(joined, dim=-1)
        # Dividing before the product and masking in place leaves the matrix itself as the only large tensor.
        logits = (unit / temperature) @ unit.T
        count = len(a)
        logits.diagonal().fill_(-math.inf)
        partners = torch.arange(2 * count, device=a.device).roll(count)
        return F.cross_entropy(logits, partners)


def chance_loss(pairs: int) -> float:
    """NT-Xent of embeddings that are all alike, log(2B - 1) for B pairs: what a loss is to be read against."""
    return math.log(2 * pairs - 1)


class NTXentObjective(ContrastiveObjective):
    """`nt_xent` as a module.

    Args:
        temperature: divisor of the cosine similarities; 0.1 in the published effect encoders.
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        if not 0.0 < temperature < math.inf:
            raise ArgumentError(f"temperature={temperature}: expected a finite value above 0")
        self.temperature = temperature

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Loss, a scalar, of embeddings a (B, D) and b (B, D)."""
        return nt_xent(a, b, self.temperature)
