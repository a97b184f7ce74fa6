"""Soft saturation."""

from __future__ import annotations

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.level import db_to_gain
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_input, per_item, read_settings

SATURATION_TABLE = (
    Parameter("drive_db", "dB", 0.0, 30.0, "db", 0.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 1.0),
)


def saturation(audio: torch.Tensor, sample_rate: int, *, drive_db: Setting = 0.0, mix: Setting = 1.0) -> torch.Tensor:
    """Bend the waveform with a hyperbolic tangent: y = tanh(g x) / tanh(g), g = 10^(drive_db / 20).

    The division is the gain compensation: full scale stays at full scale at every drive, and what lies below is
    raised by up to g / tanh(g). There is no oversampling: harmonics above Nyquist fold back.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        drive_db: dB, 0 to 30.
        mix: 0 (the input, bit for bit) to 1 (only saturated).

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    columns = read_settings(audio, SATURATION_TABLE, {"drive_db": drive_db, "mix": mix})
    return in_chunks(_saturate, audio, columns)


def _saturate(audio: torch.Tensor, columns: dict[str, torch.Tensor]) -> torch.Tensor:
    drive = db_to_gain(columns["drive_db"])
    bent = torch.tanh(audio * per_item(drive, audio)) * per_item(1.0 / torch.tanh(drive), audio)
    return torch.lerp(audio, bent, per_item(columns["mix"], audio))


class Saturation(Processor):
    """Tube-like soft clipping."""

    name = "saturation"
    function = staticmethod(saturation)
    parameter_table = SATURATION_TABLE
    memoryless = True
