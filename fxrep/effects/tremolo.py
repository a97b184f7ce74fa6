"""Tremolo and automatic panning."""

from __future__ import annotations

import functools
from typing import Any

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.lfo import oscillator_angle
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_input, per_item, read_constants, read_settings
from fxrep.effects.streaming import Stream

TREMOLO_TABLE = (
    Parameter("rate_hz", "Hz", 0.05, 20.0, "log", 5.0),
    Parameter("depth", "", 0.0, 1.0, "linear", 0.0),
    Parameter("shape", "", 0.0, 1.0, "linear", 0.0),
    Parameter("phase_deg", "deg", 0.0, 180.0, "linear", 0.0),
)
# Steepness of the wave at shape 1: its edges take about 3 % of a period.
STEEPEST = 400.0
# Samples at a time: the oscillator's temporaries, in float64, then stay in the caches.
SEGMENT = 65536


def tremolo(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    rate_hz: Setting = 5.0,
    depth: Setting = 0.0,
    shape: Setting = 0.0,
    phase_deg: Setting = 0.0,
) -> torch.Tensor:
    """Let the level swing: y = x (1 - depth (1 - w) / 2) with the wave w between -1 and 1.

    The wave is c sqrt((1 + q) / (1 + q c^2)), c = cos(2 pi rate t), q = 400 shape: a cosine at shape 0, nearly a
    square at 1. It begins at its top, where the gain is 1.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        rate_hz: 0.05 to 20 Hz.
        depth: 0 (the input, bit for bit) to 1 (down to silence).
        shape: 0 (smooth) to 1 (switching).
        phase_deg: lead of the second channel, 0 to 180 degrees; at 180 the sound wanders from side to side.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"rate_hz": rate_hz, "depth": depth, "shape": shape, "phase_deg": phase_deg}
    columns = read_settings(audio, TREMOLO_TABLE, values)
    return in_chunks(functools.partial(_swing, sample_rate=sample_rate, start=0), audio, columns)


def _swing(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int, start: int) -> torch.Tensor:
    parts = enumerate(audio.split(SEGMENT, -1))
    return torch.cat([_swing_part(part, columns, sample_rate, start + i * SEGMENT) for i, part in parts], -1)


def _swing_part(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int, start: int) -> torch.Tensor:
    channels, samples = audio.shape[1:]
    angle = oscillator_angle(columns["rate_hz"], columns["phase_deg"], channels, sample_rate, samples, start)
    cosine = torch.cos(angle.to(audio.dtype))
    steepness = STEEPEST * columns["shape"]
    wave = cosine * torch.rsqrt(1.0 + cosine.square() * per_item(steepness, audio))
    # Two columns multiply the wave: one pass over it less than writing the formula out.
    half = columns["depth"] / 2.0
    gain = wave * per_item(half * (1.0 + steepness).sqrt(), audio) + per_item(1.0 - half, audio)
    return audio * gain


class _TremoloStream(Stream):
    def __init__(self, columns: dict[str, torch.Tensor], sample_rate: int) -> None:
        self.columns, self.sample_rate, self.done = columns, sample_rate, 0

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        check_input(block, self.sample_rate)
        columns = {name: column.expand(block.shape[0]) for name, column in self.columns.items()}
        effect = functools.partial(_swing, sample_rate=self.sample_rate, start=self.done)
        self.done += block.shape[-1]
        return in_chunks(effect, block, columns)


class Tremolo(Processor):
    """A level that swings."""

    name = "tremolo"
    function = staticmethod(tremolo)
    parameter_table = TREMOLO_TABLE

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks; it counts the samples."""
        self.check_names(settings)
        return _TremoloStream(read_constants(TREMOLO_TABLE, {**self.defaults(), **settings}), sample_rate)
