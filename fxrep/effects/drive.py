"""Drives: a symmetric one with a tone control, and an asymmetric one like a tube."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.finite import check_finite
from fxrep.effects.gain_computer import time_coefficient
from fxrep.effects.level import db_to_gain
from fxrep.effects.oversampling import OVERSAMPLING, bend_oversampled, read_factor, shaper_stream
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.section_filtering import SectionStream, filter_by_recursion
from fxrep.effects.settings import Setting, blend, check_form, check_input, per_item, read_constants, read_settings
from fxrep.effects.streaming import MemorylessStream, MixStream, SeriesStream, Stream
from fxrep.effects.waveshaping import drive_square, unit_tanh

DRIVE = Parameter("drive_db", "dB", 0.0, 36.0, "db", 0.0)
OUTPUT = Parameter("output_db", "dB", -24.0, 12.0, "db", 0.0)
MIX = Parameter("mix", "", 0.0, 1.0, "linear", 1.0)
TANH_DRIVE_TABLE = (DRIVE, Parameter("tone_db", "dB", -12.0, 12.0, "db", 0.0), OUTPUT, MIX)
TUBE_DRIVE_TABLE = (DRIVE, Parameter("bias", "", -0.9, 0.9, "linear", 0.5), OUTPUT, MIX)
TONE_PIVOT_HZ = 1000.0
# Time constant of the high-pass that removes DC: 10 Hz.
DC_MS = 1000.0 / (2.0 * math.pi * 10.0)


def tanh_drive(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    drive_db: Setting = 0.0,
    tone_db: Setting = 0.0,
    output_db: Setting = 0.0,
    mix: Setting = 1.0,
    oversampling: str = "1",
) -> torch.Tensor:
    """Overdrive: y = (g / k) tanh(k x) with g = 10^(drive_db / 20), k^2 = g^2 - 1, then a tilt of the tone.

    The drive is the gain of quiet sound, exactly; the ceiling g / k comes down to full scale (0.3 dB above it at
    12 dB). At 0 dB it is the identity. The tilt is a first-order filter, (a s + 1) / (s + a) with s = 1 at 1 kHz and
    a = 10^(tone_db / 20): that many dB more at the top and less at the bottom, 0 dB at 1 kHz.

    Args:
        audio: (B, C, T). On other devices than the CPU the tilt, unless it is 0 and wants no gradient, runs on the
            CPU.
        sample_rate: Hz.
        drive_db: dB, 0 to 36.
        tone_db: dB, -12 (dark) to 12 (bright).
        output_db: gain afterwards, -24 to 12 dB.
        mix: 0 (the input, bit for bit) to 1 (only driven).
        oversampling: factor, see `bend_oversampled`. 4 keeps aliasing below -60 dB for a full-scale tone of 5 kHz at
            12 dB and 44.1 kHz.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_form(audio, sample_rate)
    values = {"drive_db": drive_db, "tone_db": tone_db, "output_db": output_db, "mix": mix}
    columns = read_settings(audio, TANH_DRIVE_TABLE, values)
    factor, level = read_factor(oversampling), db_to_gain(columns["drive_db"]) * db_to_gain(columns["output_db"])
    square, toned = drive_square(columns["drive_db"]), _has_tone(columns["tone_db"])
    if factor == 1:
        wet = unit_tanh(audio, square, level, None if toned else columns["mix"], check=True)
    else:
        check_finite(audio)
        wet = in_chunks(functools.partial(_drive, factor=factor), audio, {"square": square, "level": level})
    if toned:
        wet = _filter(wet, tilt_coefficients(columns["tone_db"], sample_rate))
    return blend(audio, wet, columns["mix"]) if toned or factor > 1 else wet


def _has_tone(tone_db: torch.Tensor) -> bool:
    """Whether there is a tilt, or someone who wants to know what one would do."""
    return (tone_db.requires_grad and torch.is_grad_enabled()) or bool((tone_db != 0).any())


def _drive(audio: torch.Tensor, parts: dict[str, torch.Tensor], factor: int) -> torch.Tensor:
    return bend_oversampled(audio, factor, lambda x: unit_tanh(x, parts["square"], parts["level"]))


def tilt_coefficients(tone_db: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Return (B, 1, 5) for the recursion: b0, b1, b2, a1, a2 of the first-order tilt around 1 kHz."""
    top, warp = db_to_gain(tone_db), math.tan(math.pi * TONE_PIVOT_HZ / sample_rate)
    zero, scale = torch.zeros_like(top), 1.0 / (1.0 + top * warp)
    parts = ((top + warp) * scale, (warp - top) * scale, zero, (top * warp - 1.0) * scale, zero)
    return torch.stack(parts, -1).unsqueeze(1)


def _filter(audio: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    return filter_by_recursion(audio.cpu(), coefficients.cpu()).to(audio.device)


class TanhDrive(Processor):
    """Symmetric overdrive with a tone control."""

    name = "tanh_drive"
    function = staticmethod(tanh_drive)
    parameter_table = TANH_DRIVE_TABLE
    choices = (OVERSAMPLING,)

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks."""
        self.check_names(settings)
        settings = {**self.defaults(), **settings}
        columns = read_constants(TANH_DRIVE_TABLE, {p.name: settings[p.name] for p in TANH_DRIVE_TABLE})
        dry = {**settings, "tone_db": 0.0, "mix": 1.0}
        bend = shaper_stream(lambda block: self(block, sample_rate, **dry), settings)
        tilt = SectionStream(tilt_coefficients(columns["tone_db"], sample_rate))
        return MixStream(SeriesStream([bend, tilt]), columns["mix"])


def tube_drive(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    drive_db: Setting = 0.0,
    bias: Setting = 0.5,
    output_db: Setting = 0.0,
    mix: Setting = 1.0,
    oversampling: str = "1",
) -> torch.Tensor:
    """Asymmetric overdrive: a tanh around a shifted operating point, with its harmonics of even order.

    With g = 10^(drive_db / 20), k^2 = g^2 - 1 and u = tanh(k x) / k the curve is y = g u / (1 + bias (k^2 / g) u). For
    a strong drive it is tanh(k x + b) - tanh(b) with tanh(b) = bias, scaled to the gain g for quiet sound; at 0 dB it
    is the identity at every bias. The DC that the asymmetry makes is removed: what the curve adds to the input passes
    a first-order high-pass at 10 Hz.

    Args:
        audio: (B, C, T). On other devices than the CPU the high-pass runs on the CPU.
        sample_rate: Hz.
        drive_db: dB, 0 to 36.
        bias: -0.9 to 0.9: above 0 the positive half is squeezed and the negative half stretched, to 1 / (1 - bias).
        output_db: gain afterwards, -24 to 12 dB.
        mix: 0 (the input, bit for bit) to 1 (only driven).
        oversampling: factor, see `bend_oversampled`. 4 keeps aliasing below -60 dB for a full-scale tone of 5 kHz at
            12 dB and 44.1 kHz.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"drive_db": drive_db, "bias": bias, "output_db": output_db, "mix": mix}
    columns = read_settings(audio, TUBE_DRIVE_TABLE, values)
    change = in_chunks(functools.partial(tube_change, factor=read_factor(oversampling)), audio, columns)
    wet = audio + _filter(change, dc_coefficients(sample_rate).expand(audio.shape[0], -1, -1))
    wet = wet * per_item(db_to_gain(columns["output_db"]), audio)
    return blend(audio, wet, columns["mix"])


def tube_change(audio: torch.Tensor, columns: dict[str, torch.Tensor], factor: int) -> torch.Tensor:
    """Return what the curve alone adds to the audio, DC included.

    Args:
        audio: (B, C, T).
        columns: ``drive_db`` and ``bias``, (B,) each.
        factor: of oversampling.
    """
    square, level = drive_square(columns["drive_db"]), db_to_gain(columns["drive_db"])
    lean = columns["bias"] * square / level.square()

    def bend(x: torch.Tensor) -> torch.Tensor:
        symmetric = unit_tanh(x, square, level)
        return symmetric / (1.0 + symmetric * per_item(lean, x))

    return bend_oversampled(audio, factor, bend) - audio


def dc_coefficients(sample_rate: int) -> torch.Tensor:
    """Return (1, 1, 5) for the recursion: a first-order high-pass at 10 Hz."""
    pole = float(time_coefficient(torch.tensor(DC_MS, dtype=torch.float64), sample_rate))
    gain = (1.0 + pole) / 2.0
    return torch.tensor([[[gain, -gain, 0.0, -pole, 0.0]]], dtype=torch.float64)


class _WithoutDC(Stream):
    """Adds what a curve changes, freed from DC, to the dry signal that comes beside it as further channels."""

    def __init__(self, sample_rate: int) -> None:
        self.high_pass = SectionStream(dc_coefficients(sample_rate))

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        dry, change = block.chunk(2, dim=1)
        return dry + self.high_pass.push(change)


class TubeDrive(Processor):
    """Asymmetric overdrive."""

    name = "tube_drive"
    function = staticmethod(tube_drive)
    parameter_table = TUBE_DRIVE_TABLE
    choices = (OVERSAMPLING,)

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks."""
        self.check_names(settings)
        settings = {**self.defaults(), **settings}
        columns = read_constants(TUBE_DRIVE_TABLE, {p.name: settings[p.name] for p in TUBE_DRIVE_TABLE})
        factor = read_factor(settings["oversampling"])

        def beside(block: torch.Tensor) -> torch.Tensor:
            check_input(block, sample_rate)
            each = {name: column.expand(block.shape[0]) for name, column in columns.items()}
            return torch.cat((block, tube_change(block, each, factor)), 1)

        level = db_to_gain(columns["output_db"])
        output = MemorylessStream(lambda block: block * per_item(level, block))
        wet = SeriesStream([shaper_stream(beside, settings), _WithoutDC(sample_rate), output])
        return MixStream(wet, columns["mix"])
