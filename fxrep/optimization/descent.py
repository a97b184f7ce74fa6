"""Adam between 0 and 1, from several starts at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from fxrep.optimization.search import Check, Found, Search, Values, Watch
from fxrep.progress import track_progress

Slopes = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""Positions (R, K) and the number of the step to values (R,) and their gradients (R, K)."""


@dataclass(frozen=True)
class Descent(Search):
    """How positions descend: Adam, its rate falling to zero along a half cosine, brought back into [0, 1] at each step.

    A position that a setting cannot leave is no dead end here, as it would be behind a sigmoid: many settings are
    neutral at an end of their range.

    Attributes:
        steps: of the descent.
        rate: of the first step, in positions (0 to 1).
        epsilon: gradients that are small beside it hardly move anything.
    """

    steps: int = 60
    rate: float = 0.05
    epsilon: float = 1e-8


def slopes_of(values: Values) -> Slopes:
    """Differentiate values by back-propagation."""

    def slopes(positions: Tensor, step: int) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            place = positions.detach().requires_grad_(True)
            found = values(place, step)
            (gradient,) = torch.autograd.grad(found.sum(), place)
        return found.detach(), gradient

    return slopes


def descend(
    slopes: Slopes,
    starts: Tensor,
    search: Descent,
    check: Check | None = None,
    scale: Tensor | None = None,
    label: str | None = None,
) -> Found:
    """Descend from every start; a row has no influence on the others.

    Args:
        slopes: of what is minimised.
        starts: (R, K) in [0, 1].
        search: how.
        check: what decides which positions are best; None: what is minimised itself, at every step.
        scale: (K,) factors on the rate of each position; None: 1.
        label: of the progress bar; None: there is none.

    Returns:
        The best positions of every row; the starts are among those that are considered.
    """
    watch = Watch(search, starts)
    steps = range(search.steps + 1)
    try:
        _descend(slopes, watch, search, check, scale, track_progress(steps, label) if label else steps)
    except KeyboardInterrupt:
        if not watch.interrupted():
            raise
    return watch.found


def _descend(
    slopes: Slopes, watch: Watch, search: Descent, check: Check | None, scale: Tensor | None, steps: Iterable[int]
) -> None:
    scale = torch.ones_like(watch.found.positions[0]) if scale is None else scale.to(watch.found.positions)
    steered = (watch.found.positions / scale).requires_grad_(True)
    optimizer = torch.optim.Adam([steered], lr=search.rate, eps=search.epsilon)
    for step in steps:
        positions = (steered.detach() * scale).clamp(0.0, 1.0)
        if check is not None and (step % search.check_every == 0 or step == search.steps):
            watch.found.evaluations += len(positions)
            watch.keep(check(positions), positions)
        if check is not None and (step == search.steps or watch.over()):
            return
        watch.found.evaluations += len(positions)
        values, gradient = slopes(positions, step)
        if check is None:
            watch.keep(values, positions)
            if step == search.steps or watch.over():
                return
        optimizer.param_groups[0]["lr"] = search.rate * 0.5 * (1.0 + math.cos(math.pi * step / search.steps))
        # At the edge of what an effect allows there may be no slope; a position then stays.
        steered.grad = gradient.nan_to_num(0.0, 0.0, 0.0) * scale
        optimizer.step()
        with torch.no_grad():
            steered.copy_((steered * scale).clamp(0.0, 1.0) / scale)
