"""Steps repeated until none of them has anything left to do.

Every step changes a little of what the others measure: a compression changes the spectrum, a filter the onsets, and a
filter its own measure where slopes are steep. So each step is asked again after a change, and leaves alone what is
within its tolerance. A track that has settled like this stays as it is when it is normalised again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fxrep.normalization.sources import Source

if TYPE_CHECKING:
    from fxrep.normalization.step import Feature, NormalizationStep

ROUNDS = 8
"""What has not settled after so many is left as it is: some features of some tracks pull against each other."""


def settle(
    source: Source,
    steps: Sequence[NormalizationStep],
    targets_of: Callable[[NormalizationStep], Feature | None],
    instruments: Sequence[str],
) -> Source:
    """Apply the steps in their order, and again those that a change has touched, at most `ROUNDS` times.

    Args:
        source: B tracks.
        steps: in the order to apply; one may come twice.
        targets_of: the targets (B, D) of a step, or None when it is to be passed over.
        instruments: canonical name of each track.
    """
    given = [(step, targets) for step in steps if (targets := targets_of(step)) is not None]
    untouched: set[NormalizationStep] = set()

    def run(step: NormalizationStep, targets: Feature, source: Source) -> Source:
        untouched.add(step)
        change = step.plan(source, targets, instruments)
        if change is None:
            return source
        if not step.only_level:
            untouched.clear()
        return source.changed(change)

    for step, targets in given:
        source = run(step, targets, source)
    # A level concerns no other step, so it is set once more when all else has settled.
    repeated = dict(given)
    for _ in range(ROUNDS - 1):
        for step, targets in repeated.items():
            if not step.only_level and step not in untouched:
                source = run(step, targets, source)
    for step, targets in repeated.items():
        if step.only_level and step not in untouched:
            source = run(step, targets, source)
    return source
