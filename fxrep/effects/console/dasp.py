"""The console of Diff-MST, for parity with that work.

S. Vanka, C. Steinmetz et al., "Diff-MST: Differentiable Mixing Style Transfer", ISMIR 2024, with the conventions of
dasp-pytorch: fader, six-band equaliser, compressor, panner; master fader, equaliser, compressor, fader; every position
mapped linearly to its range, frequency and Q too; the panner at -4.5 dB in the middle.

Chain, order, ranges and mapping are theirs. These are not, because they are faults there:

- the compressor looks nothing ahead and delays nothing (there: 69.7 ms late, with the end of the song cut off);
- its release has an effect (there: none, and no gradient); it is a time constant, 63 % of the way, while `attack_ms` is
  the time from 10 to 90 %, as there;
- its level is the mean of both channels (there: the sum, 6 dB more for what is in the middle), so that on stereo
  material the same threshold compresses 6 dB later;
- filters are exact at low frequencies, and the panner has a gradient at both ends;
- stereo tracks are tracks: their panner is a balance. The effects bus, off in all that was published, is left out.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from fxrep.effects.console.mixing_console import MixingConsole
from fxrep.effects.console.strip import StripEffect
from fxrep.effects.dynamics import Compressor, compressor
from fxrep.effects.equalizer import Equalizer
from fxrep.effects.filter_bands import Band
from fxrep.effects.level import db_to_gain
from fxrep.effects.panning import pan_gains
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_input, per_item, read_constants, read_settings
from fxrep.effects.streaming import Stream

FADER_TABLE = (Parameter("gain_db", "dB", -48.0, 48.0, "db", 0.0),)
PAN_TABLE = (Parameter("pan", "", 0.0, 1.0, "linear", 0.5),)
# Lowest and highest frequency of each band, and a default inside.
RANGES_HZ = {
    "low_shelf": (20.0, 2000.0, 100.0),
    "band0": (80.0, 2000.0, 400.0),
    "band1": (2000.0, 8000.0, 4000.0),
    "band2": (8000.0, 12000.0, 10000.0),
    "band3": (12000.0, 21050.0, 14000.0),
    "high_shelf": (6000.0, 21050.0, 10000.0),
}
DASP_BANDS = tuple(
    Band(name, name if "shelf" in name else "peak", (low, high), default, (-12.0, 12.0), (0.1, 5.0))
    for name, (low, high, default) in RANGES_HZ.items()
)
COMPRESSOR_TABLE = (
    Parameter("threshold_db", "dB", -60.0, 0.0, "db", 0.0),
    Parameter("ratio", "", 1.0, 10.0, "linear", 1.0),
    Parameter("attack_ms", "ms", 5.0, 250.0, "linear", 10.0),
    Parameter("release_ms", "ms", 10.0, 250.0, "linear", 100.0),
    Parameter("knee_db", "dB", 3.0, 12.0, "db", 6.0),
    Parameter("makeup_db", "dB", 0.0, 6.0, "db", 0.0),
)
# From 10 to 90 % of a step, one pole takes ln 9 time constants.
RISE = math.log(9.0)
# Its panner passes 0 dB at the edge; ours, 0 dB in the middle.
EDGE_GAIN = 2.0**-0.75


def dasp_fader(audio: torch.Tensor, sample_rate: int, *, gain_db: Setting = 0.0) -> torch.Tensor:
    """Multiply by a level of -48 to 48 dB; (B, C, T) to (B, C, T)."""
    check_input(audio, sample_rate)
    columns = read_settings(audio, FADER_TABLE, {"gain_db": gain_db})
    return audio * per_item(db_to_gain(columns["gain_db"]), audio)


def dasp_compressor(audio: torch.Tensor, sample_rate: int, **settings: Setting) -> torch.Tensor:
    """Compress with one gain for both channels; (B, C, T) to (B, C, T).

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        settings: ``threshold_db`` (-60 to 0), ``ratio`` (1 to 10), ``attack_ms`` (5 to 250, from 10 to 90 %),
            ``release_ms`` (10 to 250, a time constant), ``knee_db`` (3 to 12), ``makeup_db`` (0 to 6).
    """
    check_input(audio, sample_rate)
    columns = read_settings(audio, COMPRESSOR_TABLE, {**{p.name: p.default for p in COMPRESSOR_TABLE}, **settings})
    return compressor(audio, sample_rate, **_own_times(columns))


def _own_times(columns: dict[str, torch.Tensor]) -> dict[str, Any]:
    return {**columns, "attack_ms": columns["attack_ms"] / RISE, "link": "mean"}


def dasp_panner(audio: torch.Tensor, sample_rate: int, *, pan: Setting = 0.5) -> torch.Tensor:
    """Pan by the geometric mean of the linear and the constant-power law; (B, C, T) to (B, 2, T).

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        pan: 0 (left, 0 dB there and nothing on the right) to 1 (right); -4.5 dB on both sides at 0.5.
    """
    check_input(audio, sample_rate)
    columns = read_settings(audio, PAN_TABLE, {"pan": pan})
    gains = EDGE_GAIN * pan_gains(2.0 * columns["pan"] - 1.0, "minus_4.5_db")
    return audio * gains.to(audio.dtype).unsqueeze(-1)


class DaspFader(Processor):
    """Level in decibels, 48 up and down."""

    name = "dasp_fader"
    function = staticmethod(dasp_fader)
    parameter_table = FADER_TABLE
    memoryless = True


class DaspCompressor(Processor):
    """Dynamics over the ranges of Diff-MST."""

    name = "dasp_compressor"
    function = staticmethod(dasp_compressor)
    parameter_table = COMPRESSOR_TABLE

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the compressor with its memory."""
        self.check_names(settings)
        columns = read_constants(COMPRESSOR_TABLE, {**self.defaults(), **settings})
        return Compressor().stream(sample_rate, **_own_times(columns))


class DaspPanner(Processor):
    """Position from 0 to 1."""

    name = "dasp_panner"
    function = staticmethod(dasp_panner)
    parameter_table = PAN_TABLE
    memoryless = True
    stereo = True


def dasp_console() -> MixingConsole:
    """Return the console of Diff-MST: 26 numbers for a track, 26 for the master.

    The 27th number of a track there is the send to the effects bus, which is off.
    """

    def tone() -> list[StripEffect]:
        return [
            StripEffect(Equalizer(DASP_BANDS), "parametric_eq", linear=True),
            StripEffect(DaspCompressor(), "compressor"),
        ]

    return MixingConsole(
        track=[StripEffect(DaspFader(), "fader"), *tone(), StripEffect(DaspPanner(), "panner")],
        master=[StripEffect(DaspFader(), "input_fader"), *tone(), StripEffect(DaspFader(), "output_fader")],
        name="dasp",
    )
