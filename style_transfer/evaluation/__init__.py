"""The benchmark of mixing: systems beside baselines, on known settings and on references of other songs."""

from __future__ import annotations

from style_transfer.evaluation.benchmark import BASELINE, mix_benchmark
from style_transfer.evaluation.creation import BASELINES, create_mixers, open_measuring
from style_transfer.evaluation.items import ItemDrawing, MixItem
from style_transfer.evaluation.mixers import Answer, ConsoleMixer, EqualLoudness, Mixer, Oracle, RandomSettings
from style_transfer.evaluation.protocol import MixProtocol
from style_transfer.evaluation.settings_bank import NearestReference
from style_transfer.evaluation.settings_error import settings_errors

__all__ = [
    "BASELINE",
    "BASELINES",
    "Answer",
    "ConsoleMixer",
    "EqualLoudness",
    "ItemDrawing",
    "MixItem",
    "MixProtocol",
    "Mixer",
    "NearestReference",
    "Oracle",
    "RandomSettings",
    "create_mixers",
    "mix_benchmark",
    "open_measuring",
    "settings_errors",
]
