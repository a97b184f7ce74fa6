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
# So steep that any distance beyond the threshold is too much; its product with 300 dB is a float32.
STEEPEST = 1e30


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
        flat, shut = neutral_items(curve[:, 2], curve[:, 4])
        steering = steering_curve(curve)
        if bool((flat | shut).any()):
            smooth, states = torch.empty_like(smooth), torch.zeros(level.shape[:2], dtype=torch.float64)
            smooth_rows(level.numpy(), steering.numpy(), times.numpy(), states.numpy(), smooth.numpy())
        inside = (smooth_slope, level, smooth, curve, steering, times, level_slope, inner)
        smooth_rows_backward(*(tensor.numpy() for tensor in inside))
        # Without any gain the times have no influence; and of two limits at 0 dB, moving one leaves the other.
        inner[flat | shut, 4:] = 0.0
        inner[flat & shut, 1] = 0.0
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


def neutral_items(slope: torch.Tensor, floor_db: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two masks (B,): the slope is 0 (ratio 1), and the floor is 0 dB (range 0). Either makes the gain 0 dB."""
    return slope == 0.0, floor_db == 0.0


def steering_curve(curve: torch.Tensor) -> torch.Tensor:
    """Return the curve (B, 5) that decides where the gain falls and where it rises: the same one, if it does anything.

    A curve that is neutral asks for 0 dB everywhere, and from that nobody can tell attack from release. What counts
    for the gradient there is the smallest step away from neutral. All such steps look alike, as the smoothed gain
    grows in proportion to the one asked for: a slope of -1 without a floor stands for any small slope, and a floor of
    -1 dB that is reached at once for any small range.

    Args:
        curve: (B, 5), see `GainCurve.curve`.
    """
    flat, shut = neutral_items(curve[:, 2], curve[:, 4])
    steering = curve.clone()
    steering[flat, 2], steering[flat, 4] = -1.0, -STEEPEST
    steering[shut, 2], steering[shut, 4] = -STEEPEST, -1.0
    return steering


def _apply_parallel(audio: torch.Tensor, level_db: torch.Tensor, settings: GainCurve) -> torch.Tensor:
    samples, rows = level_db.shape[2], level_db.shape[1]
    whole = settings.lookahead.detach().floor()
    further = int(whole.max()) + 1
    level_db = torch.nn.functional.pad(level_db, (0, further), value=QUIETEST_DB)
    target, scale = _scaled_target(level_db, settings)
    fall, rise = (column.repeat_interleave(rows) for column in (settings.fall, settings.rise))
    smooth = smooth_ballistics(target.flatten(0, 1), fall, rise, parallel=True).unflatten(0, (-1, rows)) * scale
    steps = torch.arange(samples, device=audio.device) + whole.long().reshape(-1, 1, 1)
    now = smooth.gather(-1, steps.expand(-1, rows, -1))
    later = smooth.gather(-1, (steps + 1).expand(-1, rows, -1))
    gain_db = torch.lerp(now, later, _column(settings.lookahead - whole, audio))
    return audio * db_to_gain(gain_db + _column(settings.makeup_db, audio))


def _scaled_target(level_db: torch.Tensor, settings: GainCurve) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gain asked for (B, R, T) and what to multiply it by once smoothed (B, 1, 1).

    The factor is 1, but for neutral items the slope or the floor, which is 0: see `steering_curve`.
    """
    flat, shut = neutral_items(settings.slope, settings.floor_db)
    hinge = _beyond_threshold(level_db, settings)
    target = _limited_curve(hinge, settings)
    if not bool((flat | shut).any()):
        return target, torch.ones_like(level_db[:1, :1, :1])
    target = torch.where(flat.reshape(-1, 1, 1), -hinge.detach(), target)
    target = torch.where(shut.reshape(-1, 1, 1), -(hinge > 0.0).to(target.dtype), target)
    scale = torch.where(flat, -settings.slope, torch.where(shut, -settings.floor_db, 1.0))
    return target, _column(torch.where(flat & shut, 0.0, scale), level_db)


def static_curve(level_db: torch.Tensor, settings: GainCurve) -> torch.Tensor:
    """Return the gain in dB (0 or less) that a steady level gets.

    Args:
        level_db: (B, R, T).
        settings: of which the times and the make-up are not used.

    Returns:
        (B, R, T): 0 before the knee, slope times the distance from the threshold beyond it, a parabola in between, and
        not below the floor.
    """
    return _limited_curve(_beyond_threshold(level_db, settings), settings)


def _beyond_threshold(level_db: torch.Tensor, settings: GainCurve) -> torch.Tensor:
    """Return the distance beyond the threshold in dB, rounded by the knee."""
    width = _column(settings.knee_db, level_db)
    beyond = settings.sign * (level_db - _column(settings.threshold_db, level_db))
    # Distance into the knee; quadratic inside it, a straight line beyond. Without a knee there is no inside, but what
    # has not entered counts as such: it has no gradient.
    entered = (beyond + width / 2.0).clamp_min(0.0)
    parabola = entered.square() / (2.0 * width).clamp_min(NARROWEST_KNEE)
    return torch.where((entered < width) | (entered <= 0.0), parabola, entered - width / 2.0)


def _limited_curve(hinge: torch.Tensor, settings: GainCurve) -> torch.Tensor:
    gain_db, floor_db = _column(settings.slope, hinge) * hinge, _column(settings.floor_db, hinge)
    # At 0 dB, where both meet without a distance, the floor has no part in it; `maximum` would share the gradient.
    return torch.where(gain_db < floor_db, floor_db, gain_db)


def _column(column: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return column.to(like.dtype).reshape(-1, 1, 1)
