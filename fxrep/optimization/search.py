"""What every search has in common: the best so far, when to stop, and what is handed back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

Values = Callable[[Tensor, int], Tensor]
"""Positions (R, K) in [0, 1] and the number of the step to what is minimised (R,); rows do not influence each other."""

Check = Callable[[Tensor], Tensor]
"""Positions (R, K) to what decides which of them are best (R,), the same at every step."""

LEAST_GAIN = 1e-3
"""Share by which the best value must fall to count as progress."""


@dataclass(frozen=True)
class Search:
    """When a search looks around and when it stops.

    Attributes:
        check_every: steps from one check to the next, where there is a check.
        patience: checks (steps where there is none) without progress after which it stops; None: never.
        time_limit_s: seconds after which it stops; None: never.
        keep_on_interrupt: whether Ctrl-C ends the search with the best so far, as long as there is one, instead of
            going on to whoever called.
    """

    check_every: int = 1
    patience: int | None = None
    time_limit_s: float | None = None
    keep_on_interrupt: bool = False


@dataclass
class Found:
    """What a search came to.

    Attributes:
        positions: (R, K) the best of every row.
        values: (R,) what they are worth; infinite where nothing finite was met.
        evaluations: positions whose value was asked for, checks included.
        stopped: why it ended: ``steps``, ``patience``, ``time`` or ``interrupt``.
        history: evaluations so far and the lowest value by then, at every check.
    """

    positions: Tensor
    values: Tensor
    evaluations: int = 0
    stopped: str = "steps"
    history: list[tuple[int, float]] = field(default_factory=list)

    @property
    def best(self) -> Tensor:
        """(K,) the best row."""
        return self.positions[int(self.values.argmin())]

    @property
    def value(self) -> float:
        """The value of the best row."""
        return float(self.values.min())


class Watch:
    """Keeps the best of every row and tells when to stop.

    Args:
        search: when that is.
        starts: (R, K).
    """

    def __init__(self, search: Search, starts: Tensor) -> None:
        self.search = search
        worst = torch.full((len(starts),), math.inf, dtype=torch.float64)
        self.found = Found(starts.detach().clone(), worst)
        self.began, self.idle, self.lowest = time.monotonic(), 0, math.inf

    def keep(self, values: Tensor, positions: Tensor) -> None:
        """Take note of values (R,) and the positions (R, K) that they belong to; NaN is never the best."""
        values = values.detach().double().cpu()
        better = values < self.found.values
        self.found.values[better] = values[better]
        self.found.positions[better] = positions.detach()[better]
        self.note()

    def note(self) -> None:
        """Take note of how far the search has come."""
        value = self.found.value
        progress = value < self.lowest - LEAST_GAIN * abs(self.lowest) if math.isfinite(self.lowest) else True
        self.lowest, self.idle = (value, 0) if progress else (self.lowest, self.idle + 1)
        self.found.history.append((self.found.evaluations, value))

    def over(self) -> bool:
        """Whether to stop now."""
        search = self.search
        if search.time_limit_s is not None and time.monotonic() - self.began >= search.time_limit_s:
            self.found.stopped = "time"
        elif search.patience is not None and self.idle >= search.patience:
            self.found.stopped = "patience"
        return self.found.stopped != "steps"

    def interrupted(self) -> bool:
        """Whether Ctrl-C may end the search with what was found."""
        self.found.stopped = "interrupt"
        return self.search.keep_on_interrupt and math.isfinite(self.found.value)
