"""Running a search and choosing what to answer."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fxrep.errors import FxrepError
from fxrep.optimization import Descent, Evolution, Found
from style_transfer.inference_time.mix_search import MixSearch

logger = logging.getLogger(__name__)

WORSE = 1.02
"""How much worse settings may be that are tidied up."""

LEAST_MOVES = (0.1, 0.05, 0.025, 0.0125)
"""How far a setting must have gone to stay there, in the steps of a search; the first that costs next to nothing."""


@dataclass(frozen=True)
class Outcome:
    """What a search came to.

    Attributes:
        positions: (K,) the answer.
        before: what was minimised, at the settings the search was given, on the windows that decide.
        after: the same at the answer; never higher.
        found: all the rows of the search.
    """

    positions: Tensor
    before: float
    after: float
    found: Found


def run_search(
    search: MixSearch, starts: Tensor, plan: Descent | Evolution, tidy: Callable[[Tensor, float], Tensor], label: str
) -> Outcome:
    """Search, tidy up, and fall back on what was given where nothing better was found.

    Args:
        search: what to search.
        starts: (R, K).
        plan: how.
        tidy: puts back those of positions (K,) that went less far than a number.
        label: of the progress bar.

    Raises:
        FxrepError: nothing finite was met.
    """
    base = search.space.base
    before = float(search.check(base[None])[0])
    if not len(base):
        return Outcome(base, before, before, Found(base[None], torch.tensor([before])))
    found = search.run(starts, plan, label)
    if not math.isfinite(min(found.value, before)):
        raise FxrepError("no settings were found whose mix can be measured: the tracks or the encoder give NaN")
    best, value = found.best, found.value
    for least in LEAST_MOVES:
        tidied = tidy(best, least)
        tidy_value = float(search.check(tidied[None])[0])
        if tidy_value <= value * WORSE:
            best, value = tidied, tidy_value
            break
    if not value < before:
        best, value = base, before
    logger.info("%s: %.4f to %.4f in %d renders (%s)", label, before, value, found.evaluations, found.stopped)
    return Outcome(best, before, value, found)
