"""Taking processors out of a graph as long as the mix stays as near to its target as it is allowed to move away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from automix.mixing_graph.fitting import Fitting, descend
from automix.mixing_graph.problem import Problem
from automix.mixing_graph.rendering import Rendered
from automix.mixing_graph.state import GraphState
from automix.mixing_graph.watch import Watch
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.progress import progress_bar

Method = Literal["hybrid", "weight", "brute_force"]
METHODS: tuple[str, ...] = get_args(Method)

FIRST_SHARE = 0.3
"""Share of a family that a weight-based trial takes out at first; halved when it fails."""

FULL_EVERY = 4
"""In hybrid pruning every round of this number is by brute force, as published."""


@dataclass(frozen=True)
class Pruning:
    """How a graph is pruned.

    Attributes:
        tolerance: how much higher the loss may be than the lowest that was seen.
        method: ``brute_force`` tries every processor, in random order; ``weight`` those of the lowest weights of one
            family after another; ``hybrid`` is by weight, and by brute force in every fourth round.
        rounds: of pruning and going on with what is left.

    Raises:
        ArgumentError: a value is out of range.
    """

    tolerance: float = 0.01
    method: Method = "hybrid"
    rounds: int = 4

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ArgumentError(f"pruning is {self.method!r}: choose from {', '.join(METHODS)}")
        if not is_number(self.tolerance) or not self.tolerance >= 0.0:
            raise ArgumentError(f"tolerance is {self.tolerance!r}: expected a number, 0 or more")
        if isinstance(self.rounds, bool) or not isinstance(self.rounds, int) or self.rounds < 0:
            raise ArgumentError(f"rounds is {self.rounds!r}: expected a whole number from 0")


def prune(
    problem: Problem,
    state: GraphState,
    pruning: Pruning,
    fitting: Fitting,
    generator: torch.Generator,
    watch: Watch | None = None,
) -> tuple[GraphState, float, list[int]]:
    """Prune and fit what is left, round after round.

    A set of processors is taken out if the loss without them, and without fitting the others anew, is at most the
    lowest loss seen so far plus the tolerance (S. Lee et al., DAFx 2024). What comes out is therefore within the
    tolerance of the lowest loss.

    Args:
        problem: the song.
        state: fitted; left as it is.
        pruning: how.
        fitting: how to go on after each round.
        generator: of all that is drawn.
        watch: takes note of every state that is within the tolerance, and of the numbers as they come. Rounds that it
            has behind it are gone on with.

    Returns:
        The state, its loss over the whole window, and how many processors there were before and after each round.
    """
    watch = watch or Watch()
    if watch.counts and watch.reached is not None:
        state, loss, least = watch.reached.state.clone(), watch.reached.loss, watch.reached.least
    else:
        state, least = state.clone(), problem.measure(state)
        loss = least
        watch.pruned(int(state.kept.sum()), loss)
    for number in range(len(watch.counts), pruning.rounds + 1):
        watch.stage = f"round {number} of {pruning.rounds}"
        trial = _Trial(problem, state, least, pruning.tolerance, watch)
        full = pruning.method == "brute_force" or (pruning.method == "hybrid" and number % FULL_EVERY == 0)
        _try_each(trial, generator) if full else _try_lowest(trial, generator)
        trial.bar.close()
        state, loss, least = trial.state, trial.loss, trial.least
        if bool(state.kept.any()):
            label = f"fit {watch.stage}"
            state, loss = descend(problem, state, fitting, fitting.fine_steps, generator, label, loss, watch=watch)
        watch.pruned(int(state.kept.sum()), loss)
        least = min(least, loss)
        watch.reach(state, loss, least)
    return state, loss, watch.counts


class _Trial:
    """A state from which processors are taken out as long as its loss is within the tolerance of the lowest."""

    def __init__(self, problem: Problem, state: GraphState, least: float, tolerance: float, watch: Watch) -> None:
        self.problem, self.state, self.least, self.tolerance = problem, state.clone(), least, tolerance
        self.rendered: Rendered = problem.rendered()
        self.loss = float(problem.loss(self.rendered.set(self.state)))
        self.watch, self.bar = watch, progress_bar(None, f"prune, {watch.stage}")

    def remove(self, nodes: Tensor) -> bool:
        """Take out nodes (K, 2), pairs of strip and family; returns whether they stay out."""
        kept = self.state.kept.clone()
        kept[nodes[:, 0], nodes[:, 1]] = False
        mix, wet = self.rendered.without(self.state, kept)
        loss = float(self.problem.loss(mix))
        self.bar.update()
        if not loss <= self.least + self.tolerance:
            return False
        self.rendered.accept(kept, wet)
        self.state.kept, self.loss, self.least = kept, loss, min(self.least, loss)
        self.watch.replace(self.state.clone(), loss)
        self.bar.set_postfix(left=int(kept.sum()), loss=f"{loss:.3f}")
        return True


def _try_each(trial: _Trial, generator: torch.Generator) -> None:
    nodes = trial.state.kept.nonzero()
    for number in torch.randperm(len(nodes), generator=generator).tolist():
        trial.remove(nodes[number : number + 1])


def _try_lowest(trial: _Trial, generator: torch.Generator) -> None:
    shares = {int(family): FIRST_SHARE for family in trial.state.kept.any(0).nonzero()[:, 0]}
    while shares:
        family = _draw(shares, generator)
        rows = trial.state.kept[:, family].nonzero()[:, 0]
        count = max(1, round(shares[family] * len(rows)))
        lowest = rows[trial.state.weights[rows, family].argsort()[:count]]
        gone = trial.remove(torch.stack((lowest, torch.full_like(lowest, family)), 1))
        if (gone and count == len(rows)) or (not gone and count == 1):
            del shares[family]
        elif not gone:
            shares[family] /= 2.0


def _draw(shares: dict[int, float], generator: torch.Generator) -> int:
    return list(shares)[int(torch.randint(len(shares), (), generator=generator))]
