"""The published chains draw what their papers say."""

from __future__ import annotations

import torch

from fxrep.effects import create_chain
from fxrep.effects.chain_settings import entry_label

RATE = 44100
PROBABILITIES = {
    "parametric_eq": 0.6,
    "saturation": 0.3,
    "multiband_compressor": 0.8,
    "gain": 0.6,
    "stereo_width": 0.6,
    "limiter": 0.6,
    "delay": 0.6,
    "noise_shaped_reverb": 0.6,
}


def drawn(count: int = 2000) -> list[list[dict]]:
    return create_chain("fx_encoder_plus_plus").sample_batch(torch.Generator().manual_seed(0), count)


def test_probabilities_of_fx_encoder_plus_plus() -> None:
    settings = drawn()
    for name, probability in PROBABILITIES.items():
        share = sum(any(entry["effect"] == name for entry in item) for item in settings) / len(settings)
        # Four standard errors of a share of 2000.
        assert abs(share - probability) < 4.0 * (0.25 / len(settings)) ** 0.5, name


def test_ranges_of_fx_encoder_plus_plus() -> None:
    expected = {
        ("parametric_eq", "peak_3_hz"): (8000.0, 12000.0),
        ("parametric_eq", "high_shelf_gain_db"): (-12.0, 12.0),
        ("parametric_eq", "low_shelf_q"): (0.5, 5.0),
        ("saturation", "drive_db"): (0.0, 8.0),
        ("multiband_compressor", "low_crossover_hz"): (40.0, 300.0),
        ("multiband_compressor", "high_crossover_hz"): (2000.0, 12000.0),
        ("multiband_compressor", "high_mid_threshold_db"): (-30.0, -5.0),
        ("multiband_compressor", "low_ratio"): (1.5, 6.0),
        ("gain", "gain_db"): (6.0, 12.0),
        ("limiter", "ceiling_db"): (-20.0, 0.0),
        ("limiter", "release_ms"): (20.0, 1000.0),
        ("delay", "time_ms"): (1.0, 300.0),
        ("delay", "mix"): (0.1, 0.7),
        ("delay", "feedback"): (0.0, 0.0),
        ("noise_shaped_reverb", "mix"): (0.0, 1.0),
        ("noise_shaped_reverb", "octave_63_gain_db"): (-24.0, 0.0),
    }
    entries = [entry for item in drawn() for entry in item]
    for (effect, setting), (low, high) in expected.items():
        values = [entry["settings"][setting] for entry in entries if entry["effect"] == effect]
        span = high - low
        assert low <= min(values) <= low + 0.05 * span and high - 0.05 * span <= max(values) <= high, setting
    shares = [entry["mix"] for entry in entries if entry["effect"] == "multiband_compressor"]
    assert 0.2 <= min(shares) < 0.22 and 0.68 < max(shares) <= 0.7


def test_order_of_fx_encoder_plus_plus_is_any() -> None:
    full = [[entry_label(entry) for entry in item] for item in drawn()]
    pairs = [item.index("delay") < item.index("limiter") for item in full if {"delay", "limiter"} <= set(item)]
    assert 0.4 < sum(pairs) / len(pairs) < 0.6


def test_fx_encoder_plus_plus_sounds() -> None:
    chain = create_chain("fx_encoder_plus_plus")
    generator = torch.Generator().manual_seed(3)
    audio = 0.1 * torch.randn(16, 2, RATE, generator=generator)
    wet = chain(audio, RATE, chain.sample_batch(generator, 16))
    assert wet.shape == audio.shape and bool(torch.isfinite(wet).all())
    assert bool((wet.square().mean((1, 2)) > 1e-8).all())
