"""Presets of single effects: drawn once, heard, and put on clips as the pre-training asks for."""

from __future__ import annotations

import pytest
import torch

from fxrep.data.preset_pairs import PresetRenderer
from fxrep.effects import render_settings
from fxrep.effects.presets import PRESET_RANGES, draw_presets, noise_bursts
from fxrep.errors import ArgumentError

RATE = 44100


def noise(seconds: float, items: int = 1, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(items, 2, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def everything():
    return draw_presets(count=1)


def test_drawn_once_and_independently_of_the_others(everything):
    assert len(everything) == len(PRESET_RANGES)
    place = list(PRESET_RANGES).index("delay")
    assert draw_presets(["delay"], count=1) == [everything[place]]
    assert draw_presets(["delay"], count=1, seed=1) != [everything[place]]
    assert draw_presets(["delay"], count=3)[0][:1] == everything[place]


def test_every_preset_is_heard_as_promised(everything):
    clip = noise_bursts().double()
    for drawn in everything:
        wet = render_settings(clip.float(), RATE, drawn[0]).double()
        unexplained = 1.0 - (clip * wet).sum() ** 2 / clip.square().sum() / wet.square().sum()
        assert 10.0 * torch.log10(unexplained) > -25.1, drawn[0][0]["effect"]
        assert 10.0 * torch.log10(wet.square().sum() / clip.square().sum()) > -30.1


@pytest.mark.parametrize(
    ("effects", "count", "words"),
    [(["gain"], 1, "gain"), (["delay", "delay"], 1, "each once"), (None, 0, "count is 0")],
)
def test_wrong_calls(effects, count, words):
    with pytest.raises(ArgumentError, match=words):
        draw_presets(effects, count)


def test_pairs_hold_the_preset_they_name():
    renderer = PresetRenderer(["peak", "stereo_width"], presets=2, crop=1.0, softest_db=0.0)
    batch = {"a": noise(0.2, 4, 1), "b": noise(0.2, 4, 2)}
    pairs = renderer(batch, RATE, torch.Generator().manual_seed(3))
    assert pairs.dry.shape == pairs.wet.shape == (8, 2, batch["a"].shape[-1])
    torch.testing.assert_close(pairs.wet.abs().amax((1, 2)), torch.ones(8))
    for item, content in enumerate(torch.cat([batch["a"], batch["b"]])):
        settings = renderer.presets[int(pairs.effect[item])][int(pairs.preset[item])]
        expected = render_settings(content[None], RATE, settings)[0]
        expected = expected / expected.abs().max()
        matches = [torch.allclose(pairs.wet[item], way, atol=1e-5) for way in (expected, expected.flip(0))]
        assert any(matches), item


def test_dry_and_wet_are_other_places_at_other_levels():
    renderer = PresetRenderer(["delay"], presets=1, crop=0.5)
    batch = {"a": noise(0.2, 16, 1), "b": noise(0.2, 16, 2)}
    pairs = renderer(batch, RATE, torch.Generator().manual_seed(0))
    again = renderer(batch, RATE, torch.Generator().manual_seed(0))
    assert torch.equal(pairs.wet, again.wet) and torch.equal(pairs.preset, again.preset)
    assert pairs.dry.shape[-1] == batch["a"].shape[-1] // 2
    peaks_db = 20.0 * torch.log10(pairs.dry.abs().amax((1, 2)))
    assert -32.0 <= float(peaks_db.min()) < -20.0 and -10.0 < float(peaks_db.max()) <= 0.0
    with pytest.raises(ArgumentError, match=r"crop=0\.0"):
        PresetRenderer(["delay"], crop=0.0)
