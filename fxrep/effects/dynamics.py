"""Compressor."""

from __future__ import annotations

import functools
import math

import torch

from fxrep.effects.ballistics import smooth_ballistics
from fxrep.effects.chunks import in_chunks
from fxrep.effects.level import db_to_gain
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_choice, check_input, read_settings

COMPRESSOR_TABLE = (
    Parameter("threshold_db", "dB", -80.0, 0.0, "db", 0.0),
    Parameter("ratio", "", 1.0, 40.0, "log", 1.0),
    Parameter("attack_ms", "ms", 0.1, 200.0, "log", 10.0),
    Parameter("release_ms", "ms", 5.0, 2000.0, "log", 100.0),
    Parameter("knee_db", "dB", 0.0, 24.0, "db", 6.0),
    Parameter("makeup_db", "dB", 0.0, 24.0, "db", 0.0),
)
CHANNEL_LINK = Choice("link", ("max", "mean", "none"), "max")

# -160 dB: below anything that can be heard; the logarithm of silence stays finite.
QUIETEST = 1e-8
DB_PER_NEPER = 20.0 / math.log(10.0)


def compressor(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    threshold_db: Setting = 0.0,
    ratio: Setting = 1.0,
    attack_ms: Setting = 10.0,
    release_ms: Setting = 100.0,
    knee_db: Setting = 6.0,
    makeup_db: Setting = 0.0,
    link: str = "max",
) -> torch.Tensor:
    """Reduce the level above a threshold: feed-forward, in the decibel domain.

    The level of every sample is 20 log10 |x|. The static curve with a soft knee gives the gain in dB, and this gain is
    smoothed: with the attack time while it falls, with the release time while it recovers (the "smooth branching"
    detector on the gain of D. Giannoulis, M. Massberg and J. Reiss, "Digital Dynamic Range Compressor Design", JAES
    2012). A time in ms is a time constant: 63 % (1 - 1/e) of a step is done after it. Ratio 1 is the identity; so is
    threshold 0 dB without knee for audio that stays within full scale.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        threshold_db: dBFS, -80 to 0.
        ratio: dB in per dB out above the threshold, 1 to 40.
        attack_ms: ms, 0.1 to 200.
        release_ms: ms, 5 to 2000.
        knee_db: width of the knee, centred on the threshold, 0 to 24 dB.
        makeup_db: gain afterwards, 0 to 24 dB.
        link: what drives a stereo pair: ``max`` (the louder channel at each sample), ``mean`` (the mean of the two
            magnitudes), both with one gain for both channels; ``none``: each channel its own.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    check_choice(CHANNEL_LINK, link)
    values = {"threshold_db": threshold_db, "ratio": ratio, "attack_ms": attack_ms, "release_ms": release_ms}
    columns = read_settings(audio, COMPRESSOR_TABLE, {**values, "knee_db": knee_db, "makeup_db": makeup_db})
    return in_chunks(functools.partial(_compress, sample_rate=sample_rate, link=link), audio, columns)


def _compress(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int, link: str) -> torch.Tensor:
    magnitude = audio.abs()
    if audio.shape[1] == 2 and link != "none":
        magnitude = magnitude.amax(1, keepdim=True) if link == "max" else magnitude.mean(1, keepdim=True)
    level_db = torch.log(magnitude.clamp_min(QUIETEST)) * DB_PER_NEPER
    gain_db = static_curve(level_db, columns["threshold_db"], columns["ratio"], columns["knee_db"])
    channels = gain_db.shape[1]
    attack, release = (
        time_coefficient(columns[name], sample_rate).repeat_interleave(channels) for name in ("attack_ms", "release_ms")
    )
    smooth_db = smooth_ballistics(gain_db.flatten(0, 1), attack, release).unflatten(0, (-1, channels))
    return audio * db_to_gain(smooth_db + columns["makeup_db"].to(audio.dtype).reshape(-1, 1, 1))


def time_coefficient(time_ms: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Return exp(-1 / (sample_rate tau)), the share of the old value that a one-pole smoother keeps per sample."""
    return torch.exp(-1000.0 / (time_ms * sample_rate))


def static_curve(
    level_db: torch.Tensor, threshold_db: torch.Tensor, ratio: torch.Tensor, knee_db: torch.Tensor
) -> torch.Tensor:
    """Return the gain in dB (0 or less) for a level in dB.

    Args:
        level_db: (B, C, T).
        threshold_db: (B,).
        ratio: (B,).
        knee_db: (B,).

    Returns:
        (B, C, T): 0 below the knee, (1/ratio - 1) (level - threshold) above, a parabola in between.
    """
    # Distance into the knee; quadratic inside it, a straight line beyond. No division by a zero knee, no branches.
    slope = (1.0 / ratio - 1.0).to(level_db.dtype).reshape(-1, 1, 1)
    width = knee_db.to(level_db.dtype).reshape(-1, 1, 1)
    entered = (level_db - (threshold_db - knee_db / 2.0).to(level_db.dtype).reshape(-1, 1, 1)).clamp_min(0.0)
    inside = torch.minimum(entered, width)
    curved = inside / (2.0 * width).clamp_min(1e-6) - 1.0
    return slope * torch.addcmul(entered, inside, curved)


class Compressor(Processor):
    """Dynamics above a threshold."""

    name = "compressor"
    function = staticmethod(compressor)
    parameter_table = COMPRESSOR_TABLE
    choices = (CHANNEL_LINK,)
