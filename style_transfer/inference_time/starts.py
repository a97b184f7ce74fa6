"""Where a search begins and how far its steps go, from what is known of a setting before anything is heard."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor

from fxrep.effects.parameters import Parameter

STEP_DB = 40.0
"""Range of a level that is searched at the full rate; a wider one takes as many decibels at a step, not more."""

WAITING_THRESHOLD_DB = -30.0
"""A threshold at the top of its range is never reached, so that no ratio has a slope: it waits here, at ratio 1."""

WAITING_SEND_DB = -40.0
"""A send that is off has next to no slope: it waits where the bus is just not heard beside the track."""


def step_scale(parameter: Parameter) -> float:
    """How far a setting goes in a step, as a factor on the rate: 0 to 1."""
    return min(1.0, STEP_DB / (parameter.maximum - parameter.minimum)) if parameter.unit == "dB" else 1.0


def waiting_position(label: str, parameter: Parameter, position: float) -> float:
    """Where a setting begins: at its position, or near it where there is a slope. Next to nothing is heard of it.

    Args:
        label: of its effect; ``sends`` for a send.
        parameter: of the setting.
        position: where it is, 0 to 1.
    """
    if label == "sends":
        return max(position, parameter.normalize(WAITING_SEND_DB))
    if parameter.name == "threshold_db" and position == 1.0:
        return parameter.normalize(max(parameter.minimum, parameter.maximum + WAITING_THRESHOLD_DB))
    return position


def perturb(anchor: Tensor, scale: Tensor, places: Sequence[str], spread: float, seed: str) -> Tensor:
    """Positions (K,) at random around others; what is drawn for a place depends on its name, not on the others.

    Args:
        anchor: (K,) in [0, 1].
        scale: (K,) factors on the spread.
        places: (K,) names.
        spread: standard deviation in positions.
        seed: any text.
    """
    noise = torch.empty_like(anchor)
    for place in dict.fromkeys(places):
        here = torch.tensor([one == place for one in places])
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {place}".encode()))
        noise[here] = torch.randn(int(here.sum()), generator=generator, dtype=anchor.dtype)
    return (anchor + spread * scale * noise).clamp(0.0, 1.0)
