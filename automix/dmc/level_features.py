"""What the level of a track is told from: how it sounds, how it moves, how wide it is, and what plays."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from automix.classical.features import SOUND_FEATURES, measure_track
from encoders.production_description import N_OTHERS, N_VALUES
from fxrep.data.instruments import INSTRUMENTS

N_SOUND = len(SOUND_FEATURES)
"""Values of `describe_sound`."""

N_FEATURES = N_SOUND + N_OTHERS + len(INSTRUMENTS)
"""Columns of `level_features`."""


@torch.no_grad()
def describe_sound(audio: Tensor, sample_rate: int) -> Tensor:
    """Measure tracks as the linear model of `automix.classical` does, free of level.

    Args:
        audio: (R, 2, T).
        sample_rate: Hz.

    Returns:
        (R, `N_SOUND`); zeros for silence.
    """
    rows = audio.new_zeros(len(audio), N_SOUND)
    for row, one in zip(rows, audio, strict=True):
        measured = measure_track(one.cpu(), sample_rate)
        if measured is not None:
            row.copy_(torch.from_numpy(measured))
    return rows


def level_features(described: Tensor, instruments: Tensor) -> Tensor:
    """Return what levels are told from, (..., `N_FEATURES`).

    Args:
        described: (..., F) that ends with the values of `describe_sound` and those of `describe_production`, of which
            the last twelve count: bands are many, and the first values tell them in short.
        instruments: (...,) places in `INSTRUMENTS`.
    """
    sound = described[..., -N_VALUES - N_SOUND : -N_VALUES]
    kinds = nn.functional.one_hot(instruments, len(INSTRUMENTS)).to(described)
    return torch.cat([sound, described[..., -N_OTHERS:], kinds], dim=-1)
