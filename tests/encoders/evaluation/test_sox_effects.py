"""The effects of SoX against closed forms; skipped where the program is not installed."""

from __future__ import annotations

import shutil

import pytest
import torch

from encoders.evaluation import evaluation_chain
from encoders.evaluation.sox_effects import SOX_EFFECTS, sox_processor
from fxrep.effects import high_shelf, parametric_eq
from fxrep.errors import ArgumentError, FxrepError, MissingExtraError

RATE = 44100

needs_sox = pytest.mark.skipif(shutil.which("sox") is None, reason="sox is not installed")


@pytest.fixture
def noise() -> torch.Tensor:
    return 0.3 * torch.randn(2, 2, RATE // 2, generator=torch.Generator().manual_seed(0))


def level_db(audio: torch.Tensor) -> torch.Tensor:
    return 10.0 * torch.log10(audio.double().square().mean(-1))


@needs_sox
def test_gain_is_exact_and_does_not_clip(noise: torch.Tensor) -> None:
    wet = sox_processor("gain")(noise, RATE, gain_db=torch.tensor([9.0, -9.0]))
    factor = 10.0 ** (torch.tensor([9.0, -9.0]) / 20.0)
    assert float(wet.abs().max()) > 1.5
    torch.testing.assert_close(wet, noise * factor[:, None, None], rtol=1e-6, atol=1e-7)


@needs_sox
def test_width_is_the_share_of_the_side(noise: torch.Tensor) -> None:
    wet = sox_processor("width")(noise, RATE, width=1.5)
    mid, side = noise.sum(1) / 2.0, (noise[:, 0] - noise[:, 1]) / 2.0
    torch.testing.assert_close(wet, torch.stack([mid + 1.5 * side, mid - 1.5 * side], 1), rtol=1e-5, atol=1e-6)


@needs_sox
def test_tone_is_that_of_the_audio_eq_cookbook(noise: torch.Tensor) -> None:
    wet = sox_processor("equalizer")(noise, RATE, frequency_hz=1000.0, q=1.0, gain_db=6.0)
    peak = parametric_eq(noise, RATE, peak_2_hz=1000.0, peak_2_q=1.0, peak_2_gain_db=6.0)
    # Frequency and Q are handed over as rounded text.
    assert float((level_db(wet - peak) - level_db(peak)).max()) < -60.0
    bright = sox_processor("bass_treble")(noise, RATE, treble_db=6.0, treble_hz=5000.0)
    # The shelf's width of SoX is a slope of 0.5, ours a Q: alike where both are flat.
    shelf = high_shelf(noise, RATE, frequency_hz=5000.0, gain_db=6.0)
    assert float((level_db(bright) - level_db(shelf)).abs().max()) < 1.0


@needs_sox
def test_compand_follows_its_curve_once_it_has_settled() -> None:
    time = torch.arange(2 * RATE) / RATE
    tone = (10.0 ** (-10.0 / 20.0) * torch.sign(torch.sin(2 * torch.pi * 100.0 * time))).expand(1, 2, -1)
    wet = sox_processor("compand")(
        tone, RATE, threshold_db=-30.0, ratio=4.0, attack_ms=5.0, decay_ms=50.0, makeup_db=0.0
    )
    # 20 dB above the threshold at 4:1 leave 5 dB; a square wave has one level. The knee of 6 dB is far below.
    assert abs(float(level_db(wet[..., RATE:]).mean()) + 25.0) < 0.2


@needs_sox
def test_echo_comes_after_its_delay() -> None:
    click = torch.zeros(1, 2, RATE)
    click[..., 0] = 0.5
    wet = sox_processor("echo")(click, RATE, delay_ms=100.0, decay=0.5)
    assert wet.shape == click.shape
    assert abs(float(wet[0, 0, RATE // 10]) - 0.25) < 1e-3


@needs_sox
def test_every_effect_is_finite_stereo_and_deterministic(noise: torch.Tensor) -> None:
    for name in SOX_EFFECTS:
        effect = sox_processor(name)
        settings = effect.sample(torch.Generator().manual_seed(1))
        first, again = (effect(noise, RATE, **settings) for _ in range(2))
        assert torch.equal(first, again), name
        assert float((first - noise).abs().max()) > 1e-3, name
        assert effect(noise[:, :1], RATE, **settings).shape == noise.shape, name


@needs_sox
def test_what_sox_refuses_is_told_with_the_effect(noise: torch.Tensor) -> None:
    # At 8 kHz no filter reaches 6 kHz.
    with pytest.raises(FxrepError, match="sox_equalizer failed"):
        sox_processor("equalizer")(noise, 8000, frequency_hz=6000.0)


@needs_sox
def test_the_chain_draws_and_renders(noise: torch.Tensor) -> None:
    chain = evaluation_chain("sox")
    assert set(chain.processors) == {f"sox_{name}" for name in SOX_EFFECTS}
    drawn = chain.sample_batch(torch.Generator().manual_seed(0), 2)
    assert bool(torch.isfinite(chain(noise, RATE, drawn)).all())


def test_a_missing_program_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtraError, match="apt install sox"):
        evaluation_chain("sox")
    with pytest.raises(ArgumentError, match="flanger"):
        sox_processor("flanger")
