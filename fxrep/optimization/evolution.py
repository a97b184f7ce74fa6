"""CMA-ES between 0 and 1, for what has no gradient, with positions that only take some values among the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fxrep.optimization.search import Check, Found, Search, Values, Watch
from fxrep.progress import track_progress

LARGEST_FULL = 60
"""Positions up to which the whole covariance is learnt; above it only its diagonal, which needs fewer generations."""


@dataclass(frozen=True)
class Evolution(Search):
    """How positions evolve: CMA-ES (N. Hansen, "The CMA evolution strategy: a tutorial", arXiv 1604.00772).

    Attributes:
        evaluations: positions whose value may be asked for, checks included.
        spread: standard deviation of the first generation, in positions.
        population: of a generation; None: 4 + 3 ln K.
        seed: of all chance.
    """

    evaluations: int = 600
    spread: float = 0.1
    population: int | None = None
    seed: int = 0


def evolve(
    values: Values,
    starts: Tensor,
    search: Evolution,
    check: Check | None = None,
    scale: Tensor | None = None,
    options: Tensor | None = None,
    label: str | None = None,
) -> Found:
    """Evolve from the best start.

    Args:
        values: what is minimised; all positions of a generation are asked for at once, without gradient.
        starts: (R, K) in [0, 1]; their values are asked for first.
        search: how.
        check: what decides which positions are best; None: what is minimised itself.
        scale: (K,) factors on the spread of each position; None: 1.
        options: (K,) how many values a position can take, spread evenly from 0 to 1 and in no order; 0 for any. None:
            any, for all.
        label: of the progress bar; None: there is none.

    Returns:
        One row, R = 1. The starts are among those that are considered.
    """
    watch = Watch(search, starts[:1])
    try:
        with torch.no_grad():
            _evolve(values, starts, watch, search, check, scale, options, label)
    except KeyboardInterrupt:
        if not watch.interrupted():
            raise
    return watch.found


def _evolve(
    values: Values,
    starts: Tensor,
    watch: Watch,
    search: Evolution,
    check: Check | None,
    scale: Tensor | None,
    options: Tensor | None,
    label: str | None,
) -> None:
    judge = _Judge(watch, check)
    begun = judge(values(starts, 0) if check is None else check(starts), starts)
    scale = torch.ones_like(starts[0]) if scale is None else scale.to(starts)
    if not starts.shape[1]:
        return
    mixed = options is not None and bool((options > 0).any())
    candidates: _Numbers | _NumbersAndOptions = (
        _NumbersAndOptions(starts[begun], search, scale, options)  # type: ignore[arg-type]
        if mixed
        else _Numbers(starts[begun], search, scale)
    )
    strategy = candidates.strategy
    generations = max(0, search.evaluations - len(starts)) // strategy.population_size
    numbers = range(generations)
    for generation in track_progress(numbers, label) if label else numbers:
        asked = [candidates.ask() for _ in range(strategy.population_size)]
        positions = torch.from_numpy(np.stack([one for one, _ in asked])).to(starts).clamp(0.0, 1.0)
        found = values(positions, generation).detach().double().cpu()
        worth = found.nan_to_num(math.inf, math.inf)
        strategy.tell([(told, float(value)) for (_, told), value in zip(asked, worth, strict=True)])
        watch.found.evaluations += len(positions)
        if check is None:
            judge(found, positions, counted=True)
        elif generation % search.check_every == 0 or generation == generations - 1:
            best = positions[int(worth.argmin())][None]
            judge(check(best), best)
        if watch.over() or strategy.should_stop():
            return


class _Judge:
    """Hands the best of several positions to the watch."""

    def __init__(self, watch: Watch, check: Check | None) -> None:
        self.watch, self.check = watch, check

    def __call__(self, values: Tensor, positions: Tensor, counted: bool = False) -> int:
        best = int(values.double().nan_to_num(math.inf, math.inf).argmin())
        if not counted:
            self.watch.found.evaluations += len(positions)
        self.watch.keep(values[best][None], positions[best][None])
        return best


class _Numbers:
    """CMA-ES over positions that can take any value.

    Args:
        start: (K,) the mean of the first generation.
        search: how.
        scale: (K,) factors on the spread.
    """

    def __init__(self, start: Tensor, search: Evolution, scale: Tensor) -> None:
        from cmaes import CMA, SepCMA

        self.count, self.factors = len(start), scale.double().cpu().numpy()
        mean = start.double().cpu().numpy() / self.factors
        bounds = np.stack((np.zeros_like(mean), 1.0 / self.factors), 1)
        if self.count == 1:
            # The library wants two dimensions: the second one has no influence.
            mean, bounds = np.append(mean, 0.5), np.append(bounds, [[0.0, 1.0]], 0)
        kind: Any = CMA if self.count <= LARGEST_FULL else SepCMA
        self.strategy = kind(mean, search.spread, bounds, seed=search.seed, population_size=search.population)

    def ask(self) -> tuple[np.ndarray, Any]:
        """A candidate (K,), and what to tell the strategy about."""
        asked = self.strategy.ask()
        return asked[: self.count] * self.factors, asked


class _NumbersAndOptions:
    """CatCMA (R. Hamano et al., GECCO 2024): a normal distribution of the numbers, shares of the options.

    Args:
        start: (K,) the mean of the first generation; options begin with equal shares.
        search: how.
        scale: (K,) factors on the spread.
        options: (K,) how many values a position can take, 0 for any.
    """

    def __init__(self, start: Tensor, search: Evolution, scale: Tensor, options: Tensor) -> None:
        from cmaes import CatCMA

        counts, factors = options.cpu().numpy().astype(int), scale.double().cpu().numpy()
        self.free, self.counts = counts == 0, counts[counts > 0]
        self.factors = factors[self.free]
        # One number alone, or none, is not what the library was made for: two more have no influence.
        mean = np.append(start.double().cpu().numpy()[self.free] / self.factors, [0.5, 0.5])
        bounds = np.stack((np.zeros_like(mean), np.append(1.0 / self.factors, [1.0, 1.0])), 1)
        self.strategy: Any = CatCMA(
            mean,
            search.spread,
            self.counts,
            bounds=bounds,
            seed=search.seed,
            population_size=search.population,
        )

    def ask(self) -> tuple[np.ndarray, Any]:
        """A candidate (K,), and what to tell the strategy about."""
        asked = self.strategy.ask()
        positions = np.zeros(len(self.free))
        positions[self.free] = asked[0][: len(self.factors)] * self.factors
        positions[~self.free] = asked[1].argmax(1) / np.maximum(self.counts - 1, 1)
        return positions, asked
