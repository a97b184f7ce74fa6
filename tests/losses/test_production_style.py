"""The production-style loss against formulas in NumPy float64, and what it must not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from fxrep.audio import integrated_loudness, normalize_loudness
from fxrep.errors import ArgumentError, AudioError
from fxrep.losses import CORRECTED_WEIGHTS, PUBLISHED_WEIGHTS, ProductionStyleLoss
from fxrep.losses.production_features import TERMS, corrected_features, published_features
from fxrep.losses.spectra import published_bark_filters

RATE = 44100
FORMS = ("corrected", "published")


def mixes(seed: int, seconds: float = 1.0, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    audio = 0.1 * torch.randn(batch, 2, int(seconds * RATE), generator=generator, dtype=torch.float64)
    return audio * torch.tensor([1.0, 0.6], dtype=torch.float64)[:, None]


def db(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(power)


def test_corrected_features_are_their_formulas() -> None:
    audio = mixes(0)
    found = {name: value.numpy() for name, value in corrected_features(audio, RATE).items()}
    x = audio.numpy()
    power = (x**2).mean(-1)
    total = power.mean(1, keepdims=True)
    floor = 1e-4 * total + 1e-12
    np.testing.assert_allclose(found["rms"], db(power + floor), rtol=1e-12)
    np.testing.assert_allclose(found["crest"], db(np.abs(x).max(-1) ** 2 + floor) - db(power + floor), rtol=1e-11)
    side = (((x[:, 0] - x[:, 1]) / 2) ** 2).mean(-1)
    middle = (((x[:, 0] + x[:, 1]) / 2) ** 2).mean(-1)
    np.testing.assert_allclose(found["width"][:, 0], side / (side + middle), rtol=1e-8)
    expected = (power[:, 1] - power[:, 0]) / power.sum(1)
    np.testing.assert_allclose(found["imbalance"][:, 0], expected, rtol=1e-8)


def test_corrected_bark_spectrum_is_frames_and_triangles() -> None:
    audio = mixes(1, 0.2, 1)
    x = audio.numpy()[0]
    frame = np.hanning(2049)[:-1]
    both = np.stack([x[0] + x[1], x[0] - x[1]]) / 2
    padded = np.pad(both, ((0, 0), (1024, 1024)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2048, axis=1)[:, ::1024] * frame
    power = (np.abs(np.fft.rfft(frames)) ** 2).mean(1) * 2 / (2048 * (frame**2).sum())
    hz = np.arange(1025) * RATE / 2048

    def to_bark(f: np.ndarray) -> np.ndarray:
        return 26.81 * f / (1960 + f) - 0.53

    low, high = to_bark(np.array([20.0, 20000.0]))
    centres = np.linspace(low, high, 26)
    filters = np.clip(1 - np.abs(to_bark(hz)[:, None] - centres[1:-1]) / (centres[1] - centres[0]), 0, None)
    bands = power @ filters
    expected = db(bands + 10**-2.5 * bands.sum(0) + 1e-6 * (x**2).mean() + 1e-12)
    np.testing.assert_allclose(corrected_features(audio, RATE)["bark"][0].numpy(), expected, atol=1e-4)


def test_published_features_are_their_formulas() -> None:
    audio = mixes(2, 1.0, 1)
    found = {name: value.numpy() for name, value in published_features(audio, RATE).items()}
    x = audio.numpy()
    rms = np.sqrt((x**2).mean(-1))
    np.testing.assert_allclose(found["rms"], rms, rtol=1e-12)
    np.testing.assert_allclose(found["crest"], 20 * np.log10(np.abs(x).max(-1) / rms), rtol=1e-12)
    plus, minus = x[:, 0] + x[:, 1], x[:, 0] - x[:, 1]
    np.testing.assert_allclose(found["width"][:, 0], (minus**2).mean(-1) / (plus**2).mean(-1), rtol=1e-12)
    left, right = (x**2).mean(-1).T
    np.testing.assert_allclose(found["imbalance"][:, 0], (right - left) / (right + left), rtol=1e-12)
    padded = np.pad(np.stack([plus[0], minus[0]]), ((0, 0), (16384, 16384)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 32768, axis=1)[:, ::8192]
    magnitude = np.abs(np.fft.rfft(frames)).mean(1)
    filters = published_bark_filters(24, 32768, RATE).numpy()
    np.testing.assert_allclose(found["bark"][0], np.log(magnitude @ filters + 1e-8), rtol=1e-10)


def test_published_bands_have_the_published_edges() -> None:
    filters = published_bark_filters(24, 32768, RATE)
    hz = torch.linspace(0, RATE / 2, 16385)
    # Evenly spaced over Bark with its corrections at both ends, of which the way back undoes the lower one.
    low, high = 0.85 * (26.81 * 20 / 1980 - 0.53) + 0.3, 1.22 * (26.81 * 20000 / 21960 - 0.53) - 4.422
    edges = [low + (high - low) * place / 25 for place in range(26)]
    edges = [(bark - 0.3) / 0.85 if bark < 2 else bark for bark in edges]
    centres = [1960 * (bark + 0.53) / (26.28 - bark) for bark in edges[1:-1]]
    assert hz[filters.argmax(0)].tolist() == pytest.approx(centres, abs=1.0)
    # The highest band reaches beyond 20 kHz, and is still half open at the end.
    assert float(filters[-1, -1]) > 0.5


def test_weights_are_the_published_ones_and_terms_add_up() -> None:
    assert list(PUBLISHED_WEIGHTS.values()) == [0.1, 0.001, 1.0, 1.0, 0.1]
    first, second = mixes(3), mixes(4)
    for form in FORMS:
        loss = ProductionStyleLoss(RATE, form)  # type: ignore[arg-type]
        terms = loss.terms(first, second)
        assert tuple(terms) == TERMS
        assert float(sum(terms.values())) == pytest.approx(float(loss(first, second)), rel=1e-12)
        described = [loss.features(audio) for audio in (first, second)]
        for name, value in terms.items():
            difference = (described[0][name] - described[1][name]).numpy()
            assert float(value) == pytest.approx(loss.weights[name] * float((difference**2).mean()), rel=1e-9)
        assert float(loss(first, first)) == 0.0
    only_width = ProductionStyleLoss(RATE, weights=dict.fromkeys(TERMS, 0.0) | {"width": 2.0})
    assert list(only_width.terms(first, second)) == ["width"]
    nothing = ProductionStyleLoss(RATE, weights=dict.fromkeys(TERMS, 0.0))
    assert float(nothing(first, second)) == 0.0


def test_equal_loudness_scores_33_as_it_was_published() -> None:
    """Table 2 of the paper: 33.3 of 33.389 is the Bark term of a mono sum beside a stereo master at -16 LUFS."""
    generator = np.random.default_rng(5)
    spectrum = np.fft.rfft(generator.standard_normal((2, 10 * RATE)))
    frequency = np.fft.rfftfreq(10 * RATE, 1 / RATE)
    # Falling by 4.5 dB per octave, as the mean spectrum of music does.
    shaped = np.fft.irfft(spectrum * np.maximum(frequency, 30) ** -0.75)
    middle, side = shaped / shaped.std()
    master = torch.from_numpy(np.stack([middle + 0.4 * side, middle - 0.4 * side]))[None]
    mono = torch.from_numpy(np.stack([middle, middle]))[None]
    reference, estimate = normalize_loudness(master, RATE, -16.0), normalize_loudness(mono, RATE, -22.0)
    found = ProductionStyleLoss(RATE, "published").terms(estimate, reference)
    assert 28 < float(found["bark"]) < 38
    assert float(sum(found.values()) - found["bark"]) < 0.2
    corrected = ProductionStyleLoss(RATE)(estimate, reference)
    # What is left is a side 8 dB under the middle where there is none: 17 dB of the one of two spectra.
    assert float(corrected) == pytest.approx(0.001 * 17**2 / 2 + 0.14**2, rel=0.2)


def test_corrected_form_does_not_hear_levels() -> None:
    first, second = mixes(6), mixes(7)
    loss = ProductionStyleLoss(RATE)
    assert float(loss(4.0 * first, 0.03 * second)) == pytest.approx(float(loss(first, second)), rel=1e-4)
    heard = ProductionStyleLoss(RATE, match_levels=False)
    assert float(heard(first, 2.0 * first)) == pytest.approx(2 * 0.001 * (20 * math.log10(2)) ** 2, rel=1e-3)
    assert float(integrated_loudness(first, RATE)[0]) > -30


def test_features_of_known_mixes() -> None:
    t = torch.arange(RATE, dtype=torch.float64) / RATE
    sine = torch.sin(2 * torch.pi * 1000 * t)
    left_only, mono, opposite = (torch.stack(pair)[None] for pair in ((sine, 0 * sine), (sine, sine), (sine, -sine)))
    found = corrected_features(left_only, RATE)
    assert found["rms"][0].tolist() == pytest.approx([-3.01, -46.02], abs=0.01)
    assert found["crest"][0].tolist() == pytest.approx([3.01, 0.0], abs=0.01)
    assert float(found["width"]) == pytest.approx(0.5)
    assert float(found["imbalance"]) == pytest.approx(-1.0)
    assert float(corrected_features(mono, RATE)["width"]) == 0.0
    assert float(corrected_features(opposite, RATE)["width"]) == pytest.approx(1.0)
    # A silent side counts as 25 dB under the middle where that sounds, and as 60 dB under the mix elsewhere.
    middle, side = corrected_features(mono, RATE)["bark"][0]
    assert float(side.max() - middle.max()) == pytest.approx(-25.0, abs=0.05)
    assert float(side.min()) == pytest.approx(-63.01, abs=0.2)
    assert float(corrected_features(left_only.flip(1), RATE)["imbalance"]) == pytest.approx(1.0)


@pytest.mark.parametrize("form", FORMS)
def test_hard_cases_are_finite_in_value_and_gradient(form: str) -> None:
    loss = ProductionStyleLoss(RATE, form)  # type: ignore[arg-type]
    wide = mixes(8, 0.5, 1).float()
    mono = wide.mean(1, keepdim=True).expand(-1, 2, -1)
    impulse = torch.zeros_like(wide)
    impulse[..., 9] = 1.0
    cases = [wide, mono, mono * torch.tensor([[1.0], [-1.0]]), torch.zeros_like(wide), 1e-7 * wide, impulse]
    cases.append(wide * torch.tensor([[1.0], [0.0]]))
    for estimate in cases:
        for reference in cases:
            heard = estimate.clone().requires_grad_(True)
            value = loss(heard, reference)
            value.backward()
            assert bool(torch.isfinite(value)) and heard.grad is not None
            assert bool(torch.isfinite(heard.grad).all())
    if form == "corrected":
        assert max(float(loss(a, b)) for a in cases for b in cases if min(a.norm(), b.norm()) > 0.1) < 12


@pytest.mark.parametrize("match_levels", [False, True])
def test_gradient_of_the_corrected_form_is_right(match_levels: bool) -> None:
    rate = 8000
    estimate = mixes(9, 0.02, 1)[..., :600].clone().requires_grad_(True)
    reference = mixes(10, 0.02, 1)[..., :700]
    loss = ProductionStyleLoss(rate, match_levels=match_levels)
    assert torch.autograd.gradcheck(lambda audio: loss(audio, reference), (estimate,), fast_mode=True, atol=1e-6)


def test_gradient_of_the_published_form_is_right() -> None:
    estimate = mixes(11, 0.4, 1).requires_grad_(True)
    reference = mixes(12, 0.4, 1)
    loss = ProductionStyleLoss(RATE, "published")
    direction = mixes(13, 0.4, 1)
    (slope,) = torch.autograd.grad(loss(estimate, reference), estimate)
    step = 1e-6
    with torch.no_grad():
        rise = loss(estimate + step * direction, reference) - loss(estimate - step * direction, reference)
    assert float((slope * direction).sum()) == pytest.approx(float(rise) / (2 * step), rel=1e-5)


def test_a_batch_is_the_mean_of_its_items_and_lengths_may_differ() -> None:
    first, second = mixes(14, 1.0), mixes(15, 0.7)
    loss = ProductionStyleLoss(RATE)
    alone = [float(loss(a[None], b[None])) for a, b in zip(first, second, strict=True)]
    assert float(loss(first, second)) == pytest.approx(float(np.mean(alone)), rel=1e-9)
    assert loss(first.half(), second.half()).dtype == torch.float32


def test_bad_input_is_named() -> None:
    audio = mixes(16, 0.1)
    with pytest.raises(ArgumentError, match="form is 'own'"):
        ProductionStyleLoss(RATE, "own")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="rms, crest, width"):
        ProductionStyleLoss(RATE, weights={"loudness": 1.0})
    with pytest.raises(ArgumentError, match="0 or more"):
        ProductionStyleLoss(RATE, weights={"rms": -1.0})
    with pytest.raises(ArgumentError, match="sample rate"):
        ProductionStyleLoss(0)
    with pytest.raises(AudioError, match="reference has shape"):
        ProductionStyleLoss(RATE)(audio, audio[:, :1])
    with pytest.raises(AudioError, match="as many mixes"):
        ProductionStyleLoss(RATE)(audio, audio[:1])
    with pytest.raises(AudioError, match="more than 16384"):
        ProductionStyleLoss(RATE, "published")(audio, audio)
    with pytest.raises(AudioError, match="estimate holds NaN"):
        ProductionStyleLoss(RATE)(audio * torch.nan, audio)
    assert set(CORRECTED_WEIGHTS) == set(TERMS)
