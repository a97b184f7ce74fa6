"""Single filters, equalisers of any bands and the cascade kernel against SciPy's float64 recursion."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch

from fxrep import effects
from fxrep.effects.biquad_cascade import BLOCK, filter_cascade
from fxrep.effects.equalizer import Equalizer
from fxrep.effects.filter_bands import Band
from fxrep.effects.filters import FILTERS, SLOPE
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError

RATE = 44100
NAMES = list(FILTERS)


def cookbook(kind: str, hz: float, gain_db: float, q: float, rate: int = RATE) -> list[float]:
    """Return b0 b1 b2 1 a1 a2, literally from the Audio EQ Cookbook."""
    a, w = 10 ** (gain_db / 40), 2 * math.pi * hz / rate
    c, alpha = math.cos(w), math.sin(w) / (2 * q)
    r, passing = 2 * math.sqrt(a) * alpha, [1 + alpha, -2 * c, 1 - alpha]
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
        "low_pass": ([(1 - c) / 2, 1 - c, (1 - c) / 2], passing),
        "high_pass": ([(1 + c) / 2, -(1 + c), (1 + c) / 2], passing),
        "band_pass": ([alpha, 0, -alpha], passing),
        "notch": ([1, -2 * c, 1], passing),
        "all_pass": ([1 - alpha, -2 * c, 1 + alpha], passing),
    }
    numerator, denominator = forms[kind]
    return [value / denominator[0] for value in numerator + denominator]


def error_db(estimate: torch.Tensor, truth: np.ndarray) -> float:
    difference = np.linalg.norm(estimate.double().numpy() - truth) / np.linalg.norm(truth)
    return 20 * math.log10(max(difference, 1e-300))


def settings_of(name: str, hz: float, gain_db: float, q: float) -> dict:
    return {"frequency_hz": hz, "q": q, **({"gain_db": gain_db} if FILTERS[name].gain_db else {})}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_filters_agree_with_scipy(name: str, seed: int, noise: torch.Tensor) -> None:
    random = np.random.default_rng(seed)
    hz, q = 20.0 * 1000 ** random.uniform(), 0.1 * 100 ** random.uniform()
    gain_db = random.uniform(-20, 20)
    truth = scipy.signal.sosfilt([cookbook(name, hz, gain_db, q)], noise.double().numpy())
    function, settings = getattr(effects, name), settings_of(name, hz, gain_db, q)
    assert error_db(function(noise, RATE, method="recursive", **settings), truth) < -125
    # Far below the pass-band the transform's own rounding, relative to the input, is what remains.
    floor = 20 * math.log10(np.linalg.norm(noise.numpy()) / np.linalg.norm(truth))
    assert error_db(function(noise, RATE, method="fft", **settings), truth) < -100 + max(0.0, floor)


@pytest.mark.parametrize("method", ["recursive", "fft"])
@pytest.mark.parametrize("seconds", [1, 30])
@pytest.mark.parametrize("name", ["low_shelf", "peak", "low_pass"])
def test_a_resonance_at_20_hz_is_exact_for_long_audio(name: str, seconds: int, method: str) -> None:
    """Q 10 at 20 Hz rings for seconds; coefficients in float32 would be tens of decibels worse."""
    noise = torch.randn(1, 1, seconds * RATE + 1, generator=torch.Generator().manual_seed(2)) * 0.1
    audio = torch.cumsum(noise, -1) * 0.01
    truth = scipy.signal.sosfilt([cookbook(name, 20.0, 12.0, 10.0)], audio.double().numpy())
    estimate = getattr(effects, name)(audio, RATE, method=method, **settings_of(name, 20.0, 12.0, 10.0))
    assert error_db(estimate, truth) < -100


@pytest.mark.parametrize("slope", SLOPE.options)
@pytest.mark.parametrize("name", ["low_pass", "high_pass"])
def test_steep_passes_are_butterworth(name: str, slope: str, noise: torch.Tensor) -> None:
    sections = scipy.signal.butter(int(slope) // 6, 700.0, name.replace("_", ""), fs=RATE, output="sos")
    truth = scipy.signal.sosfilt(sections, noise.double().numpy())
    assert error_db(getattr(effects, name)(noise, RATE, frequency_hz=700.0, slope_db_per_octave=slope), truth) < -125


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["recursive", "fft"])
def test_gradients_match_finite_differences(name: str, method: str) -> None:
    torch.manual_seed(0)
    settings = settings_of(name, 3000.0, 5.0, 0.9)
    extra = {"slope_db_per_octave": "24"} if name in ("low_pass", "high_pass") else {}
    columns = [
        torch.tensor([value, 0.7 * value], dtype=torch.float64, requires_grad=True) for value in settings.values()
    ]
    audio = torch.randn(2, 1, 7, dtype=torch.float64, requires_grad=True)

    def filtered(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        given = dict(zip(settings, values, strict=True))
        return getattr(effects, name)(x, RATE, method=method, **given, **extra)

    assert torch.autograd.gradcheck(filtered, (audio, *columns), eps=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_filters_are_off_by_default(name: str, noise: torch.Tensor) -> None:
    assert torch.equal(getattr(effects, name)(noise, RATE), noise)
    assert torch.equal(effects.create_processor(name)(noise, RATE), noise)


@pytest.mark.parametrize("name", [*NAMES, "parametric_eq", "graphic_eq", "third_octave_eq"])
def test_blocks_join_to_the_whole(name: str, noise: torch.Tensor) -> None:
    processor = effects.create_processor(name)
    ranges = {"frequency_hz": (100.0, 5000.0)} if name in NAMES else {}
    settings = processor.sample(torch.Generator().manual_seed(0), ranges)
    blocks = noise.split([1, 7, 1000, 3, 21040], dim=-1)
    joined = torch.cat(list(stream_blocks(processor.stream(RATE, **settings), blocks)), -1)
    assert error_db(joined, processor(noise, RATE, **settings).double().numpy()) < -120
    flat = torch.cat(list(stream_blocks(processor.stream(RATE), blocks)), -1)
    assert torch.equal(flat, noise)


def test_an_equaliser_of_any_bands(noise: torch.Tensor) -> None:
    bands = [Band(f"bell_{n}", "peak", (20.0, 20000.0), 1000.0, (-30.0, 30.0), (0.1, 20.0)) for n in range(11)]
    equalizer = Equalizer([*bands, Band("hum", "notch", (40.0, 70.0), q=(1.0, 50.0))])
    assert len(equalizer.parameter_table) == 35
    settings = equalizer.sample(torch.Generator().manual_seed(4), {"hum_hz": (50.0, 60.0)})
    sections = [cookbook("peak", *(settings[f"bell_{n}_{part}"] for part in ("hz", "gain_db", "q"))) for n in range(11)]
    sections.append(cookbook("notch", settings["hum_hz"], 0.0, settings["hum_q"]))
    truth = scipy.signal.sosfilt(sections, noise.double().numpy())
    assert error_db(equalizer(noise, RATE, **settings), truth) < -125
    assert torch.equal(equalizer(noise, RATE), noise)
    with pytest.raises(ArgumentError, match="different names"):
        Equalizer([*bands, bands[0]])
    with pytest.raises(ArgumentError, match="'comb'"):
        Band("x", "comb", (20.0, 100.0))
    with pytest.raises(ArgumentError, match="default frequency"):
        Band("x", "peak", (20.0, 100.0))


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("sections", [1, 8, 9])
@pytest.mark.parametrize("samples", [1, 5, 7, 8, BLOCK - 7, BLOCK, 2 * BLOCK + 3])
def test_every_section_and_every_length_counts(rows: int, sections: int, samples: int) -> None:
    """State-space filters elsewhere ignore all but the last section."""
    random = np.random.default_rng(sections)
    poles = 0.9 * np.exp(1j * random.uniform(0.1, 3.0, sections))
    sos = np.array([[1.0, *random.uniform(-1, 1, 2), 1.0, -2 * pole.real, abs(pole) ** 2] for pole in poles])
    coefficients = torch.from_numpy(np.delete(sos, 3, 1)).expand(rows, -1, -1)
    audio = torch.randn(rows, samples, dtype=torch.float64, requires_grad=True)
    output = filter_cascade(audio, coefficients)
    np.testing.assert_allclose(output.detach().numpy(), scipy.signal.sosfilt(sos, audio.detach().numpy()), rtol=1e-9)
    gradient = torch.randn(rows, samples, dtype=torch.float64)
    output.backward(gradient)
    backwards = scipy.signal.sosfilt(sos, gradient.numpy()[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(audio.grad.numpy(), backwards, rtol=1e-9)


def test_the_kernel_carries_its_state() -> None:
    coefficients = torch.tensor([cookbook("low_pass", 500.0, 0.0, 5.0), cookbook("peak", 90.0, 9.0, 3.0)])[
        :, [0, 1, 2, 4, 5]
    ]
    coefficients = coefficients.double().expand(3, -1, -1).repeat(1, 5, 1)
    audio = torch.randn(3, 1500, dtype=torch.float64)
    state = torch.zeros(3, 10, 2, dtype=torch.float64)
    parts = [filter_cascade(part, coefficients, state) for part in audio.split([1, 2, 9, 488, 1000], dim=-1)]
    torch.testing.assert_close(torch.cat(parts, -1), filter_cascade(audio, coefficients), rtol=1e-9, atol=1e-9)


def test_decays_do_not_slow_down() -> None:
    """A state that decays into denormal numbers costs a hundred times more per sample."""
    coefficients = torch.tensor([[[1.0, 0.0, 0.0, -0.999, 0.0]]], dtype=torch.float64)
    audio = torch.zeros(1, 1_000_000, dtype=torch.float64)
    audio[0, 0] = 1.0
    assert float(filter_cascade(audio, coefficients)[0, 200_000:].abs().max()) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_wrong_settings_are_named(name: str, noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match="frequency_hz is 10; expected 20 to 20000 Hz"):
        getattr(effects, name)(noise, RATE, frequency_hz=10.0)
    with pytest.raises(ArgumentError, match="Nyquist"):
        getattr(effects, name)(noise, 8000, **settings_of(name, 4000.0, 3.0, 1.0))
    with pytest.raises(ArgumentError, match="method"):
        getattr(effects, name)(noise, RATE, method="fir")
