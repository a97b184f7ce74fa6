"""Crossovers: flat sums, the slopes of Linkwitz and Riley, gradients, blocks."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch

from fxrep.effects.crossovers import PHASE, BandSplitter, split_bands
from fxrep.errors import ArgumentError, AudioError

RATE = 44100
METHODS = ("recursive", "fft")


def impulse(samples: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    audio = torch.zeros(1, 1, samples, dtype=dtype)
    audio[..., 0] = 1.0
    return audio


def level_db(difference: torch.Tensor, truth: torch.Tensor) -> float:
    return 20 * float(torch.log10(difference.double().norm() / truth.double().norm()))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "frequencies", [[20.0], [1000.0], [20000.0], [120.0, 2000.0], [90.0, 100.0, 110.0], [60.0, 250.0, 1000.0, 9000.0]]
)
def test_the_sum_is_flat(method: str, frequencies: list[float]) -> None:
    bands = split_bands(impulse(1 << 17), RATE, frequencies, method=method)
    assert len(bands) == len(frequencies) + 1
    spectrum_db = 20 * torch.log10(torch.fft.rfft(torch.stack(bands).sum(0)).abs())
    assert float(spectrum_db.abs().max()) < 1e-6  # a tenth of a dB is asked for


@pytest.mark.parametrize("method", METHODS)
def test_two_bands_are_butterworth_filters_twice(method: str, noise: torch.Tensor) -> None:
    for side, band in zip(("lowpass", "highpass"), split_bands(noise, RATE, [500.0], method=method), strict=True):
        sections = scipy.signal.butter(2, 500.0, side, fs=RATE, output="sos")
        truth = torch.from_numpy(scipy.signal.sosfilt(np.concatenate([sections] * 2), noise.double().numpy()))
        assert level_db(band - truth, truth) < -100


def test_bands_meet_at_minus_6_db_and_fall_with_24_db_per_octave() -> None:
    low, middle, _ = (torch.fft.rfft(band[0, 0]).abs() for band in split_bands(impulse(RATE), RATE, [500.0, 4000.0]))
    bins = [500, 1000, 2000]  # one bin per Hz
    assert 20 * torch.log10(low[500] / middle[500]) == pytest.approx(0.0, abs=0.01)
    assert 20 * torch.log10(low[500]) == pytest.approx(-6.02, abs=0.01)
    falls = np.diff([20 * float(torch.log10(low[hz])) for hz in bins])
    assert falls[-1] == pytest.approx(-24.0, abs=0.7)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_match_finite_differences(method: str) -> None:
    torch.manual_seed(0)
    audio = torch.randn(2, 1, 6, dtype=torch.float64, requires_grad=True)
    edges = [torch.tensor(hz, dtype=torch.float64, requires_grad=True) for hz in ([300.0, 500.0], [2000.0, 1500.0])]
    split = lambda x, *hz: torch.stack(split_bands(x, RATE, hz, method=method))  # noqa: E731
    assert torch.autograd.gradcheck(split, (audio, *edges), eps=1e-4, atol=1e-7)


def test_items_have_their_own_frequencies(noise: torch.Tensor) -> None:
    hz = torch.tensor([100.0, 400.0, 1600.0])
    together = split_bands(noise, RATE, [hz, 5000.0])
    for item in range(3):
        alone = split_bands(noise[item : item + 1], RATE, [float(hz[item]), 5000.0])
        for band, single in zip(together, alone, strict=True):
            torch.testing.assert_close(band[item : item + 1], single, rtol=0, atol=1e-6)


def test_blocks_join_to_the_whole(noise: torch.Tensor) -> None:
    whole = split_bands(noise, RATE, [80.0, 900.0, 5000.0])
    splitter = BandSplitter(RATE, [80.0, 900.0, 5000.0])
    blocks = [splitter.push(block) for block in noise.split([1, 7, 1000, 512, 20531], dim=-1)]
    for number, band in enumerate(whole):
        assert level_db(torch.cat([block[number] for block in blocks], -1) - band, band) < -120


def test_wrong_frequencies_are_refused(noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match=r"frequencies\[1\] is 5; expected 20 to 20000 Hz"):
        split_bands(noise, RATE, [100.0, 5.0])
    with pytest.raises(ArgumentError, match="Nyquist"):
        split_bands(noise, 8000, [4000.0])
    with pytest.raises(AudioError, match="NaN"):
        split_bands(noise * float("nan"), RATE, [100.0])
    assert torch.equal(split_bands(noise, RATE, [])[0], noise)


def test_zero_phase_bands_add_up_to_the_input_and_have_the_same_levels(noise: torch.Tensor) -> None:
    frequencies = [90.0, torch.tensor([400.0, 900.0, 1500.0]), 6000.0]
    bands = split_bands(noise.double(), RATE, frequencies, phase="zero")
    torch.testing.assert_close(sum(bands), noise.double(), rtol=0, atol=1e-12)
    click = impulse(1 << 17).roll(1 << 16, -1)
    for zero, causal in zip(*(split_bands(click, RATE, [90.0, 900.0], phase=p) for p in PHASE.options), strict=True):
        levels = [torch.fft.rfft(band[0, 0]).abs() for band in (zero, causal)]
        torch.testing.assert_close(*levels, rtol=0, atol=1e-6)
    with pytest.raises(ArgumentError, match="phase"):
        split_bands(noise, RATE, [100.0], phase="linear")
