"""Panning by three laws, normalised so that the centre passes unchanged, and balance."""

from __future__ import annotations

import math

import torch

from fxrep.effects.channel_gain import scale_channels
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_choice, check_form, read_settings

PANNER_TABLE = (Parameter("pan", "", -1.0, 1.0, "linear", 0.0),)
BALANCE_TABLE = (Parameter("balance", "", -1.0, 1.0, "linear", 0.0),)
PAN_LAW = Choice("law", ("constant_power", "linear", "minus_4.5_db"), "constant_power")


def pan_gains(pan: torch.Tensor, law: str = "constant_power") -> torch.Tensor:
    """Return the gains of both channels.

    With d the distance from the far side (1 - pan for the left channel, 1 + pan for the right, 0 to 2):

    - ``linear``: d. The sum of the gains is 2 everywhere; +6 dB at the edge.
    - ``constant_power``: sqrt(2) sin(d pi / 4). The sum of the squares is 2 everywhere; +3 dB at the edge.
    - ``minus_4.5_db``: the geometric mean of the two; +4.5 dB at the edge.

    The usual form, with -6, -3 or -4.5 dB at the centre and 0 dB at the edge, is the same law at another level.

    Args:
        pan: any shape, -1 (left) to 1 (right).
        law: one of the three.

    Returns:
        Gains with one more dimension of two: left, right. All derivatives are finite, at the edges too.
    """
    distance = torch.stack((1.0 - pan, 1.0 + pan), dim=-1)
    if law == "linear":
        return distance
    if law == "constant_power":
        return math.sqrt(2.0) * torch.sin(distance * (math.pi / 4.0))
    # sqrt(d sin(d pi/4)) has no derivative at d = 0 as it stands; with d taken out of the root, the rest is smooth.
    return distance * torch.sqrt(math.sqrt(2.0) * (math.pi / 4.0) * torch.sinc(distance / 4.0))


def panner(audio: torch.Tensor, sample_rate: int, *, pan: Setting = 0.0, law: str = "constant_power") -> torch.Tensor:
    """Move the sound to one side; the level at the centre is unchanged (0 dB).

    On stereo audio this is a balance control: each channel is scaled, nothing crosses over. Mono audio is copied to
    both channels first.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        pan: -1 (left) to 1 (right).
        law: ``constant_power``, ``linear`` or ``minus_4.5_db``, see `pan_gains`.

    Returns:
        (B, 2, T).

    Raises:
        ArgumentError: pan is out of range or the law unknown.
        AudioError: the audio is unusable.
    """
    check_form(audio, sample_rate)
    columns = read_settings(audio, PANNER_TABLE, {"pan": pan})
    gains = pan_gains(columns["pan"], check_choice(PAN_LAW, law))
    return scale_channels(audio, gains)


class Panner(Processor):
    """Position between left and right."""

    name = "panner"
    function = staticmethod(panner)
    parameter_table = PANNER_TABLE
    memoryless = True
    choices = (PAN_LAW,)
    stereo = True


def balance_gains(balance: torch.Tensor) -> torch.Tensor:
    """Return the gains (…, 2) of left and right: the far one falls linearly to 0, the other is 1."""
    # Clamping by a constant passes the gradient at the centre to both sides, where a relu would stop it.
    left, right = 1.0 - balance.clamp_min(0.0), 1.0 + balance.clamp_max(0.0)
    return torch.stack((left, right), dim=-1)


def balance(audio: torch.Tensor, sample_rate: int, *, balance: Setting = 0.0) -> torch.Tensor:
    """Turn down one side of a stereo track: 0 dB at the centre, no side is ever raised.

    The gain of the far side falls linearly, from 1 at the centre to 0 at the edge; the near side stays as it is, and
    nothing crosses over. Mono audio is copied to both channels first.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        balance: -1 (only left) to 1 (only right).

    Returns:
        (B, 2, T).

    Raises:
        ArgumentError: the balance is out of range.
        AudioError: the audio is unusable.
    """
    check_form(audio, sample_rate)
    columns = read_settings(audio, BALANCE_TABLE, {"balance": balance})
    return scale_channels(audio, balance_gains(columns["balance"]))


class Balance(Processor):
    """Balance between the channels of a stereo track."""

    name = "balance"
    function = staticmethod(balance)
    parameter_table = BALANCE_TABLE
    memoryless = True
    stereo = True
