"""Compressor.

**Time constants**, here and in every effect: a time in ms is the time constant tau of a pole that keeps
exp(-1 / (sample_rate tau)) of its value per sample, so that 1 - 1/e (63 %) of a step is done after tau. Other libraries
mean other things by the same number t:

==================  =========================================  =========================
library             its coefficient                            tau here
==================  =========================================  =========================
dasp-pytorch        exp(-ln 9 / (sample_rate t))               t / ln 9 = t / 2.197
torchcomp           1 - exp(-2.2 / (sample_rate t))            t / 2.2
pedalboard, JUCE    exp(-2 pi / (sample_rate t))               t / (2 pi) = t / 6.283
==================  =========================================  =========================

(dasp-pytorch uses its attack time for both directions; torchcomp smooths the gain as a factor, not in dB.)
"""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.dynamics_stream import DynamicsStream
from fxrep.effects.gain_computer import NO_FLOOR_DB, GainCurve, drive_gain, time_coefficient
from fxrep.effects.level_detector import CHANNEL_LINK, RMS_TIME
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_choice, check_input, read_settings
from fxrep.effects.sidechain import SIDECHAIN_DIMS, check_sidechain
from fxrep.effects.streaming import Stream

COMPRESSOR_TABLE = (
    Parameter("threshold_db", "dB", -80.0, 0.0, "db", 0.0),
    Parameter("ratio", "", 1.0, 40.0, "log", 1.0),
    Parameter("attack_ms", "ms", 0.1, 200.0, "log", 10.0),
    Parameter("release_ms", "ms", 5.0, 2000.0, "log", 100.0),
    Parameter("knee_db", "dB", 0.0, 24.0, "db", 6.0),
    Parameter("makeup_db", "dB", 0.0, 24.0, "db", 0.0),
    Parameter("lookahead_ms", "ms", 0.0, 20.0, "linear", None),
    RMS_TIME,
)


def compressor(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    threshold_db: Setting = 0.0,
    ratio: Setting = 1.0,
    attack_ms: Setting = 10.0,
    release_ms: Setting = 100.0,
    knee_db: Setting = 6.0,
    makeup_db: Setting = 0.0,
    lookahead_ms: Setting | None = None,
    rms_ms: Setting | None = None,
    link: str = "max",
    sidechain: torch.Tensor | None = None,
) -> torch.Tensor:
    """Reduce the level above a threshold: feed-forward, in the decibel domain.

    The static curve with a soft knee turns the level of every sample into a gain in dB, and this gain is smoothed:
    with the attack time while it falls, with the release time while it recovers (the "smooth branching" detector on
    the gain of D. Giannoulis, M. Massberg and J. Reiss, "Digital Dynamic Range Compressor Design", JAES 2012). A time
    in ms is a time constant: 63 % (1 - 1/e) of a step is done after it. Ratio 1 without make-up is the identity; so is
    threshold 0 dB without knee for audio that stays within full scale.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        threshold_db: dBFS, -80 to 0.
        ratio: dB in per dB out above the threshold, 1 to 40.
        attack_ms: ms, 0.1 to 200.
        release_ms: ms, 5 to 2000.
        knee_db: width of the knee, centred on the threshold, 0 to 24 dB.
        makeup_db: gain afterwards, 0 to 24 dB.
        lookahead_ms: the gain is taken from the level this much later, 0 to 20 ms. The audio is not delayed.
            None: 0.
        rms_ms: time constant of RMS detection, 0.1 to 300 ms, see `fxrep.effects.level_detector`. None: peak detection.
        link: what drives a stereo pair: ``max`` (the louder channel at each sample), ``mean`` (the mean of the two
            magnitudes), both with one gain for both channels; ``none``: each channel its own.
        sidechain: (B or 1, 1 or 2, T), whose level is measured instead of that of the audio.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range or the side chain does not fit.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    check_choice(CHANNEL_LINK, link)
    values: dict[str, Setting | None] = {"threshold_db": threshold_db, "ratio": ratio, "attack_ms": attack_ms}
    values |= {"release_ms": release_ms, "knee_db": knee_db, "makeup_db": makeup_db}
    values |= {"lookahead_ms": lookahead_ms, "rms_ms": rms_ms}
    columns = read_settings(audio, COMPRESSOR_TABLE, values)
    if sidechain is not None:
        columns["sidechain"] = check_sidechain(sidechain, audio, link)
    keep = time_coefficient(columns["rms_ms"], sample_rate) if "rms_ms" in columns else None
    return drive_gain(audio, compressor_curve(columns, sample_rate), link=link, keep=keep, key=columns.get("sidechain"))


def compressor_curve(columns: dict[str, torch.Tensor], sample_rate: int) -> GainCurve:
    """Return what the settings of a compressor mean; make-up and look-ahead may be missing."""
    none = torch.zeros_like(columns["ratio"])
    return GainCurve(
        sign=1.0,
        threshold_db=columns["threshold_db"],
        slope=1.0 / columns["ratio"] - 1.0,
        knee_db=columns["knee_db"],
        floor_db=none + NO_FLOOR_DB,
        fall=time_coefficient(columns["attack_ms"], sample_rate),
        rise=time_coefficient(columns["release_ms"], sample_rate),
        lookahead=columns.get("lookahead_ms", none) * (sample_rate / 1000.0),
        makeup_db=columns.get("makeup_db", none),
    )


class Compressor(Processor):
    """Dynamics above a threshold. `sidechain` may be given as a setting, see `compressor`."""

    name = "compressor"
    function = staticmethod(compressor)
    parameter_table = COMPRESSOR_TABLE
    choices = (CHANNEL_LINK,)
    tensor_dims = SIDECHAIN_DIMS

    def setting_names(self) -> tuple[str, ...]:
        """Return the names of all settings."""
        return (*super().setting_names(), "sidechain")

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the compressor with its memory. A side chain is given whole, from the start of the signal."""
        self.check_names(settings)
        given = {**self.defaults(), **settings}
        return DynamicsStream(sample_rate, COMPRESSOR_TABLE, given, compressor_curve)
