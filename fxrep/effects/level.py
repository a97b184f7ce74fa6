"""Gain."""

from __future__ import annotations

import math

import torch

from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_input, per_item, read_settings

GAIN_TABLE = (Parameter("gain_db", "dB", -48.0, 24.0, "db", 0.0),)


def db_to_gain(level_db: torch.Tensor) -> torch.Tensor:
    """Return the amplitude factor 10^(dB/20); 0 dB is exactly 1."""
    return torch.exp(level_db * (math.log(10.0) / 20.0))


def gain(audio: torch.Tensor, sample_rate: int, *, gain_db: Setting = 0.0) -> torch.Tensor:
    """Multiply by a level.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        gain_db: dB, -48 to 24.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: the gain is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    columns = read_settings(audio, GAIN_TABLE, {"gain_db": gain_db})
    return audio * per_item(db_to_gain(columns["gain_db"]), audio)


class Gain(Processor):
    """Level in decibels."""

    name = "gain"
    function = staticmethod(gain)
    parameter_table = GAIN_TABLE
    memoryless = True
