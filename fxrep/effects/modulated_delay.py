"""Chorus, flanger and vibrato: delays that swing."""

from __future__ import annotations

import functools
from typing import Any

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.lfo import SPREAD, channel_cycles
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, blend, check_input, read_constants, read_settings
from fxrep.effects.streaming import MixStream, Stream
from fxrep.effects.swept_line import SweptLineStream, swept_line

MIX = Parameter("mix", "", 0.0, 1.0, "linear", 0.0)
CHORUS_TABLE = (
    Parameter("rate_hz", "Hz", 0.05, 10.0, "log", 0.8),
    Parameter("delay_ms", "ms", 2.0, 50.0, "log", 12.0),
    Parameter("depth_ms", "ms", 0.0, 20.0, "linear", 5.0),
    Parameter("feedback", "", -0.9, 0.9, "linear", 0.0),
    SPREAD,
    MIX,
)
FLANGER_TABLE = (
    Parameter("rate_hz", "Hz", 0.02, 10.0, "log", 0.3),
    Parameter("delay_ms", "ms", 0.5, 10.0, "log", 1.0),
    Parameter("depth_ms", "ms", 0.0, 10.0, "linear", 3.0),
    Parameter("feedback", "", -0.95, 0.95, "linear", 0.5),
    SPREAD,
    MIX,
)
VIBRATO_TABLE = (
    Parameter("rate_hz", "Hz", 0.1, 14.0, "log", 5.0),
    Parameter("depth_ms", "ms", 0.0, 5.0, "linear", 0.0),
    Parameter("phase_deg", "deg", 0.0, 180.0, "linear", 0.0),
)
# A line with feedback cannot read what is still to be written.
SHORTEST_SAMPLES = 2.0


def chorus(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    rate_hz: Setting = 0.8,
    delay_ms: Setting = 12.0,
    depth_ms: Setting = 5.0,
    feedback: Setting = 0.0,
    phase_deg: Setting = 90.0,
    mix: Setting = 0.0,
) -> torch.Tensor:
    """Add a voice whose delay swings: d = delay_ms + depth_ms (1 + sin(2 pi rate t)) / 2, see `swept_line`.

    The line is read between samples by a cubic, as that of `delay`, so the voice loses treble as it swings: at 44.1 kHz
    0.4 dB at 10 kHz and 1.5 dB at 15 kHz on average, up to 0.7 and 3.5 dB half-way between samples.

    Args:
        audio: (B, C, T). On other devices than the CPU the delay line runs on the CPU.
        sample_rate: Hz.
        rate_hz: 0.05 to 10 Hz.
        delay_ms: the shortest delay, 2 to 50 ms.
        depth_ms: how much longer it gets, 0 to 20 ms.
        feedback: share of the delayed sound that enters the line again, -0.9 to 0.9.
        phase_deg: lead of the second channel's oscillator, 0 to 180 degrees.
        mix: 0 (the input, bit for bit) to 1 (only the delayed voice); a linear cross-fade.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"rate_hz": rate_hz, "delay_ms": delay_ms, "depth_ms": depth_ms, "feedback": feedback}
    columns = read_settings(audio, CHORUS_TABLE, {**values, "phase_deg": phase_deg, "mix": mix})
    return in_chunks(functools.partial(_mix_swept, sample_rate=sample_rate), audio, columns)


def flanger(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    rate_hz: Setting = 0.3,
    delay_ms: Setting = 1.0,
    depth_ms: Setting = 3.0,
    feedback: Setting = 0.5,
    phase_deg: Setting = 90.0,
    mix: Setting = 0.0,
) -> torch.Tensor:
    """Comb the sound with a short delay that swings; the formulas and the loss of treble are those of the chorus.

    Args:
        audio: (B, C, T). On other devices than the CPU the delay line runs on the CPU.
        sample_rate: Hz.
        rate_hz: 0.02 to 10 Hz.
        delay_ms: the shortest delay, 0.5 to 10 ms, but never less than two samples.
        depth_ms: how much longer it gets, 0 to 10 ms.
        feedback: share of the delayed sound that enters the line again, -0.95 to 0.95.
        phase_deg: lead of the second channel's oscillator, 0 to 180 degrees.
        mix: 0 (the input, bit for bit) to 1 (only delayed); a linear cross-fade, the comb is deepest at 0.5.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"rate_hz": rate_hz, "delay_ms": delay_ms, "depth_ms": depth_ms, "feedback": feedback}
    columns = read_settings(audio, FLANGER_TABLE, {**values, "phase_deg": phase_deg, "mix": mix})
    return in_chunks(functools.partial(_mix_swept, sample_rate=sample_rate), audio, columns)


def vibrato(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    rate_hz: Setting = 5.0,
    depth_ms: Setting = 0.0,
    phase_deg: Setting = 0.0,
) -> torch.Tensor:
    """Let the pitch swing: y(t) = x(t - depth_ms sin(2 pi rate t)).

    The delay swings around zero and looks ahead by up to the depth, so the sound stays in place on average. The pitch
    swings by a factor of 1 +- 2 pi rate depth: 3 % at 5 Hz and 1 ms. Behind the end is silence. The loss of treble is
    that of the chorus.

    Args:
        audio: (B, C, T). On other devices than the CPU the delay line runs on the CPU.
        sample_rate: Hz.
        rate_hz: 0.1 to 14 Hz.
        depth_ms: largest shift to either side, 0 (the input, bit for bit) to 5 ms.
        phase_deg: lead of the second channel's oscillator, 0 to 180 degrees.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"rate_hz": rate_hz, "depth_ms": depth_ms, "phase_deg": phase_deg}
    columns = read_settings(audio, VIBRATO_TABLE, values)
    return in_chunks(functools.partial(_sweep, sample_rate=sample_rate), audio, columns)


def _line_settings(columns: dict[str, torch.Tensor], channels: int, sample_rate: int) -> torch.Tensor:
    """Return the settings (B C, 5) of `swept_line`; without a delay it swings around zero."""
    depth = columns["depth_ms"] * (sample_rate / 1000.0)
    if "delay_ms" in columns:
        shortest = (columns["delay_ms"] * (sample_rate / 1000.0)).clamp_min(SHORTEST_SAMPLES)
        sweep, feedback = depth / 2.0, columns["feedback"]
        base = shortest + sweep
    else:
        base, sweep, feedback = torch.zeros_like(depth), depth, torch.zeros_like(depth)
    cycles = channel_cycles(columns["phase_deg"], channels)
    each = (base, sweep, columns["rate_hz"] / sample_rate, feedback)
    base, sweep, rate, feedback = (column.unsqueeze(-1).expand_as(cycles) for column in each)
    return torch.stack((base, sweep, rate, cycles, feedback), dim=-1).flatten(0, 1)


def _sweep(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int) -> torch.Tensor:
    settings = _line_settings(columns, audio.shape[1], sample_rate)
    swept = swept_line(audio.flatten(0, 1).cpu(), settings.cpu().double())
    return swept.to(audio.device).reshape(audio.shape)


def _mix_swept(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int) -> torch.Tensor:
    return blend(audio, _sweep(audio, columns, sample_rate), columns["mix"])


class _SweptProcessor(Processor):
    """What the three have in common: streaming."""

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks; it carries the delay line and counts the samples."""
        self.check_names(settings)
        columns = read_constants(self.parameter_table, {**self.defaults(), **settings})

        def design(batch: int, channels: int) -> torch.Tensor:
            each = {name: column.expand(batch) for name, column in columns.items()}
            return _line_settings(each, channels, sample_rate)

        swept = SweptLineStream(design)
        return MixStream(swept, columns["mix"]) if "mix" in columns else swept


class Chorus(_SweptProcessor):
    """A second voice, out of tune and out of time."""

    name = "chorus"
    function = staticmethod(chorus)
    parameter_table = CHORUS_TABLE


class Flanger(_SweptProcessor):
    """A comb that wanders."""

    name = "flanger"
    function = staticmethod(flanger)
    parameter_table = FLANGER_TABLE


class Vibrato(_SweptProcessor):
    """A pitch that swings."""

    name = "vibrato"
    function = staticmethod(vibrato)
    parameter_table = VIBRATO_TABLE
