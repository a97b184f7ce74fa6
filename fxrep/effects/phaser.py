"""Phaser: a row of all-passes whose frequency swings."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch

from fxrep.effects.allpass_ladder import CONTROL_STEP, AllpassLadderStream, allpass_ladder
from fxrep.effects.chunks import in_chunks
from fxrep.effects.lfo import SPREAD, oscillator_angle
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, blend, check_choice, check_input, read_constants, read_settings
from fxrep.effects.streaming import MixStream, Stream

PHASER_TABLE = (
    Parameter("rate_hz", "Hz", 0.02, 10.0, "log", 0.5),
    Parameter("centre_hz", "Hz", 100.0, 3000.0, "log", 800.0),
    Parameter("depth_octaves", "octaves", 0.0, 3.0, "linear", 1.5),
    Parameter("feedback", "", -0.9, 0.9, "linear", 0.3),
    SPREAD,
    Parameter("mix", "", 0.0, 1.0, "linear", 0.0),
)
STAGES = Choice("stages", ("2", "4", "6", "8", "12"), "4")
# The bilinear transform squeezes what lies above.
HIGHEST_SHARE = 0.45


def phaser(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    rate_hz: Setting = 0.5,
    centre_hz: Setting = 800.0,
    depth_octaves: Setting = 1.5,
    feedback: Setting = 0.3,
    phase_deg: Setting = 90.0,
    mix: Setting = 0.0,
    stages: str = "4",
) -> torch.Tensor:
    """Turn the phase by a row of first-order all-passes; mixed with the input, notches appear and wander.

    All stages turn by 90 degrees at f = centre_hz 2^(depth_octaves sin(2 pi rate t)), at most 0.45 of the sample rate.
    The output of the last stage enters the first again, one sample later. The coefficient is computed from f at
    every 16th sample and runs linearly in between, see `allpass_ladder`.

    Args:
        audio: (B, C, T). On other devices than the CPU the all-passes run on the CPU.
        sample_rate: Hz.
        rate_hz: 0.02 to 10 Hz.
        centre_hz: 100 to 3000 Hz.
        depth_octaves: to either side, 0 to 3 octaves.
        feedback: -0.9 to 0.9.
        phase_deg: lead of the second channel's oscillator, 0 to 180 degrees.
        mix: 0 (the input, bit for bit) to 1 (only all-passes, no notches); a linear cross-fade.
        stages: number of all-passes; every two make one notch.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"rate_hz": rate_hz, "centre_hz": centre_hz, "depth_octaves": depth_octaves, "feedback": feedback}
    columns = read_settings(audio, PHASER_TABLE, {**values, "phase_deg": phase_deg, "mix": mix})
    count = int(check_choice(STAGES, stages))
    return in_chunks(functools.partial(_phase, sample_rate=sample_rate, stages=count), audio, columns)


def _phase(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int, stages: int) -> torch.Tensor:
    channels, samples = audio.shape[1:]
    points = control_points(columns, channels, sample_rate, (samples - 1) // CONTROL_STEP + 2).flatten(0, 1)
    feedback = columns["feedback"].repeat_interleave(channels)
    turned = allpass_ladder(audio.flatten(0, 1).cpu(), points.cpu().double(), feedback.cpu().double(), stages)
    return blend(audio, turned.to(audio.device).reshape(audio.shape), columns["mix"])


def control_points(
    columns: dict[str, torch.Tensor], channels: int, sample_rate: int, count: int, start: int = 0
) -> torch.Tensor:
    """Return the coefficient a = (1 - K) / (1 + K), K = tan(pi f / sample_rate), of all stages.

    Args:
        columns: the settings (B,).
        channels: C.
        sample_rate: Hz.
        count: N points, one every 16 samples.
        start: number of the first sample.

    Returns:
        (B, C, N) float64.
    """
    angle = oscillator_angle(
        columns["rate_hz"], columns["phase_deg"], channels, sample_rate, count, start, CONTROL_STEP
    )
    centre, depth = columns["centre_hz"][:, None, None], columns["depth_octaves"][:, None, None]
    frequency = (centre * torch.exp2(depth * torch.sin(angle))).clamp_max(HIGHEST_SHARE * sample_rate)
    warp = torch.tan(frequency * (math.pi / sample_rate))
    return (1.0 - warp) / (1.0 + warp)


class Phaser(Processor):
    """Notches that wander."""

    name = "phaser"
    function = staticmethod(phaser)
    parameter_table = PHASER_TABLE
    choices = (STAGES,)

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks; it carries the all-passes and counts the samples."""
        self.check_names(settings)
        settings = {**self.defaults(), **settings}
        columns = read_constants(PHASER_TABLE, {p.name: settings[p.name] for p in PHASER_TABLE})
        stages = int(check_choice(STAGES, settings["stages"]))

        def points(batch: int, channels: int, start: int, count: int) -> torch.Tensor:
            each = {name: column.expand(batch) for name, column in columns.items()}
            return control_points(each, channels, sample_rate, count, start)

        return MixStream(AllpassLadderStream(points, columns["feedback"], stages), columns["mix"])
