"""Clippers, drives and the bit crusher against their curves; what oversampling leaves of the aliasing."""

from __future__ import annotations

import math

import numpy as np
import pedalboard
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep import effects
from fxrep.effects.drive import tube_change
from fxrep.effects.oversampling import bend_oversampled

RATE = 44100
RAMP = torch.linspace(-2, 2, 801, dtype=torch.float64).reshape(1, 1, -1)


def tone(frequency: float, samples: int = RATE) -> torch.Tensor:
    time = torch.arange(samples, dtype=torch.float64) / RATE
    return torch.sin(2 * math.pi * frequency * time).reshape(1, 1, -1)


def aliasing_db(output: torch.Tensor, fundamental: float) -> float:
    """Power of all that is no multiple of the fundamental, relative to the fundamental."""
    inside = output[0, 0, 2000:-2000].double().numpy()
    power = np.abs(np.fft.rfft(inside * np.kaiser(inside.size, 20.0))) ** 2
    frequency = np.fft.rfftfreq(inside.size, 1.0 / RATE)
    harmonic = np.abs(frequency - fundamental * np.round(frequency / fundamental)) < 30.0
    first = power[np.abs(frequency - fundamental) < 30.0].sum()
    return float(10.0 * np.log10(power[~harmonic].sum() / first))


@pytest.mark.parametrize(
    ("name", "settings", "factor"),
    [
        ("saturation", {"drive_db": 12.0}, "4"),
        ("tanh_drive", {"drive_db": 12.0}, "4"),
        ("tube_drive", {"drive_db": 12.0, "bias": 0.9}, "4"),
        ("soft_clip", {"threshold_db": -12.0}, "8"),
        ("hard_clip", {"threshold_db": -12.0}, "4"),
        *(("bit_crusher", {"bits": float(bits)}, "8") for bits in range(1, 9)),
        *(("bit_crusher", {"bits": bits}, "2") for bits in (6.0, 8.5)),
    ],
)
def test_oversampling_keeps_aliasing_below_60_db(name: str, settings: dict, factor: str) -> None:
    """A full-scale tone of 5 kHz driven by 12 dB; the factor is the one the documentation names."""
    module = effects.create_processor(name)
    assert aliasing_db(module(tone(5000.0), RATE, **settings), 5000.0) > -55.0
    assert aliasing_db(module(tone(5000.0), RATE, oversampling=factor, **settings), 5000.0) < -60.0


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_oversampling_is_in_time_and_flat(factor: int) -> None:
    """A gain at the higher rate is the same gain at the lower one, up to 20 kHz: no delay, no ripple."""
    for frequency in (100.0, 5000.0, 19900.0):
        audio = tone(frequency, 4000)
        output = bend_oversampled(audio, factor, lambda x: 3.0 * x)
        torch.testing.assert_close(output[..., 200:-200], 3.0 * audio[..., 200:-200], rtol=0, atol=2e-4)
    assert torch.equal(bend_oversampled(audio, factor, lambda x: x), audio)


def test_oversampling_a_square_is_the_product_of_band_limited_signals() -> None:
    audio = tone(7000.0, 4000)
    squared = bend_oversampled(audio, 4, lambda x: x * x)
    expected = 0.5 - 0.5 * torch.cos(2 * math.pi * 14000.0 * torch.arange(4000, dtype=torch.float64) / RATE)
    torch.testing.assert_close(squared[0, 0, 200:-200], expected[200:-200], rtol=0, atol=2e-4)


@settings(deadline=None)
@given(st.floats(-36, 12))
def test_hard_clip_is_pedalboards(threshold_db: float) -> None:
    reference = pedalboard.Clipping(threshold_db=threshold_db)(RAMP[0].float().numpy(), RATE)
    clipped = effects.hard_clip(RAMP.float(), RATE, threshold_db=threshold_db)
    torch.testing.assert_close(clipped[0], torch.from_numpy(reference), rtol=1e-5, atol=1e-6)


@settings(deadline=None)
@given(st.floats(-36, 12), st.floats(1, 24))
def test_soft_clip_is_smooth_exact_below_the_knee_and_never_beyond_the_threshold(threshold: float, knee: float) -> None:
    ceiling, start = 10 ** (threshold / 20), 10 ** ((threshold - knee) / 20)
    ramp = torch.linspace(0, 2 * ceiling, 4001, dtype=torch.float64).reshape(1, 1, -1)
    bent = effects.soft_clip(ramp, RATE, threshold_db=threshold, knee_db=knee)
    below = ramp < start * (1 - 1e-9)
    assert torch.equal(bent[below], ramp[below])
    assert float(bent.max()) == pytest.approx(ceiling, rel=1e-9)
    step = 2 * ceiling / 4000
    slope = bent.diff() / step
    assert -1e-9 <= float(slope.min()) <= float(slope.max()) <= 1 + 1e-9
    # The curvature of the cubic is at most 4/3 over its span; the slope may not jump by more than that per step.
    assert float(slope.diff().abs().max()) < 1.4 * step / (ceiling - start)
    torch.testing.assert_close(effects.soft_clip(-ramp, RATE, threshold_db=threshold, knee_db=knee), -bent)


@settings(deadline=None)
@given(st.floats(0.01, 36))
def test_tanh_drive_has_its_drive_as_gain_and_a_ceiling(drive_db: float) -> None:
    g = 10 ** (drive_db / 20)
    k = math.sqrt(g * g - 1)
    bent = effects.tanh_drive(RAMP, RATE, drive_db=drive_db)
    torch.testing.assert_close(bent, g * torch.tanh(k * RAMP) / k, rtol=1e-6, atol=1e-7)
    quiet = effects.tanh_drive(RAMP * 1e-6, RATE, drive_db=drive_db)
    torch.testing.assert_close(quiet, RAMP * 1e-6 * g, rtol=1e-4, atol=0)


@pytest.mark.parametrize("tone_db", [-12.0, 5.0, 12.0])
def test_the_tone_tilts_around_1_khz(tone_db: float) -> None:
    for frequency, share in ((20.0, -1.0), (1000.0, 0.0), (20000.0, 1.0)):
        audio = tone(frequency) * 0.01
        output = effects.tanh_drive(audio, RATE, tone_db=tone_db)
        level = 10 * math.log10(float(output[..., 4410:].square().mean() / audio[..., 4410:].square().mean()))
        assert level == pytest.approx(share * tone_db, abs=0.1)


@settings(deadline=None)
@given(st.floats(3, 36), st.floats(-0.9, 0.9))
def test_tube_drive_is_a_shifted_tanh_without_dc(drive_db: float, bias: float) -> None:
    g = 10 ** (drive_db / 20)
    k = math.sqrt(g * g - 1)
    # The curve itself, before the high-pass: with a bias of (k / g) times the setting it is the shifted tanh.
    operating_point = math.atanh(bias * k / g)
    shifted = torch.tanh(k * RAMP + operating_point) - math.tanh(operating_point)
    curve = g / k * shifted / (1 - math.tanh(operating_point) ** 2)
    columns = {"drive_db": RAMP.new_tensor([drive_db]), "bias": RAMP.new_tensor([bias])}
    torch.testing.assert_close(RAMP + tube_change(RAMP, columns, 1), curve, rtol=1e-9, atol=1e-9)


def test_tube_drive_leaves_no_dc_and_makes_even_harmonics() -> None:
    # The last 220 periods: bin 220 of the spectrum is the fundamental, bin 440 its octave.
    settings = {"drive_db": 12.0, "oversampling": "4"}
    output = effects.tube_drive(tone(441.0), RATE, bias=0.6, **settings)[0, 0, -22000:]
    spectrum = torch.fft.rfft(output).abs()
    assert abs(float(output.mean())) < 1e-4
    assert spectrum[440] > 0.1 * spectrum[220]
    symmetric = effects.tube_drive(tone(441.0), RATE, bias=0.0, **settings)[0, 0, -22000:]
    assert torch.fft.rfft(symmetric).abs()[440] < 1e-4 * spectrum[220]


@settings(deadline=None)
@given(st.integers(1, 16))
def test_bits_are_levels(bits: int) -> None:
    crushed = effects.bit_crusher(RAMP, RATE, bits=float(bits))
    step = 2.0 ** (1 - bits)
    torch.testing.assert_close(crushed / step, torch.round(crushed / step), rtol=0, atol=1e-9)
    assert float((crushed - RAMP).abs().max()) <= step / 2 + 1e-12


def test_the_gradient_of_rounding_is_straight_through() -> None:
    """1 for the audio; error over step times the slope of the step for the bits."""
    audio = (RAMP * 0.4).requires_grad_()
    bits = torch.tensor([5.3], dtype=torch.float64, requires_grad=True)
    crushed = effects.bit_crusher(audio, RATE, bits=bits)
    weights = torch.randn(crushed.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    audio_slope, bits_slope = torch.autograd.grad((crushed * weights).sum(), (audio, bits))
    torch.testing.assert_close(audio_slope, weights)
    error = crushed.detach() - audio.detach()
    torch.testing.assert_close(bits_slope, -math.log(2) * (error * weights).sum().reshape(1))


@pytest.mark.parametrize("factor", [2.0, 5.0, 7.3])
def test_holding_takes_the_middle_of_every_span(factor: float) -> None:
    generator = torch.Generator().manual_seed(1)
    audio = torch.randn(1, 2, 500, generator=generator, dtype=torch.float64)
    held = effects.bit_crusher(audio, RATE, rate_factor=factor)
    times = np.floor(np.arange(500) / factor + 0.5) * factor
    for channel in range(2):
        reference = np.interp(times, np.arange(501), np.append(audio[0, channel].numpy(), 0.0), right=0.0)
        np.testing.assert_allclose(held[0, channel].numpy(), reference, atol=1e-12)


def test_the_rate_factor_has_its_exact_gradient() -> None:
    generator = torch.Generator().manual_seed(2)
    audio = torch.randn(2, 1, 300, generator=generator, dtype=torch.float64).requires_grad_()
    factor = torch.tensor([3.3717, 11.3131], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, r: effects.bit_crusher(x, RATE, rate_factor=r), (audio, factor), eps=1e-7)
