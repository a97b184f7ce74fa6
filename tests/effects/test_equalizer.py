"""The equaliser against SciPy's float64 recursion with coefficients written out here, independently."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch

from fxrep import effects
from fxrep.effects.equalizer import BANDS, EQUALIZER_TABLE, SIX_BANDS
from fxrep.effects.filter_tail import tail_samples
from fxrep.errors import ArgumentError

RATE = 44100


def cookbook(kind: str, hz: float, gain_db: float, q: float, rate: int = RATE) -> list[float]:
    """Return b0 b1 b2 1 a1 a2, literally from the Audio EQ Cookbook."""
    a, w = 10 ** (gain_db / 40), 2 * math.pi * hz / rate
    c, alpha = math.cos(w), math.sin(w) / (2 * q)
    r = 2 * math.sqrt(a) * alpha
    forms = {
        "peak": ([1 + alpha * a, -2 * c, 1 - alpha * a], [1 + alpha / a, -2 * c, 1 - alpha / a]),
        "low_shelf": (
            [a * ((a + 1) - (a - 1) * c + r), 2 * a * ((a - 1) - (a + 1) * c), a * ((a + 1) - (a - 1) * c - r)],
            [(a + 1) + (a - 1) * c + r, -2 * ((a - 1) + (a + 1) * c), (a + 1) + (a - 1) * c - r],
        ),
        "high_shelf": (
            [a * ((a + 1) + (a - 1) * c + r), -2 * a * ((a - 1) + (a + 1) * c), a * ((a + 1) + (a - 1) * c - r)],
            [(a + 1) - (a - 1) * c + r, 2 * ((a - 1) - (a + 1) * c), (a + 1) - (a - 1) * c - r],
        ),
        "low_pass": ([(1 - c) / 2, 1 - c, (1 - c) / 2], [1 + alpha, -2 * c, 1 - alpha]),
        "high_pass": ([(1 + c) / 2, -(1 + c), (1 + c) / 2], [1 + alpha, -2 * c, 1 - alpha]),
    }
    numerator, denominator = forms[kind]
    return [value / denominator[0] for value in numerator + denominator]


def reference(audio: torch.Tensor, settings: dict, rate: int = RATE) -> np.ndarray:
    q = math.sqrt(0.5)
    sections = [cookbook("high_pass", settings["high_pass_hz"], 0, q, rate)] if "high_pass_hz" in settings else []
    for band in BANDS:
        if f"{band}_gain_db" in settings:
            values = (settings[f"{band}_{part}"] for part in ("hz", "gain_db", "q"))
            sections.append(cookbook(band if "shelf" in band else "peak", *values, rate))
    if "low_pass_hz" in settings:
        sections.append(cookbook("low_pass", settings["low_pass_hz"], 0, q, rate))
    return scipy.signal.sosfilt(np.array(sections), audio.double().numpy(), axis=-1)


def error_db(estimate: torch.Tensor, truth: np.ndarray) -> float:
    difference = np.linalg.norm(estimate.double().numpy() - truth) / np.linalg.norm(truth)
    return 20 * math.log10(max(difference, 1e-300))


def drawn(seed: int, passes: bool = True) -> dict:
    ranges = {"high_pass_hz": (20.0, 2000.0), "low_pass_hz": (500.0, 20000.0)} if passes else {}
    return effects.ParametricEQ().sample(torch.Generator().manual_seed(seed), ranges)


@pytest.mark.parametrize("seed", range(8))
def test_both_methods_agree_with_scipy(seed: int, noise: torch.Tensor) -> None:
    settings = drawn(seed, passes=seed % 2 == 0)
    truth = reference(noise, settings)
    assert error_db(effects.parametric_eq(noise, RATE, method="recursive", **settings), truth) < -125
    assert error_db(effects.parametric_eq(noise, RATE, method="fft", **settings), truth) < -95
    exact = effects.parametric_eq(noise.double(), RATE, method="recursive", **settings)
    assert error_db(exact, truth) < -200


@pytest.mark.parametrize("method", ["recursive", "fft"])
@pytest.mark.parametrize("q", [0.1, 0.707, 6.0])
@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
def test_a_shelf_at_20_hz_is_exact(method: str, q: float, gain_db: float, noise: torch.Tensor) -> None:
    """Coefficients in float32 are 40 dB worse here."""
    pink = torch.cumsum(noise, -1) * 0.01
    settings = {"low_shelf_hz": 20.0, "low_shelf_gain_db": gain_db, "low_shelf_q": q}
    estimate = effects.parametric_eq(pink, RATE, method=method, **settings)
    assert error_db(estimate, reference(pink, settings)) < -95


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
@pytest.mark.parametrize("q", [0.1, 6.0])
@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
def test_the_tail_holds_for_the_slowest_settings(rate: int, q: float, gain_db: float) -> None:
    """All bands as slow as their ranges allow, overdamped and resonant: what is left after the tail is inaudible."""
    lowest = {p.name: p.minimum for p in EQUALIZER_TABLE if p.name.endswith("_hz") and p.default is not None}
    settings = {**lowest, **{f"{b}_gain_db": gain_db for b in BANDS}, **{f"{b}_q": q for b in BANDS}}
    settings = {name: min(value, 0.49 * rate) if name.endswith("_hz") else value for name, value in settings.items()}
    settings["high_pass_hz"] = 20.0
    tail = tail_samples(rate, SIX_BANDS)
    impulse = torch.zeros(1, 1, 2 * tail, dtype=torch.float64)
    impulse[..., 0] = 1.0
    response = reference(impulse, settings, rate)[0, 0]
    assert np.linalg.norm(response[tail:]) < 10 ** (-110 / 20) * np.linalg.norm(response)


@pytest.mark.parametrize("samples", [1, 2, 1000, 1001])
def test_short_audio_does_not_wrap_around(samples: int) -> None:
    """A transform of twice the length would fold the ringing of a low filter back onto short audio."""
    audio = torch.zeros(1, 1, samples, dtype=torch.float64)
    audio[..., -1] = 1.0
    settings = {"low_shelf_hz": 30.0, "low_shelf_gain_db": 20.0, "low_shelf_q": 6.0}
    estimate = effects.parametric_eq(audio, RATE, method="fft", **settings)
    assert np.abs(estimate.numpy() - reference(audio, settings)).max() < 1e-7


@pytest.mark.parametrize("method", ["recursive", "fft"])
def test_flat_is_the_identity(method: str, noise: torch.Tensor) -> None:
    assert torch.equal(effects.parametric_eq(noise, RATE, method=method), noise)
    frequencies = {name: value for name, value in drawn(0, False).items() if not name.endswith("gain_db")}
    assert torch.equal(effects.parametric_eq(noise, RATE, method=method, **frequencies), noise)
    flat = {f"{band}_gain_db": torch.zeros(3) for band in BANDS}
    assert torch.equal(effects.parametric_eq(noise, RATE, method="recursive", **flat), noise)


@pytest.mark.parametrize("method", ["recursive", "fft"])
def test_gradients_match_finite_differences(method: str) -> None:
    torch.manual_seed(0)
    settings = drawn(3)
    names = list(settings)
    values = [torch.tensor([settings[name]], dtype=torch.float64, requires_grad=True) for name in names]
    audio = torch.randn(1, 1, 6, dtype=torch.float64, requires_grad=True)

    def filtered(x: torch.Tensor, *columns: torch.Tensor) -> torch.Tensor:
        return effects.parametric_eq(x, RATE, method=method, **dict(zip(names, columns, strict=True)))

    assert torch.autograd.gradcheck(filtered, (audio, *values), eps=1e-5, atol=1e-6)


def test_gradients_across_blocks_agree_between_the_methods(noise: torch.Tensor) -> None:
    settings, slopes = drawn(5), {}
    for method in ("recursive", "fft"):
        columns = {k: torch.full((3,), v, dtype=torch.float64, requires_grad=True) for k, v in settings.items()}
        audio = noise.double().requires_grad_()
        effects.parametric_eq(audio, RATE, method=method, **columns).pow(3).sum().backward()
        slopes[method] = [audio.grad, *(column.grad for column in columns.values())]
    for exact, other in zip(*slopes.values(), strict=True):
        torch.testing.assert_close(exact, other, rtol=1e-4, atol=1e-5 * float(exact.abs().max()))


def test_frequencies_above_nyquist_are_refused(noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match=r"peak_4_hz is 8000.*8000 Hz"):
        effects.parametric_eq(noise, 8000, peak_4_gain_db=3.0)
    with pytest.raises(ArgumentError, match="method"):
        effects.parametric_eq(noise, RATE, method="fir")
