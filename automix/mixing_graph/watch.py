"""What a search has come to, kept beside it, so that Ctrl-C ends the search and does not lose it."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field

from automix.mixing_graph.state import GraphState

log = logging.getLogger("automix.mixing_graph")


@dataclass
class Watch:
    """The best state so far, and how the search came there.

    Attributes:
        state: None until there is anything better than the sum of the tracks.
        loss: of it, over the whole window.
        losses: after each family that has been fitted; ``sum`` is that of the dry tracks.
        counts: how many processors there were before and after each round of pruning.
        stage: what the search is at: a family, or a round of pruning.
    """

    state: GraphState | None = None
    loss: float = math.inf
    losses: dict[str, float] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    stage: str = ""

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
