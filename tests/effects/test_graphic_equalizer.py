"""Graphic equalisers: the response measured from an impulse, against the gains that were asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fxrep import effects
from fxrep.effects.graphic_equalizer import GRAPHIC_TABLE, OCTAVES, THIRD_OCTAVE_TABLE, THIRD_OCTAVES
from fxrep.effects.parameters import Parameter
from fxrep.errors import ArgumentError

KINDS = {"graphic_eq": (OCTAVES, GRAPHIC_TABLE), "third_octave_eq": (THIRD_OCTAVES, THIRD_OCTAVE_TABLE)}


def asked(table: tuple[Parameter, ...], gains: np.ndarray) -> dict:
    return {parameter.name: torch.from_numpy(gains[:, n]) for n, parameter in enumerate(table)}


def patterns(bands: int) -> np.ndarray:
    """Return settings (N, bands): all up, all down, alternating, one slider, random ones at the limits and between."""
    random = np.random.default_rng(0)
    fixed = [np.full(bands, 12.0), np.full(bands, -12.0), 12.0 * (-1.0) ** np.arange(bands), 12.0 * np.eye(bands)[3]]
    return np.stack([*fixed, *random.choice([-12.0, 12.0], (6, bands)), *random.uniform(-12, 12, (10, bands))])


@pytest.mark.parametrize("rate", [44100, 96000])
@pytest.mark.parametrize("name", KINDS)
def test_the_response_passes_through_the_gains(name: str, rate: int) -> None:
    centres, table = KINDS[name]
    gains = patterns(len(centres))
    impulse = torch.zeros(len(gains), 1, 2 * rate, dtype=torch.float64)
    impulse[..., 0] = 1.0
    response = getattr(effects, name)(impulse, rate, **asked(table, gains))
    hz = np.array(list(centres.values()))
    middle = np.sqrt(hz[1:] * hz[:-1])
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(response[:, 0].numpy())))
    level = np.stack([np.interp(np.r_[hz, middle], np.arange(rate + 1) / 2, row) for row in spectrum])
    assert np.abs(level[:, : len(hz)] - gains).max() < 0.5
    assert np.abs(level[:, len(hz) :] - (gains[:, 1:] + gains[:, :-1]) / 2).max() < 1.5


@pytest.mark.parametrize("name", KINDS)
def test_both_methods_agree_and_flat_is_the_identity(name: str, noise: torch.Tensor) -> None:
    processor, (_, table) = effects.create_processor(name), KINDS[name]
    gains = processor.sample(torch.Generator().manual_seed(1))
    exact = getattr(effects, name)(noise, 44100, method="recursive", **gains)
    other = getattr(effects, name)(noise, 44100, method="fft", **gains)
    assert float(20 * torch.log10((exact - other).norm() / exact.norm())) < -95
    assert torch.equal(getattr(effects, name)(noise, 44100), noise)
    zeros = {parameter.name: torch.zeros(3) for parameter in table}
    assert torch.equal(getattr(effects, name)(noise, 44100, method="recursive", **zeros), noise)


@pytest.mark.parametrize("method", ["recursive", "fft"])
@pytest.mark.parametrize("start", [0.0, 7.0])
def test_gradients_match_finite_differences(method: str, start: float) -> None:
    torch.manual_seed(0)
    audio = torch.randn(1, 1, 5, dtype=torch.float64, requires_grad=True)
    gains = (start * torch.randn(10, dtype=torch.float64).clamp(-1, 1)).requires_grad_()

    def equalized(x: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        named = {parameter.name: value for parameter, value in zip(GRAPHIC_TABLE, values, strict=True)}
        return effects.graphic_eq(x, 44100, method=method, **named)

    assert torch.autograd.gradcheck(equalized, (audio, gains), eps=1e-4, atol=1e-6)


def test_low_sample_rates_lose_only_the_high_bands(noise: torch.Tensor) -> None:
    assert not torch.equal(effects.graphic_eq(noise, 16000, gain_4000_hz_db=6.0), noise)
    high = effects.graphic_eq(noise, 16000, gain_16000_hz_db=6.0, gain_8000_hz_db=torch.tensor(-3.0))
    assert torch.equal(high, noise)
    with pytest.raises(ArgumentError, match="gain_16000_hz_db is 13"):
        effects.graphic_eq(noise, 16000, gain_16000_hz_db=13.0)
