"""What the report says about a strip is what closed forms give."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fxrep.audio import normalize_loudness
from fxrep.effects.console import StripEffect, default_console
from fxrep.effects.console.strip import Strip
from fxrep.mixing.report_strips import read_strip
from fxrep.mixing.track_source import open_recording

RATE = 44100


def sine(seconds: float = 8.0, level: float = 0.5, channels: int = 1) -> torch.Tensor:
    return (level * torch.sin(2 * math.pi * 997.0 * torch.arange(round(seconds * RATE)) / RATE)).expand(channels, -1)


def values(strip: Strip, **changes: dict[str, float]) -> dict[str, dict[str, float | None]]:
    return {label: {**table, **changes.get(label, {})} for label, table in strip.defaults().items()}


SQUEEZE = {
    "threshold_db": -40.0,
    "ratio": 4.0,
    "knee_db": 0.0,
    "makeup_db": 7.0,
    "attack_ms": 0.1,
    "release_ms": 2000.0,
}


def test_steady_gain_reduction_is_that_of_the_static_curve() -> None:
    strip = default_console().track
    found = read_strip(open_recording("tone", sine(), RATE), strip, [(0.0, values(strip, compressor=SQUEEZE))], RATE)
    # 34 dB above the threshold, of which a quarter is left; the slow release keeps the peak's gain.
    expected = (20 * math.log10(0.5) + 40.0) * (1 / 4 - 1)
    assert len(found.reduction_db["compressor"]) == 80
    np.testing.assert_allclose(found.reduction_db["compressor"][1:], expected, atol=0.05)


@pytest.mark.parametrize("pan", [-0.6, 0.0, 0.35])
def test_position_is_that_of_the_panner(pan: float) -> None:
    strip = default_console().track
    found = read_strip(open_recording("tone", sine(), RATE), strip, [(0.0, values(strip, panner={"pan": pan}))], RATE)
    left, right = (math.sin(distance * math.pi / 4) ** 2 for distance in (1 - pan, 1 + pan))
    assert found.position == pytest.approx(right - left, abs=1e-5)
    assert found.width == pytest.approx(0.0, abs=1e-6)
    assert found.reduction_db == {}


def test_loudness_and_width_behind_the_strip() -> None:
    strip = default_console().track
    generator = torch.Generator().manual_seed(1)
    noise = normalize_loudness(torch.randn(2, 5 * RATE, generator=generator) * 0.1, RATE, -30.0)
    recording = open_recording("noise", noise, RATE)
    found = read_strip(recording, strip, [(0.0, values(strip, fader={"gain_db": 6.0}))], RATE, gain_db=-2.0)
    assert found.loudness_lufs == pytest.approx(-26.0, abs=0.02)
    assert found.width == pytest.approx(1.0, abs=0.01)  # two independent channels
    narrow = read_strip(recording, strip, [(0.0, values(strip, stereo_width={"width": 0.0}))], RATE)
    assert narrow.width == pytest.approx(0.0, abs=1e-6)
    aside = read_strip(recording, strip, [(0.0, values(strip, panner={"pan": 1.0}))], RATE)
    assert (aside.position, aside.width) == pytest.approx((1.0, 0.0), abs=1e-6)


def test_silence_has_no_place() -> None:
    strip = default_console().track
    silence = open_recording("silence", torch.zeros(1, RATE), RATE)
    found = read_strip(silence, strip, [(0.0, values(strip, compressor=SQUEEZE))], RATE)
    assert found.loudness_lufs == -math.inf
    assert math.isnan(found.position)
    assert np.isnan(found.reduction_db["compressor"]).all()


def test_sections_have_their_own_gain_reduction() -> None:
    strip = default_console().track
    settings = [(0.0, values(strip)), (3.0, values(strip, compressor=SQUEEZE)), (6.0, values(strip))]
    found = read_strip(open_recording("tone", sine(), RATE), strip, settings, RATE).reduction_db["compressor"]
    expected = (20 * math.log10(0.5) + 40.0) * (1 / 4 - 1)
    # Where the compressor is not in use there is nothing to show.
    assert np.isnan(found[:29]).all() and np.isnan(found[62:]).all()
    np.testing.assert_allclose(found[31:59], expected, atol=0.05)


def test_what_looks_ahead_stays_in_time() -> None:
    strip = Strip([StripEffect("compressor"), StripEffect("limiter"), "panner"])
    audio = torch.cat([sine(2.0, 0.01), sine(2.0, 0.5), sine(2.0, 0.01)], -1)
    settings = values(
        strip,
        limiter={"ceiling_db": -20.0, "release_ms": 10.0},
        compressor={**SQUEEZE, "makeup_db": 15.0, "lookahead_ms": 5.0},
    )
    found = read_strip(open_recording("steps", audio, RATE), strip, [(0.0, settings)], RATE)
    limited = found.reduction_db["limiter"]
    assert len(limited) == 60
    assert (limited[21:39] < -1.0).all()
    assert (found.reduction_db["compressor"][21:39] < -20.0).all()
    # A level of -40 dBFS is at the threshold of the compressor, and under that of the limiter.
    np.testing.assert_allclose(found.reduction_db["compressor"][:19], 0.0, atol=0.3)


def test_other_rates_are_read_at_the_rate_of_the_console() -> None:
    strip = default_console().track
    recording = open_recording("tone", sine(3.0), RATE)
    found = read_strip(recording, strip, [(0.0, values(strip, compressor=SQUEEZE))], 48000)
    assert len(found.reduction_db["compressor"]) == 30
    assert found.loudness_lufs == pytest.approx(
        read_strip(recording, strip, [(0.0, values(strip, compressor=SQUEEZE))], RATE).loudness_lufs, abs=0.05
    )
