"""Running a search and choosing what to answer."""

from __future__ import annotations

import logging
import math
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


def run_search(search: MixSearch, starts: Tensor, plan: Descent | Evolution, label: str) -> Outcome:
    """Search, tidy up, and fall back on what was given where nothing better was found.

    Args:
        search: what to search.
        starts: (R, K).
        plan: how.
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
    best, value = _tidy(search, found)
    if not value < before:
        best, value = base, before
    logger.info("%s: %.4f to %.4f in %d renders (%s)", label, before, value, found.evaluations, found.stopped)
    return Outcome(best, before, value, found)


@torch.no_grad()
def _tidy(search: MixSearch, found: Found) -> tuple[Tensor, float]:
    """Put back what went nowhere, and what only waited, where that costs next to nothing."""
    best, value, space = found.best, found.value, search.space
    for least in LEAST_MOVES:
        tidied = torch.where((best - space.anchor).abs() < least * space.scale, space.anchor, best)
        worth = float(search.check(tidied[None])[0])
        if worth <= value * WORSE:
            best, value = tidied, worth
            break
    settled = space.settle(best)
    worth = float(search.check(settled[None])[0])
    return (settled, worth) if worth <= value * WORSE else (best, value)
