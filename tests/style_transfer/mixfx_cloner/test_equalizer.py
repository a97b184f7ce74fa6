"""The equaliser before the blocks: flat to begin with, then what its settings say, in one pass and in blocks."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects.minimum_phase import minimum_phase_taps
from fxrep.errors import ArgumentError
from fxrep.losses.spectra import mid_side
from style_transfer.mixfx_cloner import ClonerNetwork
from style_transfer.mixfx_cloner.equalizer import TAPS, StyleEqualizer

from .conftest import unit


def equalizer(bands: int = 4, settings: list[float] | None = None) -> StyleEqualizer:
    """One whose settings do not depend on the embedding."""
    made = StyleEqualizer(8, bands).double()
    if settings is not None:
        with torch.no_grad():
            made.settings[2].bias.copy_(torch.tensor(settings))
    return made


@pytest.mark.parametrize("pole", [0.5, -0.9, 0.0])
def test_the_taps_are_those_of_the_filter_with_that_gain(pole: float) -> None:
    turning = torch.exp(-1j * torch.linspace(0.0, torch.pi, 4097, dtype=torch.float64))
    taps = minimum_phase_taps(-(1.0 - pole * turning).abs().log(), 2048)
    wanted = pole ** torch.arange(200, dtype=torch.float64)
    wanted[0] = 0.0
    torch.testing.assert_close(taps[:200], wanted, rtol=0, atol=2e-2 * abs(pole) ** 2 + 1e-15)
    assert float((taps[:20] - wanted[:20]).abs().max()) < 1e-3


def test_it_begins_flat_and_the_network_with_it_as_the_identity() -> None:
    audio = torch.randn(2, 2, 5000)
    assert torch.equal(StyleEqualizer(8, 6)(audio, torch.randn(2, 8)), audio)
    network = ClonerNetwork(8, 8, 2, 5, 3, False, "gains", equalizer_bands=6)
    assert torch.equal(network(audio, unit(8)[None]), audio)
    assert network.receptive_field == 2 * network.reach + TAPS


def test_middle_and_side_have_the_curves_that_the_settings_say() -> None:
    middle_db, side_db = [-6.0, 6.0, 6.0, 0.0], [0.0, 0.0, -12.0, -12.0]
    natural = torch.tensor(middle_db + side_db) * (torch.log(torch.tensor(10.0)) / 20.0)
    made = equalizer(4, [*natural.tolist(), 0.0, 0.0, 0.0, 0.0])
    impulses = torch.zeros(1, 2, TAPS, dtype=torch.float64)
    impulses[:, 0, 0] = 1.0
    with torch.no_grad():
        found = mid_side(made(impulses, torch.randn(1, 8, dtype=torch.float64)))[0] * 2.0
    curves = 20.0 * torch.fft.rfft(found).abs().log10()
    # Lowest and highest band lie at the ends; the second of four lies where the warped scale has gone a third.
    second = round((97.0 ** (1.0 / 3.0) - 1.0) / 96.0 * (TAPS // 2))
    for curve, wanted in zip(curves, (middle_db, side_db), strict=True):
        # The curves end by the tanh that keeps them under 36 dB: 12 dB are 11.6.
        assert float(curve[second]) == pytest.approx(wanted[1], abs=0.5)
        assert float(curve[-1]) == pytest.approx(wanted[3], abs=0.5)


def test_what_goes_across_places_a_stem() -> None:
    """Middle to side, all of it: what was in the middle is on the left."""
    made = equalizer(2, [0.0] * 4 + [0.0, 0.0, 1.0, 0.0])
    centred = torch.randn(1, 1, 500, dtype=torch.float64).expand(1, 2, 500)
    with torch.no_grad():
        left, right = made(centred, torch.zeros(1, 8, dtype=torch.float64))[0]
    torch.testing.assert_close(left, 2.0 * centred[0, 0])
    assert float(right.abs().max()) < 1e-12


def test_gradients_are_those_of_differences() -> None:
    made = equalizer(3, [0.3, -0.2, 0.1, 0.5, 0.0, -0.4, 0.1, -0.1, 0.2, 0.0])
    told, audio = torch.randn(1, 8, dtype=torch.float64), torch.randn(1, 2, 300, dtype=torch.float64)
    bias = made.settings[2].bias
    weights = torch.randn(1, 2, 300, dtype=torch.float64)
    (found,) = torch.autograd.grad((made(audio, told) * weights).sum(), bias)
    with torch.no_grad():
        for number in range(len(bias)):
            step = torch.zeros_like(bias)
            step[number] = 1e-5
            bias.add_(step)
            above = float((made(audio, told) * weights).sum())
            bias.sub_(2.0 * step)
            below = float((made(audio, told) * weights).sum())
            bias.add_(step)
            assert float(found[number]) == pytest.approx((above - below) / 2e-5, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("bands", [1, -3])
def test_wrong_bands(bands: int) -> None:
    with pytest.raises(ArgumentError, match="2 or more"):
        ClonerNetwork(8, 8, 2, 5, 3, equalizer_bands=bands)
