"""Gradients of effects that cannot be differentiated, from renders at settings a little to either side.

Both techniques work in normalised units, where every setting runs from 0 to 1, and never leave that range: at its ends
the difference becomes one-sided. What they estimate is the product of the incoming gradient with the Jacobian, the
vector that back-propagation asks for, so the Jacobian itself (a whole signal per setting) is never held.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch

from fxrep.effects.first_gradients import first_gradient_only

Scores = Callable[[torch.Tensor], torch.Tensor]
"""Maps positions (K, B, P) to the inner products (K, B) of the renders there with the incoming gradient."""


class GradientEstimate(ABC):
    """A technique that turns renders at neighbouring settings into a gradient.

    Args:
        step: distance to either side, in the normalised range of a setting; above 0 and at most 0.5.
    """

    def __init__(self, step: float) -> None:
        self.step = step

    @abstractmethod
    def __call__(self, scores: Scores, positions: torch.Tensor) -> torch.Tensor:
        """Return the gradient (B, P), float64, at the positions (B, P)."""

    def _both_sides(self, positions: torch.Tensor, direction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the positions a step up and down a direction, moved back into [0, 1]."""
        offset = self.step * direction
        return (positions + offset).clamp(0.0, 1.0), (positions - offset).clamp(0.0, 1.0)


class FiniteDifferences(GradientEstimate):
    """Central differences, one setting at a time: 2 P renders per item.

    The error falls with the square of the step until the rounding of the renders, divided by the step, takes over.
    """

    def __call__(self, scores: Scores, positions: torch.Tensor) -> torch.Tensor:
        """Return the gradient (B, P)."""
        count = positions.shape[1]
        directions = torch.eye(count, dtype=positions.dtype)[:, None, :].expand(-1, positions.shape[0], -1)
        above, below = self._both_sides(positions, directions)
        difference = scores(above) - scores(below)
        distance = (above - below).diagonal(dim1=0, dim2=2).T
        return (difference / distance).T


class SPSA(GradientEstimate):
    """Simultaneous perturbation stochastic approximation: 2 renders per item and sample, whatever P is.

    J. C. Spall, "Multivariate stochastic approximation using a simultaneous perturbation gradient approximation",
    IEEE Transactions on Automatic Control 1992. All settings of an item move at once, each up or down by the toss of a
    coin; items move independently. The estimate is unbiased up to the square of the step; its variance falls with the
    number of samples.

    Args:
        step: see `GradientEstimate`.
        samples: perturbations averaged per estimate.
        seed: of the coin. Every estimate tosses it anew: with one direction for all steps an optimiser could only ever
            move along a line.
    """

    def __init__(self, step: float, samples: int, seed: int) -> None:
        super().__init__(step)
        self.samples = samples
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, scores: Scores, positions: torch.Tensor) -> torch.Tensor:
        """Return the gradient (B, P)."""
        coin = torch.randint(2, (self.samples, *positions.shape), generator=self.generator)
        above, below = self._both_sides(positions, coin.to(positions.dtype) * 2.0 - 1.0)
        difference = scores(above) - scores(below)
        return (difference[..., None] / (above - below)).mean(0)


def with_estimated_gradient(
    audio: torch.Tensor,
    positions: torch.Tensor,
    output: torch.Tensor,
    estimate: Callable[[torch.Tensor], torch.Tensor] | None,
    straight_through: bool,
) -> torch.Tensor:
    """Return the output of an effect, attached to the graph of its inputs.

    Args:
        audio: (B, C, T), the input.
        positions: (B, P), the settings in [0, 1].
        output: (B, C', T), without a graph.
        estimate: maps the incoming gradient (B, C', T) to the gradient (B, P); None: no gradient for the settings.
        straight_through: pass the incoming gradient on to the audio, as if the effect were the identity. A mono input
            of a stereo output receives the sum. False: none.
    """
    attached: torch.Tensor = _Estimated.apply(audio, positions, output, estimate, straight_through)
    return attached


class _Estimated(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        audio: torch.Tensor,
        positions: torch.Tensor,
        output: torch.Tensor,
        estimate: Callable[[torch.Tensor], torch.Tensor] | None,
        straight_through: bool,
    ) -> torch.Tensor:
        ctx.estimate, ctx.straight_through = estimate, straight_through
        ctx.channels, ctx.positions = audio.shape[1], (positions.dtype, positions.device)
        return output.view_as(output)

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, incoming: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        to_audio, to_positions = None, None
        if ctx.needs_input_grad[0] and ctx.straight_through:
            to_audio = incoming if incoming.shape[1] == ctx.channels else incoming.sum(1, keepdim=True)
        if ctx.needs_input_grad[1] and ctx.estimate is not None:
            dtype, device = ctx.positions
            to_positions = ctx.estimate(incoming).to(device=device, dtype=dtype)
        return to_audio, to_positions, None, None, None
