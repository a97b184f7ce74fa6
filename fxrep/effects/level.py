"""Gain, fader and polarity."""

from __future__ import annotations

import math

import torch

from fxrep.effects.channel_gain import scale_channels
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_choice, check_form, read_settings

GAIN_TABLE = (Parameter("gain_db", "dB", -48.0, 24.0, "db", 0.0),)
FADER_BOTTOM_DB = -100.0
# Over its last 10 dB the fader goes from exact decibels to silence.
FADER_END_DB = 10.0
FADER_TABLE = (Parameter("gain_db", "dB", FADER_BOTTOM_DB, 12.0, "db", 0.0),)
POLARITY = Choice("polarity", ("normal", "invert"), "normal")


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
    check_form(audio, sample_rate)
    columns = read_settings(audio, GAIN_TABLE, {"gain_db": gain_db})
    return scale_channels(audio, db_to_gain(columns["gain_db"]).unsqueeze(-1))


class Gain(Processor):
    """Level in decibels."""

    name = "gain"
    function = staticmethod(gain)
    parameter_table = GAIN_TABLE
    memoryless = True


def fader_gain(level_db: torch.Tensor) -> torch.Tensor:
    """Return the amplitude factor of a fader: 10^(dB/20) from -90 dB up, falling smoothly to exactly 0 at -100 dB."""
    height = ((level_db - FADER_BOTTOM_DB) / FADER_END_DB).clamp(0.0, 1.0)
    return db_to_gain(level_db) * height * (2.0 - height)


def fader(audio: torch.Tensor, sample_rate: int, *, gain_db: Setting = 0.0) -> torch.Tensor:
    """Multiply by a level that reaches down to silence.

    From -90 dB up it is the gain in decibels. Below, a parabola brings it to zero: -100 dB is minus infinity, true
    silence, and even there the gradient is not zero.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        gain_db: dB, -100 (silence) to 12.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: the gain is out of range.
        AudioError: the audio is unusable.
    """
    check_form(audio, sample_rate)
    columns = read_settings(audio, FADER_TABLE, {"gain_db": gain_db})
    return scale_channels(audio, fader_gain(columns["gain_db"]).unsqueeze(-1))


class Fader(Processor):
    """The fader of a mixing console, from silence up."""

    name = "fader"
    function = staticmethod(fader)
    parameter_table = FADER_TABLE
    memoryless = True


def polarity(audio: torch.Tensor, sample_rate: int, *, polarity: str = "normal") -> torch.Tensor:
    """Turn the waveform upside down, or not.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        polarity: ``normal`` or ``invert``.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: the polarity is neither of the two.
        AudioError: the audio is unusable.
    """
    check_form(audio, sample_rate)
    sign = -1.0 if check_choice(POLARITY, polarity) == "invert" else 1.0
    return scale_channels(audio, audio.new_full((audio.shape[0], 1), sign))


class Polarity(Processor):
    """The sign of the waveform."""

    name = "polarity"
    function = staticmethod(polarity)
    choices = (POLARITY,)
    memoryless = True
