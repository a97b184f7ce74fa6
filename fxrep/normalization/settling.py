"""Steps repeated until another round would bring a track no nearer to its targets.

Every step changes a little of what the others measure: a compression changes the spectrum, a filter the onsets. So
each step is asked again after a change of another. Some features of some tracks pull against each other without end;
so a round counts only if it brings the track nearer to all its targets together, and is undone otherwise. Whether it
does depends on nothing but the audio it starts from: a second normalisation begins with the very round that the first
one undid, undoes it, too, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from fxrep.audio import SILENCE_LUFS
from fxrep.normalization.loudness import loudness_of
from fxrep.normalization.sources import Source, TensorSource

if TYPE_CHECKING:
    from fxrep.normalization.step import Feature, NormalizationStep

ROUNDS = 8
"""Tracks that still come nearer after so many are left as they are."""

WORTH = 0.25
"""A round that brings a track nearer by less is undone, in just noticeable units (see `NormalizationStep.scale`)."""


def settle(
    source: Source,
    steps: Sequence[NormalizationStep],
    targets_of: Callable[[NormalizationStep], Feature | None],
    instruments: Sequence[str],
) -> Source:
    """Apply the steps in their order, in rounds, while that brings the tracks nearer to their targets.

    A step that sets nothing but the level comes last: it concerns no other step.

    Args:
        source: B tracks.
        steps: in the order to apply; one may come twice.
        targets_of: the targets (B, D) of a step, or None when it is to be passed over.
        instruments: canonical name of each track.
    """
    given = [(step, targets) for step in steps if (targets := targets_of(step)) is not None]
    repeated = [(step, targets) for step, targets in given if not step.only_level]
    left: Feature | None = None
    for _ in range(ROUNDS):
        after = _applied(source, repeated, instruments)
        if after is source:
            break
        left = _distances(source, repeated, instruments) if left is None else left
        left_after = _distances(after, repeated, instruments)
        nearer = left_after <= left - WORTH
        if nearer.any():
            # What has become silent is at no distance, but nothing could give it its level back.
            nearer &= loudness_of(after) > SILENCE_LUFS
        source.known.clear()
        source, left = _chosen(after, source, nearer), np.where(nearer, left_after, left)
        if not nearer.any():
            break
    source.known.clear()
    return _applied(source, [(step, targets) for step, targets in dict(given).items() if step.only_level], instruments)


def _applied(source: Source, steps: Sequence[tuple[NormalizationStep, Feature]], instruments: Sequence[str]) -> Source:
    """One step after the other; the source itself when none has anything to do."""
    for step, targets in steps:
        change = step.plan(source, targets, instruments)
        source = source if change is None else source.changed(change)
    return source


def _distances(
    source: Source, steps: Sequence[tuple[NormalizationStep, Feature]], instruments: Sequence[str]
) -> Feature:
    """(B,) how far the tracks are from all their targets together, in just noticeable units."""
    total = np.zeros(source.items)
    for step, targets in dict(steps).items():
        features = step.measure_source(source, instruments)
        for item, (feature, target) in enumerate(zip(features, targets, strict=True)):
            # What is silent or has no average is at no distance.
            if np.isfinite(feature - target).any():
                total[item] += step.shortfall(feature, target) / step.scale
    return total


def _chosen(after: Source, before: Source, nearer: np.ndarray) -> Source:
    """Every track as it is after the round, or as it was before."""
    if nearer.all():
        return after
    if not nearer.any():
        return before
    # Tracks of a batch are in memory.
    assert isinstance(after, TensorSource) and isinstance(before, TensorSource)
    taken = torch.from_numpy(nearer).to(after.device).reshape(-1, 1, 1)
    return TensorSource(torch.where(taken, after.audio, before.audio), after.sample_rate)
