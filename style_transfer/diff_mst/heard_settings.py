"""What settings do, in numbers that can be compared: curves in place of the settings that draw them.

Four peaks in any order make one curve, and the threshold of a compressor with a ratio of 1 means nothing. Settings are
therefore compared by what they do; only what is left over is compared as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fxrep.effects.console.starting_point import is_compressor
from fxrep.effects.console.strip import Strip
from fxrep.effects.equalizer import Equalizer
from fxrep.effects.filter_bands import design_bands

CURVE_HZ = tuple(40.0 * 2.0 ** (step / 2.0) for step in range(18))
"""Where the curve of an equaliser is read: every half octave from 40 Hz to 14.5 kHz."""

UNDER_LOUDNESS_DB = (-24.0, -18.0, -12.0, -6.0, 0.0, 6.0, 12.0, 18.0)
"""Where the curve of a compressor is read, beside the loudness of the tracks."""

SCALES = {"gain_db": 6.0, "curve_db": 4.0, "pan": 0.25, "width": 0.2, "position": 0.25, "send_db": 20.0}
"""A difference that counts as 1: decibels, or shares of the range."""

QUIETEST_SEND_DB = -60.0

_NEVER_DB = 1e-3


def hear_strip(
    strip: Strip, columns: Mapping[str, Mapping[str, Tensor]], sample_rate: int, track_lufs: float
) -> dict[str, Tensor]:
    """Tell what the settings of strips do.

    Args:
        strip: of a console.
        columns: (rows,) by label and setting, in physical units.
        sample_rate: Hz.
        track_lufs: loudness of the tracks.

    Returns:
        (rows, K) by ``label.what``, so scaled that 1 is a difference that is heard: ``eq.curve`` of an equaliser,
        ``compressor.curve`` and ``compressor.times``, ``fader.gain_db`` and so on.
    """
    heard: dict[str, Tensor] = {}
    for label, table in strip.tables.items():
        values = columns[label]
        if isinstance(strip.processors[label], Equalizer):
            heard[f"{label}.curve"] = equalizer_curve(strip, label, values, sample_rate) / SCALES["curve_db"]
        elif is_compressor(table):
            heard[f"{label}.curve"] = compressor_curve(values, track_lufs) / SCALES["curve_db"]
            times = [table[name].normalize(values[name]) for name in ("attack_ms", "release_ms")]
            heard[f"{label}.times"] = torch.stack(times, dim=-1) / SCALES["position"]
        else:
            for name, parameter in table.items():
                if name == "gain_db":
                    heard[f"{label}.{name}"] = values[name][:, None].clamp(min=QUIETEST_SEND_DB) / SCALES[name]
                else:
                    scale = SCALES.get(name, SCALES["position"])
                    heard[f"{label}.{name}"] = parameter.normalize(values[name])[:, None] / scale
    return heard


def equalizer_curve(strip: Strip, label: str, values: Mapping[str, Tensor], sample_rate: int) -> Tensor:
    """Response of an equaliser at `CURVE_HZ` in dB, (rows, 18); differentiable."""
    equalizer = strip.processors[label]
    assert isinstance(equalizer, Equalizer)
    first = next(iter(values.values()))
    hz = torch.tensor([one for one in CURVE_HZ if one < 0.49 * sample_rate], dtype=first.dtype, device=first.device)
    audio = torch.zeros(len(first), 1, 1, device=first.device)
    sections = design_bands(audio, sample_rate, equalizer.bands, dict(values))
    if sections is None:
        return torch.zeros(len(first), len(hz), dtype=first.dtype, device=first.device)
    return sections.level_db(hz, sample_rate).sum(1)


def compressor_curve(values: Mapping[str, Tensor], track_lufs: float) -> Tensor:
    """Gain of a compressor in dB at levels around the loudness of the tracks, (rows, 8); differentiable."""
    threshold, knee = values["threshold_db"][:, None], values["knee_db"][:, None].clamp(min=_NEVER_DB)
    levels = track_lufs + torch.tensor(UNDER_LOUDNESS_DB, dtype=threshold.dtype, device=threshold.device)
    over = levels - threshold
    # A parabola inside the knee, a line above it.
    inside = (over + knee / 2.0).clamp(min=0.0).minimum(knee).square() / (2.0 * knee)
    beyond = inside + (over - knee / 2.0).clamp(min=0.0)
    slope = 1.0 / values["ratio"][:, None] - 1.0
    return slope * beyond + values["makeup_db"][:, None]


def compressor_share(values: Mapping[str, Tensor], track_lufs: float) -> Tensor:
    """How much a compressor is at work, (rows,), from 0 to 1 at 6 dB between quiet and loud."""
    curve = compressor_curve(values, track_lufs)
    return ((curve.amax(-1) - curve.amin(-1)) / 6.0).clamp(max=1.0)
