"""Level, panning, width and saturation against their closed forms."""

from __future__ import annotations

import math

import pedalboard
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep import effects
from fxrep.effects.level import fader_gain
from fxrep.errors import ArgumentError

RATE = 44100
SIGNAL = torch.randn(2, 2, 501, generator=torch.Generator().manual_seed(0)) * 0.3


def test_neutral_settings_are_the_identity_bit_for_bit() -> None:
    assert torch.equal(effects.gain(SIGNAL, RATE, gain_db=0.0), SIGNAL)
    assert torch.equal(effects.stereo_width(SIGNAL, RATE, width=1.0), SIGNAL)
    assert torch.equal(effects.saturation(SIGNAL, RATE, drive_db=20.0, mix=0.0), SIGNAL)
    for law in ("linear", "constant_power", "minus_4.5_db"):
        assert torch.equal(effects.panner(SIGNAL, RATE, pan=0.0, law=law), SIGNAL)


def test_gain_is_in_decibels() -> None:
    levels = torch.tensor([-20.0, 6.0])
    expected = SIGNAL * torch.tensor([0.1, 10 ** (6 / 20)]).reshape(2, 1, 1)
    torch.testing.assert_close(effects.gain(SIGNAL, RATE, gain_db=levels), expected)


@settings(deadline=None)
@given(st.floats(-90, 12))
def test_the_fader_is_in_decibels_from_90_db_up(level_db: float) -> None:
    output = effects.fader(SIGNAL.double(), RATE, gain_db=level_db)
    torch.testing.assert_close(output, SIGNAL.double() * 10 ** (level_db / 20), rtol=1e-12, atol=0)


def test_the_bottom_of_the_fader_is_silence_that_can_be_left() -> None:
    level = torch.tensor([-100.0, -100.0], dtype=torch.float64, requires_grad=True)
    output = effects.fader(SIGNAL.double(), RATE, gain_db=level)
    assert not output.any()
    (slope,) = torch.autograd.grad((output * SIGNAL).sum(), level)
    assert (slope > 0).all()
    steps = fader_gain(torch.linspace(-100, 12, 5001, dtype=torch.float64)).diff()
    assert (steps > 0).all()


def test_polarity_turns_the_waveform_over() -> None:
    assert torch.equal(effects.polarity(SIGNAL, RATE, polarity="invert"), -SIGNAL)
    assert torch.equal(effects.polarity(SIGNAL, RATE), SIGNAL)


@settings(deadline=None)
@given(st.floats(-1, 1))
def test_balance_only_turns_the_far_side_down(position: float) -> None:
    output = effects.balance(SIGNAL.double(), RATE, balance=position)
    gains = torch.tensor([min(1.0, 1.0 - position), min(1.0, 1.0 + position)], dtype=torch.float64)
    torch.testing.assert_close(output, SIGNAL.double() * gains.unsqueeze(-1))


def test_balance_has_a_gradient_at_the_centre() -> None:
    position = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    output = effects.balance(SIGNAL.double(), RATE, balance=position)
    assert torch.autograd.grad(output[:, 0].square().sum(), position, retain_graph=True)[0].ne(0).all()
    assert torch.autograd.grad(output[:, 1].square().sum(), position)[0].ne(0).all()


@settings(deadline=None)
@given(st.floats(-1, 1))
def test_pan_laws_keep_what_they_promise(position: float) -> None:
    pan = torch.tensor([position], dtype=torch.float64)
    left, right = effects.pan_gains(pan, "constant_power")[0].tolist()
    assert left**2 + right**2 == pytest.approx(2.0, abs=1e-6)
    linear_left, linear_right = effects.pan_gains(pan, "linear")[0].tolist()
    assert linear_left + linear_right == pytest.approx(2.0, abs=1e-6)
    between = effects.pan_gains(pan, "minus_4.5_db")[0].tolist()
    assert between[0] == pytest.approx(math.sqrt(max(left * linear_left, 0.0)), abs=1e-6)
    assert between[1] == pytest.approx(math.sqrt(max(right * linear_right, 0.0)), abs=1e-6)


@pytest.mark.parametrize(("law", "edge_db"), [("linear", 6.0206), ("constant_power", 3.0103), ("minus_4.5_db", 4.5154)])
def test_hard_left_silences_the_right(law: str, edge_db: float) -> None:
    gains = effects.pan_gains(torch.tensor([-1.0, 1.0], dtype=torch.float64), law)
    torch.testing.assert_close(gains, gains.flip(0).flip(1))
    assert 20 * math.log10(gains[0, 0]) == pytest.approx(edge_db, abs=1e-3)
    assert abs(float(gains[0, 1])) < 1e-12


@pytest.mark.parametrize("law", ["linear", "constant_power", "minus_4.5_db"])
@pytest.mark.parametrize("edge", [-1.0, 0.0, 1.0])
def test_pan_has_a_finite_gradient_at_the_edges(law: str, edge: float) -> None:
    pan = torch.tensor([edge], dtype=torch.float64, requires_grad=True)
    effects.pan_gains(pan, law).sum().backward()
    assert pan.grad is not None
    assert torch.isfinite(pan.grad).all()


def test_stereo_effects_make_mono_stereo() -> None:
    mono = SIGNAL[:, :1]
    assert torch.equal(effects.panner(mono, RATE, pan=0.0), mono.expand(-1, 2, -1))
    assert torch.equal(effects.stereo_width(mono, RATE, width=1.7), mono.expand(-1, 2, -1))


@settings(deadline=None)
@given(st.floats(0, 2))
def test_width_scales_the_side_and_keeps_the_mono_sum(width: float) -> None:
    wide = effects.stereo_width(SIGNAL.double(), RATE, width=width)
    torch.testing.assert_close(wide.sum(1), SIGNAL.double().sum(1))
    torch.testing.assert_close(wide[:, 0] - wide[:, 1], width * (SIGNAL[:, 0].double() - SIGNAL[:, 1].double()))


@settings(deadline=None)
@given(st.floats(0, 30))
def test_saturation_is_odd_bounded_and_keeps_full_scale(drive_db: float) -> None:
    ramp = torch.linspace(-1, 1, 201, dtype=torch.float64).reshape(1, 1, -1)
    bent = effects.saturation(ramp, RATE, drive_db=drive_db)
    torch.testing.assert_close(bent, -bent.flip(-1))
    assert float(bent[0, 0, -1]) == pytest.approx(1.0)
    assert (bent.diff() >= 0).all()


def test_saturation_is_tanh_as_in_pedalboard() -> None:
    drive_db = 12.0
    k = math.sqrt(10 ** (drive_db / 10) - 1)
    reference = pedalboard.Distortion(drive_db=20 * math.log10(k))(SIGNAL[0].numpy(), RATE)
    bent = effects.saturation(SIGNAL, RATE, drive_db=drive_db)[0] * math.tanh(k)
    torch.testing.assert_close(bent, torch.from_numpy(reference), rtol=1e-5, atol=1e-6)


def test_saturation_leaves_the_identity_smoothly() -> None:
    """No jump next to 0 dB, and a gradient there that shows the way."""
    audio = SIGNAL[:1].double()
    for drive_db in (1e-6, 1e-4, 4e-4, 5e-4, 1e-2):
        k2 = 10 ** (drive_db / 10) - 1
        expected = audio + k2 / 3 * (audio - audio**3)
        bent = effects.saturation(audio, RATE, drive_db=drive_db)
        torch.testing.assert_close(bent, expected, rtol=0, atol=2 * k2**2)
    drive = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    bent = effects.saturation(audio, RATE, drive_db=drive)
    assert torch.equal(bent, audio)
    expected = (math.log(10) / 10 * (audio - audio**3) / 3 * audio).sum()
    (slope,) = torch.autograd.grad((bent * audio).sum(), drive)
    assert float(slope) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("name", [name for name, kind in effects.PROCESSORS.items() if kind.stereo])
def test_what_changes_nothing_on_mono_has_a_gradient_of_zero(name: str) -> None:
    processor = effects.create_processor(name)
    settings = {
        p.name: torch.tensor(p.default, dtype=torch.float64, requires_grad=True) for p in processor.parameter_table
    }
    audio = torch.randn(2, 1, 2000, generator=torch.Generator().manual_seed(0))
    output = processor(audio, 44100, **settings)
    output.square().sum().backward()
    assert output.shape == (2, 2, 2000)
    assert all(one.grad is not None and bool(torch.isfinite(one.grad)) for one in settings.values())


@pytest.mark.parametrize("value", [None, "3", True, [3.0]])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match="gain_db is"):
        effects.gain(torch.zeros(1, 1, 10), 44100, gain_db=value)
