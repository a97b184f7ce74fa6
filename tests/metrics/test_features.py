from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fxrep.errors import ArgumentError, FxrepError
from fxrep.metrics import (
    FEATURES,
    create_features,
    log_mel_statistics,
    production_features,
    standardized_similarity,
)

RATE = 44100


@pytest.fixture
def noise() -> torch.Tensor:
    return 0.1 * torch.randn(2, 2, RATE, generator=torch.Generator().manual_seed(0))


def test_gain_moves_every_log_mel_mean_by_its_decibels(noise: torch.Tensor) -> None:
    quiet, loud = log_mel_statistics(noise, RATE), log_mel_statistics(2.0 * noise, RATE)
    means, spreads = slice(0, 64), slice(64, 128)
    expected = torch.full((2, 64), 20 * math.log10(2))
    torch.testing.assert_close(loud[:, means] - quiet[:, means], expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(loud[:, spreads], quiet[:, spreads], atol=1e-3, rtol=0)


def test_production_features_of_a_sine_panned_left() -> None:
    t = torch.arange(RATE) / RATE
    audio = torch.zeros(1, 2, RATE)
    audio[0, 0] = torch.sin(2 * torch.pi * 1000 * t)
    rms_left, _, crest_left, _, width, imbalance = production_features(audio, RATE)[0, :6].tolist()
    assert rms_left == pytest.approx(-3.01, abs=0.01)
    assert crest_left == pytest.approx(3.01, abs=0.01)
    assert width == pytest.approx(1.0, abs=1e-3)
    assert imbalance == pytest.approx(-1.0, abs=1e-3)


def test_mfcc_equals_scipy_on_the_log_mel_spectrum(noise: torch.Tensor) -> None:
    from scipy.fft import dct

    from fxrep.metrics.features import _log_mel, _mid_side, mfcc_statistics

    levels = _log_mel(_mid_side(noise), RATE, 128).numpy()
    expected = dct(levels, type=2, norm="ortho", axis=2)[:, :, :25]
    found = mfcc_statistics(noise, RATE).view(2, 2, 2, 25)[:, :, 0]
    np.testing.assert_allclose(found.numpy(), expected.mean(-1), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_features_are_finite_for_silence_mono_and_clips(name: str) -> None:
    for audio in (torch.zeros(1, 2, RATE), torch.zeros(1, 1, 5000), torch.ones(1, 2, 3000)):
        found = create_features(name)(audio, RATE)
        assert found.ndim == 2
        assert bool(torch.isfinite(found).all())


def test_bad_input_is_named(noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match="log_mel"):
        create_features("nonsense")
    with pytest.raises(FxrepError):
        log_mel_statistics(torch.zeros(1, 6, RATE), RATE)
    with pytest.raises(FxrepError):
        log_mel_statistics(torch.full((1, 2, RATE), float("nan")), RATE)


def test_standardized_similarity_ignores_the_units_of_a_feature() -> None:
    generator = torch.Generator().manual_seed(1)
    queries, candidates = (torch.randn(20, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    units = torch.tensor([1.0, 1000.0, 0.001, 5.0, 1.0])
    found = standardized_similarity(queries * units + 3, candidates * units + 3)
    torch.testing.assert_close(found, standardized_similarity(queries, candidates))


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_double_precision_gives_the_same_features(name: str, noise: torch.Tensor) -> None:
    exact = create_features(name)(noise.double(), RATE)
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), create_features(name)(noise, RATE), atol=1e-2, rtol=1e-3)
