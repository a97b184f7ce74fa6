"""Settings whose gradient is steep and means nothing must not drown all others."""

from __future__ import annotations

from torch import Tensor

STEEPEST = 1.0
"""Largest slope of a loss of one mix over the whole range of a setting that is followed."""


def limit_gradient(positions: Tensor, steepest: float) -> Tensor:
    """The same positions, through which no gradient beyond ± `steepest` comes back.

    The time of a delay moves the phase of all that it sends back: against a spectrogram its slope is some hundred times
    that of a fader, and of another sign a fraction of a millisecond on. Beside it, a gradient that is clipped as a
    whole would hold nothing else.

    Args:
        positions: of any shape.
        steepest: bound of each element of the gradient.
    """
    passed = positions.view_as(positions)
    if passed.requires_grad:
        passed.register_hook(lambda gradient: gradient.clamp(-steepest, steepest))
    return passed
