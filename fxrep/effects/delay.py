"""Echoes: a delay line with feedback, a low-pass in its loop, and echoes that go from side to side."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.echo_line import EchoLineStream, echo_line
from fxrep.effects.gain_computer import time_coefficient
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, blend, check_choice, check_input, read_constants, read_settings
from fxrep.effects.streaming import MixStream, Stream

DELAY_TABLE = (
    Parameter("time_ms", "ms", 1.0, 2000.0, "log", 300.0),
    Parameter("feedback", "", 0.0, 0.95, "linear", 0.4),
    Parameter("damping_hz", "Hz", 500.0, 20000.0, "log", 8000.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 0.0),
)
PATTERN = Choice("pattern", ("straight", "ping_pong"), "straight")


def delay(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    time_ms: Setting = 300.0,
    feedback: Setting = 0.4,
    damping_hz: Setting = 8000.0,
    mix: Setting = 0.0,
    pattern: str = "straight",
) -> torch.Tensor:
    """Add echoes.

    The first echo is the input, later by the time, which need not be a whole number of samples; every further one has
    gone through the low-pass and the feedback once more. The low-pass is a one-pole filter, y <- y + (1 - p) (x - y),
    p = exp(-2 pi damping_hz / sample_rate), which also exists above Nyquist. See `echo_line`.

    Between two samples the line is read by a cubic, which takes treble off every echo, each time it goes round. At a
    delay half-way between samples, the worst, and 44.1 kHz: -0.1 dB at 5 kHz, -0.7 dB at 10 kHz, -3.5 dB at 15 kHz and
    -7.6 dB at 18 kHz; at another rate these frequencies lie in proportion. A whole number of samples loses nothing.

    Args:
        audio: (B, C, T). On other devices than the CPU the delay line runs on the CPU.
        sample_rate: Hz.
        time_ms: between two echoes, 1 to 2000 ms.
        feedback: level of an echo relative to the one before it, 0 to 0.95.
        damping_hz: where the low-pass begins, 500 to 20000 Hz.
        mix: 0 (the input, bit for bit) to 1 (only echoes); a linear cross-fade.
        pattern: ``straight``: every channel has its own echoes; ``ping_pong``: the mean of the channels enters on the
            left and the echoes alternate, left, right, left. Mono has no sides: both are the same.

    Returns:
        (B, C, T); the echoes beyond the input's length are cut.

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"time_ms": time_ms, "feedback": feedback, "damping_hz": damping_hz, "mix": mix}
    columns = read_settings(audio, DELAY_TABLE, values)
    crossed = check_choice(PATTERN, pattern) == "ping_pong" and audio.shape[1] == 2
    return in_chunks(functools.partial(_echo, sample_rate=sample_rate, crossed=crossed), audio, columns)


def _echo(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int, crossed: bool) -> torch.Tensor:
    source = feed_left(audio) if crossed else audio
    wet = echo_line(source.cpu(), line_settings(columns, sample_rate).cpu().double(), crossed).to(audio.device)
    return blend(audio, wet, columns["mix"])


def feed_left(audio: torch.Tensor) -> torch.Tensor:
    """Return the mean of the two channels on the left and nothing on the right."""
    middle = audio.mean(1, keepdim=True)
    return torch.cat((middle, torch.zeros_like(middle)), 1)


def line_settings(columns: dict[str, torch.Tensor], sample_rate: int) -> torch.Tensor:
    """Return the settings (B, 3) of `echo_line`: delay in samples (at least 2), feedback, pole of the low-pass."""
    samples = (columns["time_ms"] * (sample_rate / 1000.0)).clamp_min(2.0)
    pole = time_coefficient(1000.0 / (2.0 * math.pi * columns["damping_hz"]), sample_rate)
    return torch.stack((samples, columns["feedback"], pole), dim=-1)


class Delay(Processor):
    """Echoes."""

    name = "delay"
    function = staticmethod(delay)
    parameter_table = DELAY_TABLE
    choices = (PATTERN,)
    above_nyquist = ("damping_hz",)

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks; it carries the delay lines and the state of the low-pass."""
        self.check_names(settings)
        settings = {**self.defaults(), **settings}
        columns = read_constants(DELAY_TABLE, {p.name: settings[p.name] for p in DELAY_TABLE})
        ping_pong = check_choice(PATTERN, settings["pattern"]) == "ping_pong"
        return MixStream(EchoLineStream(line_settings(columns, sample_rate), ping_pong, feed_left), columns["mix"])
