"""True-peak limiter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from fxrep.effects.ballistics_kernels import ROWS
from fxrep.effects.chunks import items_per_chunk
from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.gain_application_kernels import apply_rows, apply_rows_backward
from fxrep.effects.gain_computer import time_coefficient
from fxrep.effects.limit_kernels import limit_rows
from fxrep.effects.limiter_kernels import (
    TAPS,
    excess_rows,
    excess_rows_backward,
    release_rows,
    release_rows_backward,
)
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.row_threads import over_rows
from fxrep.effects.settings import Setting, check_input, per_item, read_settings
from fxrep.effects.sliding_maximum import slide_rows, slide_rows_backward
from fxrep.effects.streaming import MemorylessStream, Stream
from fxrep.effects.window_kernels import average_rows, hold_rows

LIMITER_TABLE = (
    Parameter("ceiling_db", "dB", -24.0, 0.0, "db", None),
    Parameter("release_ms", "ms", 5.0, 2000.0, "log", 100.0),
)
LOOKAHEAD_MS = 1.5
# Aiming this far below the ceiling keeps the rounding of the arithmetic below it.
MARGIN_DB = 1e-4


def limiter(
    audio: torch.Tensor, sample_rate: int, *, ceiling_db: Setting | None = None, release_ms: Setting = 100.0
) -> torch.Tensor:
    """Keep samples and true peaks below a ceiling; what stays below it anyway passes untouched.

    True peaks are those of ITU-R BS.1770-4, annex 2 (`fxrep.audio.true_peak_db`). The reduction that they need, in dB,
    is held over a window that reaches from all samples that a peak is made of to 1.5 ms before them, released by one
    pole, and averaged over 1.5 ms: the gain arrives in a straight line, in dB, before the peak. An average of values
    that all suffice suffices, so no sample exceeds the ceiling; and the gain is the same for all samples around a
    peak that needs it most, so the true peak does not either (the tests allow 0.1 dB). Channels share one gain. The
    latency is compensated: the audio is not delayed.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        ceiling_db: dBTP, -24 to 0. None: off, the identity.
        release_ms: time constant of the recovery, 5 to 2000 ms.

    Returns:
        (B, C, T). Differentiable in audio and settings. Elsewhere than on the CPU the audio is copied there and back.

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    columns = read_settings(audio, LIMITER_TABLE, {"ceiling_db": ceiling_db, "release_ms": release_ms})
    if ceiling_db is None:
        release = columns["release_ms"]
        # A release that is off has the gradient 0, not none.
        return audio + per_item(0.0 * release, audio) if release.requires_grad else audio.clone()
    keep = time_coefficient(columns["release_ms"].cpu(), sample_rate)
    output: torch.Tensor = _Limiter.apply(
        audio.cpu(), columns["ceiling_db"].cpu(), keep, lookahead_samples(sample_rate)
    )
    return output.to(audio.device)


def lookahead_samples(sample_rate: int) -> int:
    """Return the length of the look-ahead, at least one sample."""
    return max(1, round(LOOKAHEAD_MS * sample_rate / 1000.0))


def _run(kernel: Callable[..., Any], *tensors: torch.Tensor) -> None:
    kernel(*(tensor.numpy() for tensor in tensors))


def _no_lookahead(items: int) -> torch.Tensor:
    """Return the times of `apply_rows` for a gain that is already in its place."""
    return torch.zeros((items, 3), dtype=torch.float64)


def _hold(excess: torch.Tensor, lookahead: int) -> torch.Tensor:
    """Return the largest excess of the window before each time."""
    held = torch.empty_like(excess)
    hold_rows(excess.numpy(), TAPS + lookahead, held.numpy())
    return held


def _hold_backward(gradient: torch.Tensor, excess: torch.Tensor, lookahead: int) -> torch.Tensor:
    """Lead the gradient to where each maximum comes from, which is looked for only now."""
    widths = torch.full((excess.shape[0],), TAPS + lookahead)
    again, where = torch.empty_like(excess), torch.empty(excess.shape, dtype=torch.int32)
    slide_rows(excess.numpy(), widths.numpy(), 0.0, again.numpy(), where.numpy())
    none, width_slope = (torch.zeros(excess.shape[0], dtype=torch.float64) for _ in range(2))
    slope = torch.empty_like(excess)
    _run(slide_rows_backward, gradient, excess, where, widths, none, slope, width_slope)
    return slope


def _stages(audio: torch.Tensor, aim_db: torch.Tensor, keep: torch.Tensor, lookahead: int) -> list[torch.Tensor]:
    """Return padded audio, excess, held and released excess, and gain in dB with one value to spare, of some items."""
    items, samples = audio.shape[0], audio.shape[2]
    # Times m of the interpolator: it runs in before the first sample and out after the last.
    padded = F.pad(audio, (TAPS - 1, TAPS - 1 + lookahead))
    excess = audio.new_empty((items, samples + TAPS - 1 + lookahead))
    _run(excess_rows, padded, aim_db, excess)
    held, smooth = _hold(excess, lookahead), torch.empty_like(excess)
    _run(release_rows, held, keep, torch.zeros(items, dtype=torch.float64), smooth)
    # The mean over the look-ahead ends 11 samples, and the look-ahead, after the sample that it is for.
    gains = audio.new_zeros((items, 1, samples + 1))
    average_rows(smooth.numpy(), TAPS - 1, lookahead + 1, -1.0, gains[:, 0].numpy())
    return [padded, excess, held, smooth, gains]


def _limit_backward(
    gradient: torch.Tensor, audio: torch.Tensor, aim_db: torch.Tensor, keep: torch.Tensor, lookahead: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of the audio, of the ceiling and of the coefficient of the release, for some items."""
    items, samples = audio.shape[0], audio.shape[2]
    padded, excess, held, smooth, gains = _stages(audio, aim_db, keep, lookahead)
    audio_slope, gain_slope = torch.empty_like(audio), torch.empty_like(gains)
    none, times = torch.zeros(items, dtype=torch.float64), _no_lookahead(items)
    unused = torch.empty((items, 2), dtype=torch.float64)
    _run(apply_rows_backward, gradient, audio, gains, times, none, audio_slope, gain_slope, unused)
    # The adjoint of a mean over neighbours is the same mean of the gradient, with zeros around it.
    spread = F.pad(gain_slope[:, 0, :-1], (TAPS - 1 + lookahead, lookahead))
    smooth_slope, held_slope = torch.empty_like(held), torch.empty_like(held)
    average_rows(spread.numpy(), 0, lookahead + 1, -1.0, smooth_slope.numpy())
    keep_slope, ceiling_slope = torch.empty_like(keep), torch.empty_like(keep)
    _run(release_rows_backward, smooth_slope, held, smooth, keep, held_slope, keep_slope)
    excess_slope, padded_slope = _hold_backward(held_slope, excess, lookahead), torch.zeros_like(padded)
    _run(excess_rows_backward, excess_slope, padded, excess, padded_slope, ceiling_slope)
    audio_slope += padded_slope[..., TAPS - 1 : TAPS - 1 + samples]
    return audio_slope, ceiling_slope, keep_slope


def _limit_items(audio: Any, aim_db: Any, keep: Any, output: Any, lookahead: int) -> None:
    limit_rows(audio, aim_db, keep, lookahead, output)


class _Limiter(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, audio: torch.Tensor, ceiling_db: torch.Tensor, keep: torch.Tensor, lookahead: int
    ) -> torch.Tensor:
        source, keep, aim_db = audio.contiguous(), keep.contiguous(), (ceiling_db - MARGIN_DB).contiguous()
        output = torch.empty_like(source)
        arrays = (tensor.numpy() for tensor in (source, aim_db, keep, output))
        over_rows(_limit_items, *arrays, settings=(lookahead,), step=ROWS)
        # What lies between input and output is calculated again for the gradient, a few items at a time.
        ctx.save_for_backward(source, aim_db, keep)
        ctx.lookahead = lookahead
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        audio, aim_db, keep = ctx.saved_tensors
        slopes = torch.empty_like(audio), torch.empty_like(aim_db), torch.empty_like(keep)
        size, gradient = items_per_chunk(audio), gradients[0].contiguous()
        for start in range(0, len(audio), size):
            here = slice(start, start + size)
            parts = _limit_backward(gradient[here], audio[here], aim_db[here], keep[here], ctx.lookahead)
            for whole, part in zip(slopes, parts, strict=True):
                whole[here] = part
        return *slopes, None


class LimiterStream(Stream):
    """The limiter with its memory, on the CPU.

    Args:
        sample_rate: Hz.
        ceiling_db: as for `limiter`, but not None.
        release_ms: as for `limiter`.
    """

    def __init__(self, sample_rate: int, ceiling_db: Setting, release_ms: Setting) -> None:
        self.sample_rate, self.settings = sample_rate, {"ceiling_db": ceiling_db, "release_ms": release_ms}
        self.lookahead = lookahead_samples(sample_rate)
        # How much later than a sample its gain is known.
        self.latency = TAPS - 1 + self.lookahead
        self.audio: torch.Tensor | None = None

    def _start(self, block: torch.Tensor) -> None:
        columns = read_settings(block, LIMITER_TABLE, self.settings)
        self.aim_db = (columns["ceiling_db"] - MARGIN_DB).detach().contiguous()
        self.keep = time_coefficient(columns["release_ms"], self.sample_rate).detach().contiguous()
        items, channels = block.shape[:2]
        self.past = block.new_zeros((items, channels, TAPS - 1))
        self.excess = block.new_zeros((items, TAPS + self.lookahead - 1))
        self.smooth = block.new_zeros((items, self.lookahead))
        self.states = torch.zeros(items, dtype=torch.float64)
        self.audio, self.skip = block[..., :0], self.latency

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Take the next block (B, C, T) and return what is ready."""
        check_input(block, self.sample_rate)
        if self.audio is None:
            self._start(block)
            assert self.audio is not None
        self.audio = torch.cat((self.audio, block), -1)
        return self._advance(block)

    @torch.no_grad()
    def finish(self) -> torch.Tensor | None:
        """Return the samples whose look-ahead meets the end."""
        if self.audio is None:
            return None
        return self._advance(self.audio.new_zeros((*self.audio.shape[:2], self.latency)))

    def _advance(self, block: torch.Tensor) -> torch.Tensor:
        assert self.audio is not None
        gain_db = self._gain(block)
        dropped = min(self.skip, gain_db.shape[-1])
        self.skip -= dropped
        gain_db = gain_db[:, None, dropped:]
        ready = gain_db.shape[-1]
        source, self.audio = self.audio[..., :ready].contiguous(), self.audio[..., ready:].clone()
        output, none = torch.empty_like(source), torch.zeros(source.shape[0], dtype=torch.float64)
        gains = F.pad(gain_db, (0, 1))
        _run(apply_rows, source, gains, _no_lookahead(len(none)), none, output)
        return output

    def _gain(self, block: torch.Tensor) -> torch.Tensor:
        samples = block.shape[-1]
        padded = torch.cat((self.past, block), -1)
        self.past = padded[..., -(TAPS - 1) :].clone()
        excess = block.new_empty((block.shape[0], samples))
        _run(excess_rows, padded, self.aim_db, excess)
        joined = torch.cat((self.excess, excess), -1)
        self.excess = joined[:, -self.excess.shape[-1] :].clone()
        held = _hold(joined, self.lookahead)[:, -samples:].contiguous()
        smooth = torch.empty_like(held)
        _run(release_rows, held, self.keep, self.states, smooth)
        joined = torch.cat((self.smooth, smooth), -1)
        self.smooth = joined[:, -self.lookahead :].clone()
        gain_db = joined.new_empty((joined.shape[0], samples))
        average_rows(joined.numpy(), 0, self.lookahead + 1, -1.0, gain_db.numpy())
        return gain_db


class Limiter(Processor):
    """A ceiling that nothing exceeds."""

    name = "limiter"
    function = staticmethod(limiter)
    parameter_table = LIMITER_TABLE

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the limiter with its memory."""
        self.check_names(settings)
        given = {**self.defaults(), **settings}
        if given.get("ceiling_db") is None:
            return MemorylessStream(lambda block: self(block, sample_rate, **settings))
        return LimiterStream(sample_rate, given["ceiling_db"], given["release_ms"])
