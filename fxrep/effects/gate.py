"""Expander and noise gate: less level below a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from fxrep.effects.dynamics_stream import DynamicsStream
from fxrep.effects.gain_computer import GainCurve, apply_gain, drive_gain, time_coefficient
from fxrep.effects.gate_level import gate_level
from fxrep.effects.level_detector import CHANNEL_LINK, RMS_TIME, detect_level
from fxrep.effects.level_memory import LevelMemoryStream, hold_level, play_level
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_choice, check_input, read_settings
from fxrep.effects.sidechain import SIDECHAIN_DIMS, check_sidechain
from fxrep.effects.streaming import Stream

EXPANDER_TABLE = (
    Parameter("threshold_db", "dB", -80.0, 0.0, "db", -40.0),
    Parameter("ratio", "", 1.0, 20.0, "log", 1.0),
    Parameter("range_db", "dB", 0.0, 100.0, "db", 40.0),
    Parameter("attack_ms", "ms", 0.1, 200.0, "log", 5.0),
    Parameter("release_ms", "ms", 5.0, 2000.0, "log", 100.0),
    Parameter("knee_db", "dB", 0.0, 24.0, "db", 6.0),
    RMS_TIME,
)
NOISE_GATE_TABLE = (
    Parameter("threshold_db", "dB", -80.0, 0.0, "db", -50.0),
    Parameter("ratio", "", 1.0, 100.0, "log", 10.0),
    Parameter("range_db", "dB", 0.0, 100.0, "db", 0.0),
    Parameter("attack_ms", "ms", 0.1, 200.0, "log", 1.0),
    Parameter("hold_ms", "ms", 0.0, 500.0, "linear", 50.0),
    Parameter("release_ms", "ms", 5.0, 2000.0, "log", 100.0),
    Parameter("hysteresis_db", "dB", 0.0, 12.0, "db", 4.0),
    Parameter("knee_db", "dB", 0.0, 24.0, "db", 0.0),
)


def expander(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    threshold_db: Setting = -40.0,
    ratio: Setting = 1.0,
    range_db: Setting = 40.0,
    attack_ms: Setting = 5.0,
    release_ms: Setting = 100.0,
    knee_db: Setting = 6.0,
    rms_ms: Setting | None = None,
    link: str = "max",
    sidechain: torch.Tensor | None = None,
) -> torch.Tensor:
    """Reduce the level below a threshold: the gain in dB is (ratio - 1) times what the level lacks, at most the range.

    The level is that of `compressor`. The attack time is that of the opening, while the gain rises; the release time
    that of the closing, while it falls. Peak detection sees every zero crossing as silence: what keeps a steady tone
    from being modulated is a release much longer than its period. At the start the gain is 0 dB. Ratio 1 and range 0
    are the identity.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        threshold_db: dBFS, -80 to 0.
        ratio: dB out per dB in below the threshold, 1 to 20.
        range_db: largest reduction, 0 to 100 dB.
        attack_ms: ms, 0.1 to 200.
        release_ms: ms, 5 to 2000.
        knee_db: width of the knee, centred on the threshold, 0 to 24 dB.
        rms_ms: time constant of RMS detection, 0.1 to 300 ms, see `fxrep.effects.level_detector`. None: peak detection.
        link: ``max``, ``mean`` or ``none``, as for `compressor`.
        sidechain: (B or 1, 1 or 2, T), whose level is measured instead of that of the audio.

    Returns:
        (B, C, T). Differentiable in the audio, the side chain and the settings.

    Raises:
        ArgumentError: a setting is out of range or the side chain does not fit.
        AudioError: the audio is unusable.
    """
    values: dict[str, Setting | None] = {"threshold_db": threshold_db, "ratio": ratio, "range_db": range_db}
    values |= {"attack_ms": attack_ms, "release_ms": release_ms, "knee_db": knee_db, "rms_ms": rms_ms}
    return _run(audio, sample_rate, EXPANDER_TABLE, values, link, sidechain)


def noise_gate(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    threshold_db: Setting = -50.0,
    ratio: Setting = 10.0,
    range_db: Setting = 0.0,
    attack_ms: Setting = 1.0,
    hold_ms: Setting = 50.0,
    release_ms: Setting = 100.0,
    hysteresis_db: Setting = 4.0,
    knee_db: Setting = 0.0,
    link: str = "max",
    sidechain: torch.Tensor | None = None,
) -> torch.Tensor:
    """Close on what stays below a threshold: an expander with peak detection, hold and hysteresis.

    `fxrep.effects.level_memory` defines hold and hysteresis so that both have a gradient. Between open and closed the
    gain falls by (ratio - 1) dB per dB. Range 0 is the identity.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        threshold_db: dBFS at which the gate is fully open (without a knee), -80 to 0.
        ratio: dB out per dB in below the threshold, 1 to 100.
        range_db: reduction by the closed gate, 0 to 100 dB.
        attack_ms: time constant of the opening, 0.1 to 200 ms.
        hold_ms: time that the gate stays open after the level has fallen, 0 to 500 ms.
        release_ms: time constant of the closing, 5 to 2000 ms.
        hysteresis_db: the gate closes this far below the level at which it opens, 0 to 12 dB.
        knee_db: width of the knee, centred on the threshold, 0 to 24 dB.
        link: ``max``, ``mean`` or ``none``, as for `compressor`.
        sidechain: (B or 1, 1 or 2, T), whose level is measured instead of that of the audio.

    Returns:
        (B, C, T). Differentiable in the audio, the side chain and the settings. Hold and hysteresis run on the CPU:
        on another device the level is copied there and back.

    Raises:
        ArgumentError: a setting is out of range or the side chain does not fit.
        AudioError: the audio is unusable.
    """
    values: dict[str, Setting | None] = {"threshold_db": threshold_db, "ratio": ratio, "range_db": range_db}
    values |= {"attack_ms": attack_ms, "hold_ms": hold_ms, "release_ms": release_ms}
    values |= {"hysteresis_db": hysteresis_db, "knee_db": knee_db}
    return _run(audio, sample_rate, NOISE_GATE_TABLE, values, link, sidechain)


def _run(
    audio: torch.Tensor,
    sample_rate: int,
    table: Sequence[Parameter],
    values: dict[str, Setting | None],
    link: str,
    sidechain: torch.Tensor | None,
) -> torch.Tensor:
    check_input(audio, sample_rate)
    check_choice(CHANNEL_LINK, link)
    columns = read_settings(audio, table, values)
    if sidechain is not None:
        columns["sidechain"] = check_sidechain(sidechain, audio, link)
    key, curve = columns.get("sidechain", audio), expander_curve(columns, sample_rate)
    if "hold_ms" not in columns:
        keep = time_coefficient(columns["rms_ms"], sample_rate) if "rms_ms" in columns else None
        return drive_gain(audio, curve, link=link, keep=keep, key=key)
    hold, hysteresis_db = columns["hold_ms"] * (sample_rate / 1000.0), columns["hysteresis_db"]
    if audio.device.type == "cpu":
        return apply_gain(audio, gate_level(key, hold, hysteresis_db, link=link), curve)
    return apply_gain(audio, play_level(hold_level(detect_level(key, link=link), hold), hysteresis_db), curve)


def expander_curve(columns: dict[str, torch.Tensor], sample_rate: int) -> GainCurve:
    """Return what the settings of an expander or a gate mean."""
    none = torch.zeros_like(columns["ratio"])
    return GainCurve(
        sign=-1.0,
        threshold_db=columns["threshold_db"],
        slope=1.0 - columns["ratio"],
        knee_db=columns["knee_db"],
        floor_db=-columns["range_db"],
        fall=time_coefficient(columns["release_ms"], sample_rate),
        rise=time_coefficient(columns["attack_ms"], sample_rate),
        lookahead=none,
        makeup_db=none,
    )


def _gate_memory(columns: dict[str, torch.Tensor], sample_rate: int) -> LevelMemoryStream:
    return LevelMemoryStream(columns["hold_ms"] * (sample_rate / 1000.0), columns["hysteresis_db"])


class Expander(Processor):
    """Dynamics below a threshold. `sidechain` may be given as a setting, see `expander`."""

    name = "expander"
    function = staticmethod(expander)
    parameter_table = EXPANDER_TABLE
    choices = (CHANNEL_LINK,)
    tensor_dims = SIDECHAIN_DIMS

    def setting_names(self) -> tuple[str, ...]:
        """Return the names of all settings."""
        return (*super().setting_names(), "sidechain")

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the expander with its memory. A side chain is given whole, from the start of the signal."""
        self.check_names(settings)
        return DynamicsStream(sample_rate, EXPANDER_TABLE, {**self.defaults(), **settings}, expander_curve)


class NoiseGate(Processor):
    """Silence between notes. `sidechain` may be given as a setting, see `noise_gate`."""

    name = "noise_gate"
    function = staticmethod(noise_gate)
    parameter_table = NOISE_GATE_TABLE
    choices = (CHANNEL_LINK,)
    tensor_dims = SIDECHAIN_DIMS

    def setting_names(self) -> tuple[str, ...]:
        """Return the names of all settings."""
        return (*super().setting_names(), "sidechain")

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the gate with its memory. A side chain is given whole, from the start of the signal."""
        self.check_names(settings)
        given = {**self.defaults(), **settings}
        return DynamicsStream(sample_rate, NOISE_GATE_TABLE, given, expander_curve, _gate_memory)
