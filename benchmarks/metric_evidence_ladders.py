"""What `metric_evidence.py` does to recordings: effects in growing strength, and mixes in growing disorder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fxrep.effects import panner, render_settings

RATE = 44100
Settings = list[dict[str, Any]]


def ladder(effect: str, setting: str, values: list[float], **others: float) -> list[Settings]:
    return [[{"effect": effect, "settings": {**others, setting: value}}] for value in values]


EFFECTS: dict[str, list[Settings]] = {
    "level": ladder("gain", "gain_db", [-1.5, -3.0, -6.0, -9.0, -12.0, -18.0]),
    "panning": ladder("panner", "pan", [0.1, 0.2, 0.35, 0.5, 0.75, 1.0]),
    "narrower": ladder("stereo_width", "width", [0.9, 0.75, 0.6, 0.4, 0.2, 0.0]),
    "wider": ladder("stereo_width", "width", [1.1, 1.25, 1.4, 1.6, 1.8, 2.0]),
    "high shelf": ladder("high_shelf", "gain_db", [1.0, 2.0, 4.0, 6.0, 9.0, 12.0], frequency_hz=5000.0),
    "low shelf": ladder("low_shelf", "gain_db", [1.0, 2.0, 4.0, 6.0, 9.0, 12.0], frequency_hz=200.0),
    "middle": ladder("peak", "gain_db", [1.0, 2.0, 4.0, 6.0, 9.0, 12.0], frequency_hz=1500.0, q=1.0),
    "low pass": ladder("low_pass", "frequency_hz", [12000.0, 8000.0, 5000.0, 3000.0, 1800.0, 1000.0]),
    "high pass": ladder("high_pass", "frequency_hz", [60.0, 100.0, 180.0, 300.0, 500.0, 900.0]),
    "compressor": ladder("compressor", "threshold_db", [-20.0, -25.0, -30.0, -35.0, -40.0, -50.0], ratio=6.0),
    "limiter": ladder("limiter", "ceiling_db", [-9.0, -12.0, -15.0, -18.0, -21.0, -24.0]),
    "expander": ladder("expander", "threshold_db", [-40.0, -36.0, -32.0, -28.0, -24.0, -20.0], ratio=3.0),
    "transients": ladder("transient_shaper", "attack_db", [2.0, 4.0, 7.0, 10.0, 14.0, 18.0]),
    "saturation": ladder("saturation", "drive_db", [3.0, 6.0, 10.0, 15.0, 20.0, 30.0]),
    "hard clip": ladder("hard_clip", "threshold_db", [-9.0, -12.0, -15.0, -18.0, -22.0, -27.0]),
    "bit crusher": ladder("bit_crusher", "bits", [12.0, 10.0, 8.0, 7.0, 6.0, 5.0]),
    "delay": ladder("delay", "mix", [0.05, 0.1, 0.2, 0.3, 0.4, 0.5], time_ms=250.0),
    "chorus": ladder("chorus", "mix", [0.05, 0.1, 0.2, 0.3, 0.4, 0.5], depth_ms=5.0),
    "tremolo": ladder("tremolo", "depth", [0.1, 0.2, 0.4, 0.6, 0.8, 1.0]),
    "reverb, share": ladder("noise_shaped_reverb", "mix", [0.03, 0.06, 0.12, 0.25, 0.4, 0.6], decay_s=1.5),
    "reverb, decay": ladder("noise_shaped_reverb", "decay_s", [0.2, 0.4, 0.8, 1.4, 2.2, 3.5], mix=0.3),
}
"""For each effect six settings of growing strength."""

UNMATCHED = ("level",)
"""Effects whose level is what is to be heard."""


@dataclass(frozen=True)
class Ladder:
    """A way to make mixes worse.

    Attributes:
        grades: how many, the first of them as good as given.
        degrade: mixes as lists of stems (S, 2, T), the grade and a generator to mixes (B, 2, T).
    """

    grades: int
    degrade: Callable[[list[Tensor], int, torch.Generator], Tensor]


def on_master(grades: list[Settings]) -> Ladder:
    def degrade(mixes: list[Tensor], grade: int, generator: torch.Generator) -> Tensor:
        mixed = torch.stack([stems.sum(0) for stems in mixes])
        return render_settings(mixed, RATE, grades[grade - 1]) if grade else mixed

    return Ladder(len(grades) + 1, degrade)


def wrong_levels(deviations_db: list[float]) -> Ladder:
    def degrade(mixes: list[Tensor], grade: int, generator: torch.Generator) -> Tensor:
        # The same draws at every grade, only larger.
        errors = [torch.randn(len(stems), 1, 1, generator=generator) for stems in mixes]
        gains = [10.0 ** (deviations_db[grade] * error / 20.0) for error in errors]
        return torch.stack([(stems * gain).sum(0) for stems, gain in zip(mixes, gains, strict=True)])

    return Ladder(len(deviations_db), degrade)


def wrong_places(widths: list[float]) -> Ladder:
    def degrade(mixes: list[Tensor], grade: int, generator: torch.Generator) -> Tensor:
        mixed = []
        for stems in mixes:
            sides = 2.0 * torch.rand(len(stems), generator=generator) - 1.0
            placed = panner(stems, RATE, pan=widths[grade] * sides) if grade else stems
            mixed.append(placed.sum(0))
        return torch.stack(mixed)

    return Ladder(len(widths), degrade)


def _bad_master(amount: float) -> Settings:
    return [
        {"effect": "low_shelf", "settings": {"frequency_hz": 150.0, "gain_db": 9.0 * amount}},
        {"effect": "low_pass", "settings": {"frequency_hz": 16000.0 * (1500.0 / 16000.0) ** amount}},
        {"effect": "compressor", "settings": {"threshold_db": -15.0 - 30.0 * amount, "ratio": 1.0 + 9.0 * amount}},
        {"effect": "stereo_width", "settings": {"width": 1.0 - amount}},
        {"effect": "noise_shaped_reverb", "settings": {"decay_s": 2.0, "mix": 0.4 * amount}},
    ]


LADDERS: dict[str, Ladder] = {
    "levels of stems wrong by 2 to 16 dB": wrong_levels([0.0, 2.0, 4.0, 7.0, 11.0, 16.0]),
    "places of stems at random": wrong_places([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    "muffled": on_master(ladder("low_pass", "frequency_hz", [10000.0, 6000.0, 3500.0, 2000.0, 1200.0])),
    "squashed": on_master(ladder("compressor", "threshold_db", [-20.0, -26.0, -32.0, -40.0, -50.0], ratio=10.0)),
    "clipped": on_master(ladder("hard_clip", "threshold_db", [-6.0, -10.0, -14.0, -19.0, -25.0])),
    "washed out": on_master(ladder("noise_shaped_reverb", "mix", [0.08, 0.16, 0.3, 0.45, 0.6], decay_s=2.0)),
    "narrowed": on_master(ladder("stereo_width", "width", [0.8, 0.6, 0.4, 0.2, 0.0])),
    "all of these on the master": on_master([_bad_master(amount) for amount in (0.2, 0.4, 0.6, 0.8, 1.0)]),
}
"""Degraded mixes, graded from as given to worst."""
