"""What the trainer asks of an objective."""

from __future__ import annotations

from torch import Tensor, nn

from fxrep.errors import ArgumentError


class ContrastiveObjective(nn.Module):
    """Base of the objectives: row i of `a` and row i of `b` underwent the same effects, all other rows did not."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Loss, a scalar, of embeddings a (B, D) and b (B, D) on every process's items joined."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(a, b)")


def check_pairs(a: Tensor, b: Tensor) -> None:
    """Refuse what are no pairs.

    Raises:
        ArgumentError: the shapes differ, or the batch is empty.
    """
    if a.dim() != 2 or a.shape != b.shape or a.shape[0] == 0:
        raise ArgumentError(f"embeddings of shapes {tuple(a.shape)} and {tuple(b.shape)}: expected two equal (B, D)")
