"""Reduction of bits and of the sample rate."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.crush_kernels import crush_rows, crush_rows_backward
from fxrep.effects.finite import check_finite
from fxrep.effects.oversampling import OVERSAMPLING, read_factor, shaper_stream
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.row_curves import RowCurve, apply_curve
from fxrep.effects.segment_averaging import average_oversampled, mean_rounding
from fxrep.effects.settings import Setting, blend, check_form, check_input, per_item, read_constants, read_settings
from fxrep.effects.streaming import MixStream, SeriesStream, Stream

OFF_BITS = 24.0
LARGEST_FACTOR = 64.0
BIT_CRUSHER_TABLE = (
    Parameter("bits", "bit", 1.0, OFF_BITS, "linear", OFF_BITS),
    Parameter("rate_factor", "", 1.0, LARGEST_FACTOR, "log", 1.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 1.0),
)
# Samples to hold at a time: the places in float64 and the gathered neighbours then stay in the caches.
SEGMENT = 65536
# How far a held value may lie ahead, with the neighbour that interpolation needs.
LOOK_AHEAD = math.ceil(LARGEST_FACTOR / 2.0) + 2


def bit_crusher(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    bits: Setting = OFF_BITS,
    rate_factor: Setting = 1.0,
    mix: Setting = 1.0,
    oversampling: str = "1",
) -> torch.Tensor:
    """Hold samples at a lower rate, then round them to few bits.

    Holding: output sample n is the input at time k r, k = floor(n / r + 1/2), r the rate factor; between samples the
    input is interpolated linearly. The value held is the one in the middle of its span, so nothing is delayed. The
    gradient of r is exact (the steps from one k to the next, at isolated r, apart).

    Rounding: y = d round(x / d), d = 2^(1 - bits), bits need not be whole; 24 bits are float32's own and leave the
    audio as it is. Its true gradient is zero or a spike everywhere. The one given is the straight-through estimator of
    learned step sizes (S. K. Esser et al., "Learned Step Size Quantization", ICLR 2020): 1 for the audio and
    (y - x) / d for d.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence, the held rate is sample_rate / rate_factor.
        bits: 1 to 24 (off). The full scale is -1 to 1; what lies beyond is rounded, not clipped.
        rate_factor: input samples per held sample, 1 (off) to 64.
        mix: 0 (the input, bit for bit) to 1 (only crushed).
        oversampling: factor for the rounding, see `fxrep.effects.segment_averaging`. 8 keeps what rounding folds
            back of a full-scale tone of 5 kHz below -60 dB at any number of bits, 2 does from 6 bits up. The steps
            are then band-limited: what comes out lies between the levels. What holding folds back is its sound and
            stays at every factor.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_form(audio, sample_rate)
    columns = read_settings(audio, BIT_CRUSHER_TABLE, {"bits": bits, "rate_factor": rate_factor, "mix": mix})
    factor = read_factor(oversampling)
    if factor == 1:
        step = torch.where(columns["bits"] >= OFF_BITS, 0.0, torch.exp2(1.0 - columns["bits"]))
        constants = torch.stack((columns["rate_factor"], step, columns["mix"]), 1)
        return apply_curve(CRUSH, audio, constants, check=True)
    check_finite(audio)
    return in_chunks(functools.partial(_crush, factor=factor), audio, columns)


def _crush(audio: torch.Tensor, columns: dict[str, torch.Tensor], factor: int) -> torch.Tensor:
    held = _hold_all(audio, columns["rate_factor"])
    return blend(audio, quantize(held, columns["bits"], factor), columns["mix"])


def _crush_by_tensors(audio: torch.Tensor, constants: torch.Tensor) -> torch.Tensor:
    rate, step, mix = constants.unbind(1)
    held, step = _hold_all(audio, rate), per_item(step, audio)
    off = step == 0.0
    unit = torch.where(off, 1.0, step)
    return torch.lerp(audio, torch.where(off, held, _round(held / unit) * unit), per_item(mix, audio))


CRUSH = RowCurve(crush_rows, crush_rows_backward, _crush_by_tensors)


def _hold_all(audio: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return torch.cat([_hold_part(audio, factor, first) for first in range(0, audio.shape[-1], SEGMENT)], -1)


def _hold_part(audio: torch.Tensor, factor: torch.Tensor, first: int) -> torch.Tensor:
    start, end = max(0, first - LOOK_AHEAD), min(audio.shape[-1], first + SEGMENT)
    return hold(audio[..., start : end + LOOK_AHEAD], factor, start, first, end - first)


def hold(audio: torch.Tensor, factor: torch.Tensor, start: int, first: int, count: int) -> torch.Tensor:
    """Sample and hold.

    Args:
        audio: (B, C, T).
        factor: (B,), from 1 up.
        start: number of the first sample of `audio` in the whole signal.
        first: number in the whole signal of the first sample to return.
        count: samples to return.

    Returns:
        (B, C, count). Behind the end of the audio is silence.
    """
    channels, samples = audio.shape[1:]
    if bool((factor == 1.0).all()) and not factor.requires_grad:
        return audio[..., first - start : first - start + count].clone()
    ratio = factor.unsqueeze(-1)
    time = torch.arange(first, first + count, device=audio.device, dtype=factor.dtype)
    position = torch.floor(time / ratio.detach() + 0.5) * ratio - start
    index = position.detach().floor()
    share = (position - index).to(audio.dtype).unsqueeze(1)
    index = index.long().unsqueeze(1).expand(-1, channels, -1)
    padded = torch.nn.functional.pad(audio, (0, 2))
    early = padded.gather(-1, index.clamp(0, samples))
    return torch.lerp(early, padded.gather(-1, (index + 1).clamp(0, samples + 1)), share)


def quantize(audio: torch.Tensor, bits: torch.Tensor, factor: int = 1) -> torch.Tensor:
    """Round to a number of bits with the straight-through gradient; items with 24 bits pass.

    Args:
        audio: (B, C, T).
        bits: (B,).
        factor: of oversampling.
    """
    if bool((bits >= OFF_BITS).all()) and not bits.requires_grad:
        return audio
    step = per_item(torch.exp2(1.0 - bits), audio)
    if factor == 1:
        rounded = _round(audio / step) * step
    else:
        rounded = average_oversampled(audio, factor, lambda x, y: mean_rounding(x / step, y / step) * step)
    off = (bits >= OFF_BITS).reshape(-1, 1, 1)
    return torch.where(off, audio, rounded) if bool(off.any()) else rounded


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor) -> torch.Tensor:
        return torch.round(audio)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0]


def _round(audio: torch.Tensor) -> torch.Tensor:
    rounded: torch.Tensor = _StraightThrough.apply(audio)
    return rounded


class _HoldStream(Stream):
    """Sample and hold, block by block."""

    def __init__(self, factor: torch.Tensor) -> None:
        self.factor = factor
        self.kept: torch.Tensor | None = None
        self.start = self.done = 0

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        self.kept = block if self.kept is None else torch.cat((self.kept, block), -1)
        return self._advance(self.start + self.kept.shape[-1] - LOOK_AHEAD)

    @torch.no_grad()
    def finish(self) -> torch.Tensor | None:
        return None if self.kept is None else self._advance(self.start + self.kept.shape[-1])

    def _advance(self, end: int) -> torch.Tensor:
        assert self.kept is not None
        if end <= self.done:
            return self.kept[..., :0]
        factor = self.factor.expand(self.kept.shape[0])
        ready = hold(self.kept, factor, self.start, self.done, end - self.done)
        # A held value lies behind by half a span at most, as far as it may lie ahead.
        start = max(self.start, end - LOOK_AHEAD)
        self.kept, self.start, self.done = self.kept[..., start - self.start :].clone(), start, end
        return ready


class BitCrusher(Processor):
    """Fewer bits and a lower sample rate."""

    name = "bit_crusher"
    function = staticmethod(bit_crusher)
    parameter_table = BIT_CRUSHER_TABLE
    choices = (OVERSAMPLING,)

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks."""
        self.check_names(settings)
        settings = {**self.defaults(), **settings}
        columns = read_constants(BIT_CRUSHER_TABLE, {p.name: settings[p.name] for p in BIT_CRUSHER_TABLE})
        factor = read_factor(settings["oversampling"])

        def rounded(block: torch.Tensor) -> torch.Tensor:
            check_input(block, sample_rate)
            return quantize(block, columns["bits"].expand(block.shape[0]), factor)

        return MixStream(
            SeriesStream([_HoldStream(columns["rate_factor"]), shaper_stream(rounded, settings)]), columns["mix"]
        )
