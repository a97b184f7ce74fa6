"""What a dry stem is usually processed with, by instrument: generated targets, where no processed stems are at hand.

These are settings that a person would begin with. They are not taken from records: a model that was trained with them
has learnt these settings, and nothing of any engineer's taste.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fxrep.audio import integrated_loudness, normalize_loudness
from fxrep.effects import create_chain, render_settings
from fxrep.effects.chain_settings import Settings

TYPICAL = "typical"


def _eq(**settings: float) -> dict[str, Any]:
    return {"effect": "parametric_eq", "settings": settings}


def _pass(low_cut_hz: float) -> dict[str, Any]:
    return {"effect": "high_pass", "settings": {"frequency_hz": low_cut_hz}}


def _compressor(threshold_db: float, ratio: float, attack_ms: float, release_ms: float) -> dict[str, Any]:
    settings = {"threshold_db": threshold_db, "ratio": ratio, "attack_ms": attack_ms, "release_ms": release_ms}
    return {"effect": "compressor", "settings": settings}


def _saturation(drive_db: float) -> dict[str, Any]:
    return {"effect": "saturation", "settings": {"drive_db": drive_db}}


PROCESSING: dict[str, Settings] = {
    "drums": [
        _eq(low_shelf_gain_db=3.0, low_shelf_hz=90.0, peak_1_gain_db=-4.0, peak_1_hz=400.0, high_shelf_gain_db=4.0),
        _compressor(-26.0, 4.0, 10.0, 100.0),
    ],
    "bass": [
        _pass(35.0),
        _eq(peak_1_gain_db=3.0, peak_1_hz=90.0, peak_2_gain_db=-4.0, peak_2_hz=280.0, high_shelf_gain_db=-4.0),
        _compressor(-30.0, 5.0, 20.0, 150.0),
        _saturation(8.0),
    ],
    "guitar": [
        _pass(90.0),
        _eq(peak_1_gain_db=-3.0, peak_1_hz=300.0, peak_3_gain_db=4.0, peak_3_hz=3000.0),
        _compressor(-26.0, 3.0, 15.0, 120.0),
    ],
    "keys": [
        _pass(60.0),
        _eq(peak_1_gain_db=-4.0, peak_1_hz=300.0, high_shelf_gain_db=3.0),
        _compressor(-24.0, 2.0, 20.0, 200.0),
    ],
    "vocals": [
        _pass(100.0),
        _eq(peak_1_gain_db=-3.0, peak_1_hz=250.0, peak_3_gain_db=4.0, peak_3_hz=3500.0, high_shelf_gain_db=4.0),
        _compressor(-30.0, 4.0, 5.0, 80.0),
    ],
    "strings": [_pass(100.0), _eq(peak_1_gain_db=-3.0, peak_1_hz=350.0, high_shelf_gain_db=3.0)],
    "other": [_pass(80.0), _eq(peak_1_gain_db=-3.0, peak_1_hz=300.0), _compressor(-26.0, 2.5, 15.0, 120.0)],
}
"""By the name of a group; one that is not here is processed like ``other``."""


def group_settings(groups: list[str], processing: str, seed: int) -> list[Settings]:
    """The settings of each group, the same ones for a whole training.

    Args:
        groups: names.
        processing: ``typical`` for `PROCESSING`; or the name of a chain (`fxrep.effects.CHAINS`), of which one drawing
            is made for each group.
        seed: of the drawing.

    Raises:
        ArgumentError: there is no such chain.
    """
    if processing == TYPICAL:
        return [PROCESSING.get(group, PROCESSING["other"]) for group in groups]
    chain = create_chain(processing)
    generator = torch.Generator().manual_seed(seed)
    return [chain.sample(generator) for _ in groups]


def process_stems(dry: Tensor, sample_rate: int, settings: list[Settings]) -> Tensor:
    """Mono stems (B, T), each under settings of its own, as loud as they were: (B, T)."""
    wet = render_settings(dry[:, None], sample_rate, settings).mean(1, keepdim=True)
    return normalize_loudness(wet, sample_rate, integrated_loudness(dry[:, None], sample_rate))[:, 0]
