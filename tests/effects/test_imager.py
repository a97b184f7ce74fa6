"""The imager: exact at equal widths, in its bands elsewhere, without phase."""

from __future__ import annotations

import math

import pytest
import torch

from fxrep import effects
from fxrep.effects.imager import BANDS
from fxrep.errors import ArgumentError

RATE = 44100
SIGNAL = torch.randn(1, 2, 20000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.2


@pytest.mark.parametrize("width", [0.0, 0.4, 2.0])
def test_equal_widths_are_stereo_width(width: float) -> None:
    banded = effects.stereo_imager(SIGNAL, RATE, **{f"{band}_width": width for band in BANDS})
    torch.testing.assert_close(banded, effects.stereo_width(SIGNAL, RATE, width=width), rtol=0, atol=1e-12)


def test_the_mid_is_left_alone() -> None:
    widths = dict(zip((f"{band}_width" for band in BANDS), (0.0, 1.7, 0.3, 2.0), strict=True))
    torch.testing.assert_close(effects.stereo_imager(SIGNAL, RATE, **widths).sum(1), SIGNAL.sum(1))


@pytest.mark.parametrize(("band", "inside", "edge"), [(0, 25.0, 120.0), (1, 310.0, 120.0), (3, 14000.0, 3500.0)])
def test_a_width_acts_in_its_band_without_phase(band: int, inside: float, edge: float) -> None:
    """The response of the side: 0 in the band, one half at the crossover, 1 far away, always real."""
    click = torch.zeros(1, 2, 2 * RATE, dtype=torch.float64)
    click[0, 0, RATE], click[0, 1, RATE] = 1.0, -1.0
    output = effects.stereo_imager(click, RATE, **{f"{BANDS[band]}_width": 0.0})
    side = (output[0, 0] - output[0, 1]) / 2
    response = torch.fft.rfft(side.roll(-RATE))
    assert float(response.imag.abs().max()) < 1e-6
    assert abs(float(response.real[round(2 * inside)])) < 0.05
    assert float(response.real[round(2 * edge)]) == pytest.approx(0.5, abs=0.01)
    far = 14000.0 if band < 2 else 100.0
    assert float(response.real[round(2 * far)]) == pytest.approx(1.0, abs=1e-3)


def test_the_slope_is_that_of_linkwitz_and_riley() -> None:
    click = torch.zeros(1, 2, 2 * RATE, dtype=torch.float64)
    click[0, 0, RATE], click[0, 1, RATE] = 1.0, -1.0
    output = effects.stereo_imager(click, RATE, low_mid_width=0.0, high_mid_width=0.0, high_width=0.0)
    response = torch.fft.rfft((output[0, 0] - output[0, 1]) / 2).abs()
    for frequency in (60.0, 120.0, 240.0, 480.0):
        expected = 1 / (1 + (math.tan(math.pi * frequency / RATE) / math.tan(math.pi * 120.0 / RATE)) ** 4)
        assert float(response[round(2 * frequency)]) == pytest.approx(expected, rel=1e-3)


def test_mono_has_no_side() -> None:
    mono = SIGNAL[:, :1]
    assert torch.equal(effects.stereo_imager(mono, RATE, low_width=2.0), mono.expand(-1, 2, -1))


def test_a_crossover_beyond_nyquist_is_refused() -> None:
    with pytest.raises(ArgumentError, match="high_crossover_hz"):
        effects.stereo_imager(SIGNAL, 8000, high_crossover_hz=5000.0)
