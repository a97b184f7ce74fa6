"""Hard and soft clipping at a ceiling."""

from __future__ import annotations

import functools

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.clip_curves import HARD_CLIP, SOFT_CLIP
from fxrep.effects.finite import check_finite
from fxrep.effects.level import db_to_gain
from fxrep.effects.oversampling import OVERSAMPLING, Waveshaper, bend_oversampled, read_factor
from fxrep.effects.parameters import Parameter
from fxrep.effects.row_curves import apply_curve
from fxrep.effects.segment_averaging import average_oversampled, mean_excess
from fxrep.effects.settings import Setting, blend, check_form, per_item, read_settings

# The default ceiling, 12 dB above full scale, is out of the way of any usual signal.
CEILING = Parameter("threshold_db", "dB", -36.0, 12.0, "db", 12.0)
MIX = Parameter("mix", "", 0.0, 1.0, "linear", 1.0)
HARD_CLIP_TABLE = (CEILING, MIX)
SOFT_CLIP_TABLE = (CEILING, Parameter("knee_db", "dB", 1.0, 24.0, "db", 6.0), MIX)


def hard_clip(
    audio: torch.Tensor, sample_rate: int, *, threshold_db: Setting = 12.0, mix: Setting = 1.0, oversampling: str = "1"
) -> torch.Tensor:
    """Cut off everything beyond a threshold: y = min(max(x, -c), c), c = 10^(threshold_db / 20).

    What stays below the threshold passes bit for bit. With oversampling the corners are band-limited and may stand
    out over the threshold by about 1 dB.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        threshold_db: dBFS, -36 to 12.
        mix: 0 (the input, bit for bit) to 1 (only clipped).
        oversampling: factor, see `fxrep.effects.segment_averaging`. 4 keeps aliasing below -60 dB for a full-scale
            tone of 5 kHz clipped at -12 dB and 44.1 kHz.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_form(audio, sample_rate)
    factor = read_factor(oversampling)
    columns = read_settings(audio, HARD_CLIP_TABLE, {"threshold_db": threshold_db, "mix": mix})
    ceiling = db_to_gain(columns["threshold_db"])
    if factor == 1:
        return apply_curve(HARD_CLIP, audio, torch.stack((ceiling, columns["mix"]), 1), check=True)
    check_finite(audio)
    return in_chunks(functools.partial(_clip_hard, factor=factor), audio, {"ceiling": ceiling, "mix": columns["mix"]})


def _clip_hard(audio: torch.Tensor, parts: dict[str, torch.Tensor], factor: int) -> torch.Tensor:
    ceiling = per_item(parts["ceiling"], audio)

    def change(early: torch.Tensor, late: torch.Tensor) -> torch.Tensor:
        return mean_excess(-early, -late, ceiling) - mean_excess(early, late, ceiling)

    return blend(audio, average_oversampled(audio, factor, change), parts["mix"])


class HardClip(Waveshaper):
    """Clipping with corners."""

    name = "hard_clip"
    function = staticmethod(hard_clip)
    parameter_table = HARD_CLIP_TABLE
    choices = (OVERSAMPLING,)


def soft_clip(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    threshold_db: Setting = 12.0,
    knee_db: Setting = 6.0,
    mix: Setting = 1.0,
    oversampling: str = "1",
) -> torch.Tensor:
    """Lead the waveform smoothly to a threshold with a cubic.

    With the threshold c = 10^(threshold_db / 20) and the knee t = c 10^(-knee_db / 20), magnitudes up to t pass
    bit for bit. Beyond, with u = (|x| - t) / (c - t), the magnitude is t + (c - t) (u - 4/27 u^3) up to u = 3/2, where
    the cubic meets the threshold with slope 0; then it stays there. Slope and curvature are continuous at t, the slope
    also at c. A knee of 24 dB is nearly the plain cubic.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        threshold_db: dBFS, -36 to 12: no output exceeds it (without oversampling).
        knee_db: dB below the threshold at which bending begins, 1 to 24.
        mix: 0 (the input, bit for bit) to 1 (only clipped).
        oversampling: factor, see `bend_oversampled`. 8 keeps aliasing below -60 dB for a full-scale tone of 5 kHz
            clipped at -12 dB and 44.1 kHz with a knee of 2 dB or more.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_form(audio, sample_rate)
    factor = read_factor(oversampling)
    values = {"threshold_db": threshold_db, "knee_db": knee_db, "mix": mix}
    columns = read_settings(audio, SOFT_CLIP_TABLE, values)
    ceiling = db_to_gain(columns["threshold_db"])
    start = ceiling * db_to_gain(-columns["knee_db"])
    bend = torch.stack((start, ceiling - start, torch.ones_like(start)), 1)
    if factor == 1:
        return apply_curve(SOFT_CLIP, audio, torch.cat((bend[:, :2], columns["mix"].unsqueeze(1)), 1), check=True)
    check_finite(audio)
    return in_chunks(functools.partial(_clip_soft, factor=factor), audio, {"bend": bend, "mix": columns["mix"]})


def _clip_soft(audio: torch.Tensor, parts: dict[str, torch.Tensor], factor: int) -> torch.Tensor:
    bent = bend_oversampled(audio, factor, lambda x: apply_curve(SOFT_CLIP, x, parts["bend"]))
    return blend(audio, bent, parts["mix"])


class SoftClip(Waveshaper):
    """Clipping with a rounded knee."""

    name = "soft_clip"
    function = staticmethod(soft_clip)
    parameter_table = SOFT_CLIP_TABLE
    choices = (OVERSAMPLING,)
