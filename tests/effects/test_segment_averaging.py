"""Curves averaged between samples, against sums over fine lines and against the Fourier series of a clipped sine."""

from __future__ import annotations

import math

import pytest
import torch

from fxrep import effects
from fxrep.effects.segment_averaging import average_oversampled, mean_excess, mean_rounding

RATE = 44100


def lines() -> tuple[torch.Tensor, torch.Tensor]:
    """Ends of long lines, of tiny ones and of points."""
    generator = torch.Generator().manual_seed(0)
    early, late = torch.randn(2, 1, 1, 999, generator=generator, dtype=torch.float64)
    late[..., ::3] = early[..., ::3]
    late[..., 1::3] = early[..., 1::3] + 1e-5 * late[..., 1::3]
    return early, late


def test_the_means_are_those_along_the_line() -> None:
    early, late = lines()
    share = (torch.arange(20000, dtype=torch.float64) + 0.5) / 20000
    line = early[..., None] + (late - early)[..., None] * share
    ceiling = torch.full((1, 1, 1), 0.3, dtype=torch.float64)
    # The midpoint rule with 20000 points misses a step by a line's length over 40000 at most.
    truth = (line - 0.3).clamp_min(0.0).mean(-1)
    torch.testing.assert_close(mean_excess(early, late, ceiling), truth, rtol=0, atol=1e-7)
    truth = (torch.round(3.0 * line) - 3.0 * line).mean(-1)
    torch.testing.assert_close(mean_rounding(3.0 * early, 3.0 * late), truth, rtol=0, atol=5e-4)


def test_single_precision_loses_nothing_on_short_lines() -> None:
    """A difference of antiderivatives over a tiny length would be noise."""
    middle = torch.linspace(0.29, 0.31, 4001, dtype=torch.float64).reshape(1, 1, -1)
    for length in (1e-3, 1e-5, 1e-7):
        early, late = (middle - length / 2).float(), (middle + length / 2).float()
        ceiling = torch.full((1, 1, 1), 0.3)
        exact = mean_excess(early.double(), late.double(), ceiling.double())
        torch.testing.assert_close(mean_excess(early, late, ceiling).double(), exact, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("factor", "tolerance_db"), [("2", 0.6), ("4", 0.15), ("8", 0.04), ("16", 0.01)])
def test_the_harmonics_of_a_clipped_sine_have_their_levels(factor: str, tolerance_db: float) -> None:
    """First and third harmonic of sine waves clipped at -12 dB, the third at up to 19.8 kHz.

    That a line is not the tone costs a quarter at every doubling of the rate.
    """
    ceiling = 10 ** (-12 / 20)
    corner = math.asin(ceiling)
    first = (2 * corner + 2 * ceiling * math.cos(corner)) / math.pi
    third = 4 / math.pi * (math.sin(2 * corner) / 4 - math.sin(4 * corner) / 8 + ceiling * math.cos(3 * corner) / 3)
    for bin_ in (100, 500, 660):
        time = torch.arange(4410, dtype=torch.float64)
        audio = torch.sin(2 * math.pi * bin_ / 4410 * time).reshape(1, 1, -1).repeat(1, 1, 3)
        clipped = effects.hard_clip(audio, RATE, threshold_db=-12.0, oversampling=factor)[0, 0, 4410:8820]
        spectrum = torch.fft.rfft(clipped).abs() / 2205
        assert 20 * math.log10(float(spectrum[bin_]) / first) == pytest.approx(0.0, abs=tolerance_db)
        assert 20 * math.log10(float(spectrum[3 * bin_]) / third) == pytest.approx(0.0, abs=tolerance_db)


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_no_change_is_the_identity_and_a_change_is_in_time(factor: int) -> None:
    audio = torch.randn(2, 2, 777, generator=torch.Generator().manual_seed(1))
    assert torch.equal(average_oversampled(audio, factor, lambda x, y: 0.0 * (x + y)), audio)
    click = torch.zeros(1, 1, 401, dtype=torch.float64)
    click[..., 200] = 1.0
    doubled = average_oversampled(click, factor, lambda x, y: 0.5 * (x + y))
    torch.testing.assert_close(doubled, doubled.flip(-1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("bits", [1.0, 3.7, 12.0])
def test_rounding_at_a_higher_rate_keeps_the_straight_through_gradient(bits: float) -> None:
    generator = torch.Generator().manual_seed(2)
    audio = torch.randn(1, 1, 300, generator=generator, dtype=torch.float64).requires_grad_()
    column = torch.tensor([bits], dtype=torch.float64, requires_grad=True)
    crushed = effects.bit_crusher(audio, RATE, bits=column, oversampling="4")
    weights = torch.randn(crushed.shape, generator=generator, dtype=torch.float64)
    audio_slope, bits_slope = torch.autograd.grad((crushed * weights).sum(), (audio, column))
    torch.testing.assert_close(audio_slope, weights)
    error = crushed.detach() - audio.detach()
    torch.testing.assert_close(bits_slope, -math.log(2) * (error * weights).sum().reshape(1))
