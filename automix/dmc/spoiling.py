"""Tracks filtered at random, with what brings them back: settings that are known, for a console that has few to learn.

Real songs with dry tracks and the mix that people made of them are few, and their settings are not written down. What a
track sounds like without a wrong equaliser is known, though: it is the track. (The thought behind effect normalisation,
Martinez-Ramirez et al., ISMIR 2022, the other way round.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from automix.dmc.passages import Passage
from fxrep.audio import integrated_loudness
from fxrep.effects.console.strip import Strip
from fxrep.effects.equalizer import Equalizer
from fxrep.effects.filter_bands import design_bands
from fxrep.errors import ArgumentError

CURVE_HZ = tuple(40.0 * 2.0 ** (step / 2.0) for step in range(18))
"""Where the curve of an equaliser is read: every half octave from 40 Hz to 14.5 kHz."""

EQUALIZER = "parametric_eq"
SPREAD_DB = 5.0
MOST_DB = 12.0
IN_USE = 0.4


def find_equalizer(strip: Strip) -> Equalizer:
    """Return the equaliser of a strip.

    Raises:
        ArgumentError: there is none.
    """
    found = strip.processors.get(EQUALIZER)
    if not isinstance(found, Equalizer):
        raise ArgumentError(f"this console has no {EQUALIZER} on its tracks: set spoiled and curve_weight to 0")
    return found


def curve_db(equalizer: Equalizer, values: Mapping[str, Tensor], sample_rate: int) -> Tensor:
    """Response of an equaliser with settings (R,) at `CURVE_HZ` in dB: (R, F); differentiable."""
    first = next(iter(values.values()))
    hz = torch.tensor([one for one in CURVE_HZ if one < 0.49 * sample_rate], dtype=first.dtype, device=first.device)
    silence = torch.zeros(len(first), 1, 1, device=first.device)
    sections = design_bands(silence, sample_rate, equalizer.bands, dict(values))
    if sections is None:
        return torch.zeros(len(first), len(hz), dtype=first.dtype, device=first.device)
    response: Tensor = sections.level_db(hz, sample_rate).sum(1)
    return response


@torch.no_grad()
def spoil(passage: Passage, strip: Strip, sample_rate: int, share: float, generator: torch.Generator) -> Passage:
    """Filter some tracks; the mix stays as it was, and each filtered track is brought back to its loudness.

    Args:
        passage: what to spoil.
        strip: of the tracks, with an equaliser.
        sample_rate: Hz.
        share: of the tracks.
        generator: of all chance.

    Returns:
        The passage with other tracks, the gains that go with them, and the curves that bring them back.
    """
    equalizer = find_equalizer(strip)
    drawn = (torch.rand(passage.mask.shape, generator=generator) < share).to(passage.mask.device) & passage.mask
    rows = int(drawn.sum())
    curves = passage.tracks.new_zeros(*drawn.shape, sum(hz < 0.49 * sample_rate for hz in CURVE_HZ))
    if not rows:
        return replace(passage, spoiled=drawn, curve_db=curves)
    settings = {name: one.to(passage.tracks.device) for name, one in _draw(strip, rows, sample_rate, generator).items()}
    before = passage.tracks[drawn]
    after = equalizer(before, sample_rate, **settings)
    louder = (integrated_loudness(after, sample_rate) - integrated_loudness(before, sample_rate)).clamp(-40.0, 40.0)
    louder = torch.where(torch.isfinite(louder), louder, torch.zeros_like(louder)).to(before)
    tracks, gains = passage.tracks.clone(), passage.gain_db.clone()
    tracks[drawn] = (after * torch.pow(10.0, -louder / 20.0)[:, None, None]).to(tracks)
    gains[drawn] += louder.to(gains)
    curves[drawn] = -curve_db(equalizer, settings, sample_rate).to(curves)
    return replace(passage, tracks=tracks, gain_db=gains, spoiled=drawn, curve_db=curves)


def _draw(strip: Strip, rows: int, sample_rate: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Settings (rows,) of an equaliser: some bands in use, moderate gains, frequency and Q even over their octaves."""
    drawn: dict[str, Tensor] = {}
    limits = strip.processors[EQUALIZER].highest_frequencies(sample_rate)
    for name, parameter in strip.tables[EQUALIZER].items():
        even = torch.rand(rows, generator=generator, dtype=torch.float64)
        if name.endswith("gain_db"):
            gain = SPREAD_DB * torch.randn(rows, generator=generator, dtype=torch.float64)
            value = torch.where(even < IN_USE, gain, 0.0).clamp(-MOST_DB, MOST_DB)
        elif name.endswith("_q"):
            value = torch.exp((2.0 * even - 1.0) * math.log(2.0)) * math.sqrt(0.5)
        else:
            value = parameter.denormalize(even).clamp(max=limits.get(name, math.inf))
        drawn[name] = value.clamp(parameter.minimum, parameter.maximum)
    return drawn
