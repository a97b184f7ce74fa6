"""Soft saturation, and the curve behind the drives."""

from __future__ import annotations

import functools
import math

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.oversampling import OVERSAMPLING, Waveshaper, bend_oversampled, read_factor
from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import Setting, blend, check_input, per_item, read_settings
from fxrep.effects.tanh_curve import tanh_curve

SATURATION_TABLE = (
    Parameter("drive_db", "dB", 0.0, 30.0, "db", 0.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 1.0),
)
# Below this k^2 (0.0004 dB) tanh(k x) / k is taken from its series, which is exact there to -150 dB at full scale.
SERIES = 1e-4


def saturation(
    audio: torch.Tensor, sample_rate: int, *, drive_db: Setting = 0.0, mix: Setting = 1.0, oversampling: str = "1"
) -> torch.Tensor:
    """Bend the waveform with a hyperbolic tangent: y = tanh(k x) / tanh(k), k^2 = 10^(drive_db / 10) - 1.

    At 0 dB k is 0 and the limit is the identity, bit for bit; the curve leaves it smoothly. The division is the gain
    compensation: full scale stays at full scale at every drive, and what lies below is raised by up to k / tanh(k).

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        drive_db: dB, 0 to 30.
        mix: 0 (the input, bit for bit) to 1 (only saturated).
        oversampling: factor, see `bend_oversampled`. 4 keeps aliasing below -60 dB for a full-scale tone of 5 kHz at
            12 dB and 44.1 kHz.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    factor = read_factor(oversampling)
    columns = read_settings(audio, SATURATION_TABLE, {"drive_db": drive_db, "mix": mix})
    return in_chunks(functools.partial(_saturate, factor=factor), audio, columns)


def _saturate(audio: torch.Tensor, columns: dict[str, torch.Tensor], factor: int) -> torch.Tensor:
    square = drive_square(columns["drive_db"])
    level = 1.0 / unit_tanh(torch.ones_like(square).reshape(-1, 1, 1), square).reshape(-1)
    bent = bend_oversampled(audio, factor, lambda x: unit_tanh(x, square, level))
    return blend(audio, bent, columns["mix"])


def drive_square(drive_db: torch.Tensor) -> torch.Tensor:
    """Return k^2 = g^2 - 1 for the gain g = 10^(dB/20): 0 at 0 dB, and growing at once, unlike (g - 1)^2."""
    return torch.expm1(drive_db * (math.log(10.0) / 10.0))


def unit_tanh(audio: torch.Tensor, square: torch.Tensor, level: torch.Tensor | None = None) -> torch.Tensor:
    """Return tanh(k x) / k, whose slope at zero is 1, times a level.

    It is a smooth function of k^2, also at k = 0, where it is x itself.

    Args:
        audio: (B, C, T).
        square: (B,), k^2 from 0 up.
        level: (B,); 1 if not given.
    """
    level = torch.ones_like(square) if level is None else level
    tiny = square < SERIES
    k = torch.where(tiny, 1.0, square).sqrt()
    bent = tanh_curve(audio, per_item(k, audio), per_item(level / k, audio))
    if not bool(tiny.any()):
        return bent
    series = audio - audio.pow(3) * per_item(torch.where(tiny, square, 0.0) / 3.0, audio)
    return torch.where(tiny.reshape(-1, 1, 1), series * per_item(level, audio), bent)


class Saturation(Waveshaper):
    """Soft clipping that keeps full scale."""

    name = "saturation"
    function = staticmethod(saturation)
    parameter_table = SATURATION_TABLE
    choices = (OVERSAMPLING,)
