"""How a search for settings goes about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.optimization import Descent, Evolution
from style_transfer.inference_time.objective import ObjectiveWeights

SEARCHES = ("auto", "gradient", "evolution")

EVALUATIONS_PER_STEP = 4
"""Renders without gradient that take as long as a step with one."""

EPSILON = 1e-3
"""Of Adam. Gradients of settings that matter are 0.01 to 2; noise must not become a step."""


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Args:
        search: ``gradient`` (Adam), ``evolution`` (CMA-ES); ``auto``: by gradient where all that is set has one.
        steps: of the descent.
        starts: how many at once: the first from the given or the neutral settings, the others from random ones around.
        rate: of the first step of the descent, in positions (0 to 1): 0.1 is 4 dB.
        spread: of the random starts and of the first generation of CMA-ES, in positions.
        evaluations: renders that CMA-ES may make. None: as many as take the time of the descent.
        check_every: steps from one look at the windows that decide what is best to the next.
        patience: such looks without progress after which the search stops early; None: never.
        time_limit_s: seconds after which it stops; None: never.
        weights: of what is minimised.

    Raises:
        ArgumentError: a number is out of range, or there is no such search.
    """

    search: Literal["auto", "gradient", "evolution"] = "auto"
    steps: int = 60
    starts: int = 1
    rate: float = 0.1
    spread: float = 0.1
    evaluations: int | None = None
    check_every: int = 5
    patience: int | None = 6
    time_limit_s: float | None = None
    weights: ObjectiveWeights = field(default_factory=ObjectiveWeights)

    @classmethod
    def named(cls, options: Mapping[str, Any]) -> SearchOptions:
        """Options by their names.

        Raises:
            ArgumentError: a name is unknown, or a number is out of range.
        """
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in options if name not in known]:
            raise ArgumentError(f"inference_time has no option {unknown[0]!r}: choose from {', '.join(known)}")
        return cls(**options)

    def __post_init__(self) -> None:
        if self.search not in SEARCHES:
            raise ArgumentError(f"search is {self.search!r}: choose from {', '.join(SEARCHES)}")
        for name, least in {"steps": 1, "starts": 1, "check_every": 1, "evaluations": 1, "patience": 1}.items():
            value = getattr(self, name)
            if value is None and name in ("evaluations", "patience"):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ArgumentError(f"{name} is {value!r}: expected a whole number of {least} or more")
        for name in ("rate", "spread"):
            value = getattr(self, name)
            if not is_number(value) or not 0.0 < value <= 1.0:
                raise ArgumentError(f"{name} is {value!r}: expected a share of a range, above 0 and at most 1")
        limit = self.time_limit_s
        if limit is not None and not (is_number(limit) and limit > 0.0):
            raise ArgumentError(f"time_limit_s is {limit!r}: expected seconds above 0, or None")
        if not isinstance(self.weights, ObjectiveWeights):
            raise ArgumentError(f"weights are {type(self.weights).__name__}: expected ObjectiveWeights")

    def plan(self, without_gradient: list[str], seed: int) -> Descent | Evolution:
        """The search itself.

        Args:
            without_gradient: labels of what has no gradient.
            seed: of CMA-ES.

        Raises:
            ArgumentError: a search by gradient was asked for, and something has none.
        """
        if self.search == "gradient" and without_gradient:
            raise ArgumentError(
                f'{", ".join(without_gradient)}: no gradient; search="evolution" or "auto" does without'
            )
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
            raise ArgumentError(f"seed is {seed!r}: expected a whole number from 0 to {2**32 - 1}")
        if self.search == "gradient" or (self.search == "auto" and not without_gradient):
            return Descent(
                check_every=self.check_every,
                patience=self.patience,
                time_limit_s=self.time_limit_s,
                keep_on_interrupt=True,
                steps=self.steps,
                rate=self.rate,
                epsilon=EPSILON,
            )
        evaluations = self.evaluations or EVALUATIONS_PER_STEP * self.steps * self.starts
        return Evolution(
            time_limit_s=self.time_limit_s,
            keep_on_interrupt=True,
            evaluations=evaluations,
            spread=self.spread,
            seed=seed,
        )
