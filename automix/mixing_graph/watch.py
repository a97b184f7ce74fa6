"""What a search has come to, kept beside it, so that neither Ctrl-C nor a kill loses it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from automix.mixing_graph.state import GraphState

log = logging.getLogger("automix.mixing_graph")


@dataclass(frozen=True)
class Reached:
    """Where a search goes on: what the last family or the last round of pruning has left.

    Attributes:
        state: of the console.
        loss: of it, over the whole window.
        least: the lowest loss so far, which the tolerance of pruning is counted from.
    """

    state: GraphState
    loss: float
    least: float


@dataclass
class Watch:
    """The best state so far, and how the search came there.

    Attributes:
        state: None until there is anything better than the sum of the tracks.
        loss: of it, over the whole window.
        losses: after each family that has been fitted; ``sum`` is that of the dry tracks.
        counts: how many processors there were before and after each round of pruning.
        stage: what the search is at: a family, or a round of pruning.
        reached: after the last family or round; None before the first.
        save: called after each of them.
    """

    state: GraphState | None = None
    loss: float = math.inf
    losses: dict[str, float] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    stage: str = ""
    reached: Reached | None = None
    save: Callable[[Watch], None] | None = None

    def offer(self, state: GraphState, loss: float) -> None:
        """Keep a state if it is better than the best so far."""
        if loss < min(self.loss, self.losses.get("sum", math.inf)):
            self.state, self.loss = state, loss

    def replace(self, state: GraphState, loss: float) -> None:
        """Keep a state though its loss may be higher: it has fewer processors."""
        self.state, self.loss = state, loss

    def fitted(self, family: str, loss: float) -> None:
        """Take note of the loss after a family."""
        if family != "sum":
            log.info("%s: the loss went from %.3f to %.3f", family, list(self.losses.values())[-1], loss)
        self.losses[family] = loss

    def pruned(self, kept: int, loss: float) -> None:
        """Take note of how many processors a round of pruning has left, and of the loss; the first time, before any."""
        if self.counts:
            log.info("%s: %d of %d processors are left, the loss is %.3f", self.stage, kept, self.counts[0], loss)
        self.counts.append(kept)

    def reach(self, state: GraphState, loss: float, least: float) -> None:
        """Take note of where a search would go on."""
        self.reached = Reached(state.clone(), loss, least)
        if self.save is not None:
            self.save(self)
