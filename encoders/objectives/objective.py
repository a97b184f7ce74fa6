"""What the trainer asks of an objective."""

from __future__ import annotations

from torch import Tensor, nn


class ContrastiveObjective(nn.Module):
    """Base of the objectives: row i of `a` and row i of `b` underwent the same effects, all other rows did not."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Loss, a scalar, of embeddings a (B, D) and b (B, D) on every process's items joined."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(a, b)")
