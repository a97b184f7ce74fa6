"""Presets of single effects, drawn once: the classes of a pre-training that asks which effect, and how it was set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from fxrep.effects.chain_rendering import render_settings
from fxrep.effects.chain_settings import Settings
from fxrep.effects.processor import Range
from fxrep.effects.registry import create_processor
from fxrep.errors import ArgumentError

PRESET_RANGES: Mapping[str, Mapping[str, Range]] = {
    "parametric_eq": {},
    "graphic_eq": {},
    "low_shelf": {},
    "high_shelf": {},
    "peak": {},
    "low_pass": {"frequency_hz": (200.0, 8000.0)},
    "high_pass": {"frequency_hz": (100.0, 4000.0)},
    "band_pass": {"frequency_hz": (200.0, 6000.0), "q": (0.1, 2.0)},
    "notch": {"frequency_hz": (100.0, 6000.0), "q": (0.1, 2.0)},
    "compressor": {"threshold_db": (-50.0, -15.0)},
    "multiband_compressor": {},
    "limiter": {"ceiling_db": (-24.0, -9.0), "release_ms": (5.0, 2000.0)},
    "expander": {"threshold_db": (-40.0, -10.0)},
    "noise_gate": {"threshold_db": (-40.0, -10.0), "range_db": (12.0, 100.0)},
    "de_esser": {},
    "transient_shaper": {},
    "saturation": {},
    "soft_clip": {},
    "hard_clip": {},
    "tanh_drive": {},
    "tube_drive": {},
    "bit_crusher": {"bits": (3.0, 10.0), "rate_factor": (1.0, 16.0)},
    "stereo_width": {},
    "stereo_imager": {},
    "delay": {},
    "chorus": {},
    "flanger": {},
    "vibrato": {},
    "phaser": {},
    "tremolo": {},
    "noise_shaped_reverb": {},
    "feedback_delay_network": {},
    "schroeder_reverb": {},
    "plate_reverb": {},
    "spring_reverb": {},
}
"""Effects that can be told from a clip whose level and sides are not known, and the ranges to draw them from.

Left out: level, polarity, panning and all-pass, which such a clip does not tell, and what needs a recording.
"""

_TEST_RATE = 44100
_TEST_S = 0.75
_ATTEMPTS = 200
_LEAST_CHANGE_DB = -25.0


def draw_presets(effects: Sequence[str] | None = None, count: int = 10, seed: int = 0) -> list[list[Settings]]:
    """Settings of single effects that can be heard, drawn at random: the same for the same arguments.

    A drawing counts if it changes bursts of stereo noise: what no gain explains is at least -25 dB of the output, and
    the output is at most 30 dB softer than the input.

    Args:
        effects: names in `PRESET_RANGES`; None for all.
        count: presets of each effect.
        seed: of the drawing.

    Returns:
        For each effect `count` settings of a chain of that effect alone, for `render_settings`.

    Raises:
        ArgumentError: an effect is not in `PRESET_RANGES` or named twice, or count is below 1.
    """
    names = list(PRESET_RANGES) if effects is None else list(effects)
    unknown = [name for name in names if name not in PRESET_RANGES]
    if unknown or len(set(names)) < len(names) or not names:
        raise ArgumentError(
            f"effects {', '.join(unknown or names) or 'of an empty list'}: expected each once, of "
            f"{', '.join(PRESET_RANGES)}"
        )
    if count < 1:
        raise ArgumentError(f"count is {count}: expected one preset or more of every effect")
    clip = noise_bursts()
    # Every effect has a generator of its own, so that its presets do not depend on which others there are.
    places = [list(PRESET_RANGES).index(name) for name in names]
    generators = [torch.Generator().manual_seed(seed * len(PRESET_RANGES) + place) for place in places]
    return [
        [_draw_audible(name, clip, generator) for _ in range(count)]
        for name, generator in zip(names, generators, strict=True)
    ]


def _draw_audible(name: str, clip: torch.Tensor, generator: torch.Generator) -> Settings:
    processor = create_processor(name)
    for _ in range(_ATTEMPTS):
        entry: Settings = [{"effect": name, "settings": processor.sample(generator, PRESET_RANGES[name], _TEST_RATE)}]
        if _is_heard(clip, render_settings(clip, _TEST_RATE, entry)):
            return entry
    raise ArgumentError(f"no drawing of {name} was heard: widen its ranges in PRESET_RANGES")


def _is_heard(dry: torch.Tensor, wet: torch.Tensor) -> bool:
    before, after = float(dry.square().sum()), float(wet.square().sum())
    if after < 1e-3 * before:
        return False
    explained = float((dry * wet).sum()) ** 2 / before
    return bool((after - explained) / after > 10.0 ** (_LEAST_CHANGE_DB / 10.0))


def noise_bursts() -> torch.Tensor:
    """Decaying bursts of noise, partly the same in both channels, peaking near -3 dBFS: (1, 2, T)."""
    generator = torch.Generator().manual_seed(0)
    samples = round(_TEST_S * _TEST_RATE)
    noise = torch.randn(3, samples, generator=generator)
    decay = torch.exp(-torch.arange(samples) % (_TEST_RATE // 4) / (0.05 * _TEST_RATE))
    stereo = (noise[:1] + 0.5 * noise[1:]) * (0.02 + decay)
    return (0.7 * stereo / stereo.abs().max())[None]
