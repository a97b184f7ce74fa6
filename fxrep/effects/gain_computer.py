"""From a level to a gain: the static curve, attack and release, and the gain on the audio.

Compressor, expander and gate are one computation: how far the level lies beyond a threshold (above it, or below it),
times a slope, not below a floor, gives the gain in dB; this gain is smoothed by one pole, with one time constant while
it falls and another while it rises.

Times are time constants, see `fxrep.effects.dynamics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from fxrep.effects.ballistics import smooth_ballistics
from fxrep.effects.gain_kernels import (
    NARROWEST_KNEE,
    apply_rows,
    apply_rows_backward,
    smooth_rows,
    smooth_rows_backward,
)
from fxrep.effects.level import db_to_gain
from fxrep.effects.level_kernels import QUIETEST_DB

# A floor that no gain reaches.
NO_FLOOR_DB = -1000.0


@dataclass(frozen=True)
class GainCurve:
    """Settings of a gain computer, float64 columns (B,).

    Attributes:
        sign: 1 to act above the threshold, -1 below it.
        threshold_db: dBFS.
        slope: dB of gain per dB beyond the threshold, 0 or less.
        knee_db: width of the parabola around the threshold.
        floor_db: smallest gain, 0 or less.
        fall: coefficient of the pole while the gain falls, see `time_coefficient`.
        rise: coefficient while it rises.
        lookahead: samples, not necessarily whole.
        makeup_db: gain afterwards.
    """

    sign: float
    threshold_db: torch.Tensor
    slope: torch.Tensor
    knee_db: torch.Tensor
    floor_db: torch.Tensor
    fall: torch.Tensor
    rise: torch.Tensor
    lookahead: torch.Tensor
    makeup_db: torch.Tensor

    def curve(self) -> torch.Tensor:
        """Return (B, 5): sign, threshold, slope, knee, floor."""
        sign = torch.full_like(self.threshold_db, self.sign)
        return torch.stack((sign, self.threshold_db, self.slope, self.knee_db, self.floor_db), 1)

    def times(self) -> torch.Tensor:
        """Return (B, 3): the two coefficients and the look-ahead."""
        return torch.stack((self.fall, self.rise, self.lookahead), 1)


def time_coefficient(time_ms: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Return exp(-1 / (sample_rate tau)), the share of the old value that a one-pole smoother keeps per sample."""
    return torch.exp(-1000.0 / (time_ms * sample_rate))


class _Gain(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        audio: torch.Tensor,
        level: torch.Tensor,
        curve: torch.Tensor,
        times: torch.Tensor,
        makeup_db: torch.Tensor,
    ) -> torch.Tensor:
        source, level, makeup_db = audio.contiguous(), level.contiguous(), makeup_db.contiguous()
        curve, times = curve.contiguous(), times.contiguous()
        # The look-ahead reads past the end, and its fraction one sample further.
        further = int(times[:, 2].max()) + 1
        smooth = level.new_empty((*level.shape[:2], level.shape[2] + further))
        states, output = torch.zeros(level.shape[:2], dtype=torch.float64), torch.empty_like(source)
        smooth_rows(level.numpy(), curve.numpy(), times.numpy(), states.numpy(), smooth.numpy())
        apply_rows(source.numpy(), smooth.numpy(), times.numpy(), makeup_db.numpy(), output.numpy())
        ctx.save_for_backward(source, level, smooth, curve, times, makeup_db)
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, ...]:
        audio, level, smooth, curve, times, makeup_db = ctx.saved_tensors
        audio_slope, level_slope, smooth_slope = (torch.empty_like(tensor) for tensor in (audio, level, smooth))
        outer, inner = curve.new_empty((len(curve), 2)), curve.new_empty((len(curve), 6))
        outside = (gradients[0].contiguous(), audio, smooth, times, makeup_db, audio_slope, smooth_slope, outer)
        apply_rows_backward(*(tensor.numpy() for tensor in outside))
        inside = (smooth_slope, level, smooth, curve, times, level_slope, inner)
        smooth_rows_backward(*(tensor.numpy() for tensor in inside))
        curve_slope = torch.cat((torch.zeros_like(inner[:, :1]), inner[:, :4]), 1)
        return audio_slope, level_slope, curve_slope, torch.cat((inner[:, 4:], outer[:, :1]), 1), outer[:, 1]


def apply_gain(
    audio: torch.Tensor, level_db: torch.Tensor, settings: GainCurve, *, parallel: bool | None = None
) -> torch.Tensor:
    """Change the level of audio as a measured level asks for.

    Args:
        audio: (B, C, T).
        level_db: (B, R, T), R = 1 for one gain on all channels, else C.
        settings: of the gain computer.
        parallel: use tensor operations instead of the compiled loops; None chooses by device.

    Returns:
        (B, C, T). Differentiable once in audio, level and settings. Behind the end of the audio the look-ahead meets
        silence; a fraction of a sample of look-ahead is interpolated linearly on the gain in dB.
    """
    if parallel is None:
        parallel = audio.device.type != "cpu"
    if parallel:
        return _apply_parallel(audio, level_db, settings)
    output: torch.Tensor = _Gain.apply(audio, level_db, settings.curve(), settings.times(), settings.makeup_db)
    return output


def _apply_parallel(audio: torch.Tensor, level_db: torch.Tensor, settings: GainCurve) -> torch.Tensor:
    samples, rows = level_db.shape[2], level_db.shape[1]
    whole = settings.lookahead.detach().floor()
    further = int(whole.max()) + 1
    level_db = torch.nn.functional.pad(level_db, (0, further), value=QUIETEST_DB)
    target = static_curve(level_db, settings)
    fall, rise = (column.repeat_interleave(rows) for column in (settings.fall, settings.rise))
    smooth = smooth_ballistics(target.flatten(0, 1), fall, rise, parallel=True).unflatten(0, (-1, rows))
    steps = torch.arange(samples, device=audio.device) + whole.long().reshape(-1, 1, 1)
    now = smooth.gather(-1, steps.expand(-1, rows, -1))
    later = smooth.gather(-1, (steps + 1).expand(-1, rows, -1))
    gain_db = torch.lerp(now, later, _column(settings.lookahead - whole, audio))
    return audio * db_to_gain(gain_db + _column(settings.makeup_db, audio))


def static_curve(level_db: torch.Tensor, settings: GainCurve) -> torch.Tensor:
    """Return the gain in dB (0 or less) that a steady level gets.

    Args:
        level_db: (B, R, T).
        settings: of which the times and the make-up are not used.

    Returns:
        (B, R, T): 0 before the knee, slope times the distance from the threshold beyond it, a parabola in between, and
        not below the floor.
    """
    width = _column(settings.knee_db, level_db)
    beyond = settings.sign * (level_db - _column(settings.threshold_db, level_db))
    # Distance into the knee; quadratic inside it, a straight line beyond. No division by a zero knee, no branches.
    entered = (beyond + width / 2.0).clamp_min(0.0)
    inside = torch.minimum(entered, width)
    curved = inside / (2.0 * width).clamp_min(NARROWEST_KNEE) - 1.0
    gain_db = _column(settings.slope, level_db) * torch.addcmul(entered, inside, curved)
    return torch.maximum(gain_db, _column(settings.floor_db, level_db))


def _column(column: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return column.to(like.dtype).reshape(-1, 1, 1)
