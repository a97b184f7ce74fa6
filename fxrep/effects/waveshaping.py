"""Soft saturation, and the curve behind the drives."""

from __future__ import annotations

import functools
import math

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.finite import check_finite
from fxrep.effects.oversampling import OVERSAMPLING, Waveshaper, bend_oversampled, read_factor
from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import Setting, blend, check_form, read_settings
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
    check_form(audio, sample_rate)
    factor = read_factor(oversampling)
    columns = read_settings(audio, SATURATION_TABLE, {"drive_db": drive_db, "mix": mix})
    square = drive_square(columns["drive_db"])
    level = 1.0 / unit_tanh(square.new_ones(len(square), 1, 1), square).flatten()
    if factor == 1:
        return unit_tanh(audio, square, level, columns["mix"], check=True)
    check_finite(audio)
    parts = {"square": square, "level": level, "mix": columns["mix"]}
    return in_chunks(functools.partial(_saturate, factor=factor), audio, parts)


def _saturate(audio: torch.Tensor, parts: dict[str, torch.Tensor], factor: int) -> torch.Tensor:
    bent = bend_oversampled(audio, factor, lambda x: unit_tanh(x, parts["square"], parts["level"]))
    return blend(audio, bent, parts["mix"])


def drive_square(drive_db: torch.Tensor) -> torch.Tensor:
    """Return k^2 = g^2 - 1 for the gain g = 10^(dB/20): 0 at 0 dB, and growing at once, unlike (g - 1)^2."""
    return torch.expm1(drive_db * (math.log(10.0) / 10.0))


def unit_tanh(
    audio: torch.Tensor,
    square: torch.Tensor,
    level: torch.Tensor | None = None,
    mix: torch.Tensor | None = None,
    check: bool = False,
) -> torch.Tensor:
    """Return tanh(k x) / k, whose slope at zero is 1, times a level, cross-faded with x.

    It is a smooth function of k^2, also at k = 0, where it is x itself.

    Args:
        audio: (B, C, T).
        square: (B,), k^2 from 0 up.
        level: (B,); 1 if not given.
        mix: (B,), 0 (x) to 1; 1 if not given.
        check: whether to refuse audio that is not finite, with an `AudioError`.
    """
    one = torch.ones_like(square)
    tiny = square < SERIES
    k = torch.where(tiny, one, square).sqrt()
    slope, cubic = torch.where(tiny, 0.0, k), torch.where(tiny, square / 3.0, 0.0)
    constants = (slope, (one if level is None else level) / k, cubic, one if mix is None else mix)
    return tanh_curve(audio, torch.stack(constants, 1), check)


class Saturation(Waveshaper):
    """Soft clipping that keeps full scale."""

    name = "saturation"
    function = staticmethod(saturation)
    parameter_table = SATURATION_TABLE
    choices = (OVERSAMPLING,)
