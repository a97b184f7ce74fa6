"""From a level to a gain: the static curve, attack and release, and the gain on the audio.

Compressor, expander and gate are one computation: how far the level lies beyond a threshold (above it, or below it),
times a slope, not below a floor, gives the gain in dB; this gain is smoothed by one pole, with one time constant while
it falls and another while it rises.

Times are time constants, see `fxrep.effects.dynamics`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from fxrep.effects.ballistics import smooth_ballistics
from fxrep.effects.drive_kernels import MEASURED, PEAK, RMS
from fxrep.effects.gain_function import GainFunction
from fxrep.effects.gain_kernels import NARROWEST_KNEE
from fxrep.effects.level import db_to_gain
from fxrep.effects.level_detector import LINKS, detect_level
from fxrep.effects.level_kernels import NONE, QUIETEST_DB
from fxrep.effects.neutral_curves import neutral_items

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
    unused = torch.zeros_like(settings.threshold_db)
    return _apply_compiled(audio, level_db, unused, settings, MEASURED, NONE)


def drive_gain(
    audio: torch.Tensor,
    settings: GainCurve,
    *,
    link: str,
    keep: torch.Tensor | None = None,
    key: torch.Tensor | None = None,
) -> torch.Tensor:
    """Change the level of audio as the level of a key asks for: `detect_level` and `apply_gain` in one step.

    Args:
        audio: (B, C, T).
        settings: of the gain computer.
        link: of the channels of the key, see `detect_level`.
        keep: (B,) of RMS detection, see `detect_level`; None: peak detection.
        key: (B, 1 or C, T) whose level is measured; None: the audio itself.

    Returns:
        (B, C, T). Differentiable once in audio, key and settings.
    """
    key = audio if key is None else key
    if audio.device.type != "cpu":
        return apply_gain(audio, detect_level(key, keep, link=link), settings)
    mode = PEAK if keep is None else RMS
    unused = torch.zeros_like(settings.threshold_db)
    return _apply_compiled(audio, key, unused if keep is None else keep, settings, mode, LINKS[link])


def _apply_compiled(
    audio: torch.Tensor, key: torch.Tensor, keep: torch.Tensor, settings: GainCurve, mode: int, link: int
) -> torch.Tensor:
    columns = (settings.curve(), settings.times(), settings.makeup_db)
    output: torch.Tensor = GainFunction.apply(audio, key, keep, *columns, mode, link)
    return output


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
