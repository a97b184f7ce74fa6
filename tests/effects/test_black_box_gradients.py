"""Estimated gradients against the exact ones of our own differentiable effects."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from fxrep import effects
from fxrep.effects.black_box import BlackBox
from fxrep.effects.dynamics import COMPRESSOR_TABLE
from fxrep.effects.estimated_gradients import SPSA, FiniteDifferences
from fxrep.effects.level import GAIN_TABLE

RATE = 44100
SETTINGS = {
    "threshold_db": [-30.0, -20.0, -40.0],
    "ratio": [4.0, 2.0, 8.0],
    "attack_ms": [5.0, 20.0, 1.0],
    "release_ms": [50.0, 100.0, 200.0],
    "knee_db": [6.0, 2.0, 12.0],
    "makeup_db": [0.0, 3.0, 24.0],  # both ends of its range
}

TABLE = tuple(parameter for parameter in COMPRESSOR_TABLE if parameter.name in SETTINGS)


def foreign(function, audio: np.ndarray, sample_rate: int, **settings: float) -> np.ndarray:
    return function(torch.from_numpy(audio)[None], sample_rate, **settings)[0].numpy()


def box(**options) -> BlackBox:
    return BlackBox(functools.partial(foreign, effects.compressor), "squash", TABLE, **options)


def columns() -> dict[str, torch.Tensor]:
    return {name: torch.tensor(v, dtype=torch.float64, requires_grad=True) for name, v in SETTINGS.items()}


def normalised_gradient(effect, audio: torch.Tensor, settings: dict[str, torch.Tensor]) -> torch.Tensor:
    """(B, P): per unit of the normalised range, in which all settings weigh alike."""
    (effect(audio, RATE, **settings) * audio).sum().backward()
    parts = []
    for parameter in TABLE:
        value = settings[parameter.name]
        position = parameter.normalize(value.detach()).requires_grad_()
        (slope,) = torch.autograd.grad(parameter.denormalize(position).sum(), position)
        parts.append(value.grad * slope)
    return torch.stack(parts, 1)


def test_finite_differences_of_a_gain_are_exact_to_the_square_of_the_step(noise: torch.Tensor) -> None:
    level = torch.tensor([-6.0, 0.0, 12.0], requires_grad=True)
    gain = BlackBox(functools.partial(foreign, effects.gain), "amplify", GAIN_TABLE, step=0.01)
    (gain(noise, RATE, gain_db=level) * noise).sum().backward()
    exact = level.detach().clone().requires_grad_()
    (effects.gain(noise, RATE, gain_db=exact) * noise).sum().backward()
    # sinh(x)/x - 1 = x²/6 with x = 0.72 dB in nepers: 0.11 %.
    torch.testing.assert_close(level.grad, exact.grad, rtol=1.2e-3, atol=0.0)


def test_finite_differences_of_a_compressor(noise: torch.Tensor) -> None:
    estimate = normalised_gradient(box(step=0.003), noise, columns())
    exact = normalised_gradient(effects.compressor, noise, columns())
    # One-sided at the ends of the make-up's range: first order, 0.003 · 24 dB / 2 in nepers is 0.4 %.
    error = (estimate - exact).abs().amax(0)
    assert (error <= 0.006 * exact.abs().amax(0) + 2e-3 * exact.abs().amax()).all()


def test_spsa_tends_to_the_gradient(noise: torch.Tensor) -> None:
    audio = noise[..., :4000]
    exact = normalised_gradient(effects.compressor, audio, columns())
    errors = []
    for samples in (4, 256):
        estimate = normalised_gradient(box(gradient="spsa", samples=samples, step=0.003, seed=2), audio, columns())
        errors.append(float((estimate - exact).norm() / exact.norm()))
    # Variance per sample is (P - 1) times the squared gradient: sqrt(5/4) = 1.1, sqrt(5/256) = 0.14 are expected.
    assert 0.4 < errors[0] < 2.0
    assert errors[1] < 0.25


def test_spsa_is_seeded_and_tosses_anew(noise: torch.Tensor) -> None:
    audio = noise[..., :2000]
    first, twin = box(gradient="spsa", seed=1), box(gradient="spsa", seed=1)
    one = normalised_gradient(first, audio, columns())
    assert torch.equal(one, normalised_gradient(twin, audio, columns()))
    assert not torch.equal(one, normalised_gradient(first, audio, columns()))
    assert not torch.equal(one, normalised_gradient(box(gradient="spsa", seed=2), audio, columns()))


@pytest.mark.parametrize("technique", [FiniteDifferences(0.01), SPSA(0.01, 400, 0)])
def test_estimates_of_a_linear_function_hold_at_the_ends_of_the_range(technique) -> None:
    slopes = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    positions = torch.tensor([[0.0, 0.5, 1.0], [1.0, 0.0, 0.003]], dtype=torch.float64)
    seen = []

    def scores(there: torch.Tensor) -> torch.Tensor:
        seen.append(there)
        return there @ slopes

    gradient = technique(scores, positions)
    if isinstance(technique, FiniteDifferences):
        torch.testing.assert_close(gradient, slopes.expand(2, 3))
    else:  # a standard error of at most |slopes| · sqrt(2) / sqrt(400) = 0.26, twice
        torch.testing.assert_close(gradient, slopes.expand(2, 3), rtol=0.0, atol=0.6)
    assert all(bool((there >= 0.0).all() and (there <= 1.0).all()) for there in seen)


def test_only_settings_that_need_a_gradient_cost_renders(noise: torch.Tensor) -> None:
    calls = []

    def counted(audio: np.ndarray, sample_rate: int, **settings: float) -> np.ndarray:
        calls.append(settings)
        return audio * 10.0 ** (settings["makeup_db"] / 20.0)

    effect = BlackBox(counted, "counted", TABLE)
    makeup = torch.tensor(6.0, requires_grad=True)
    effect(noise[:1], RATE, makeup_db=makeup, ratio=3.0).sum().backward()
    assert len(calls) == 3 and {call["ratio"] for call in calls} == {3.0}
    assert makeup.grad is not None
    with torch.no_grad():
        effect(noise[:1], RATE, makeup_db=makeup)
    assert len(calls) == 4


def test_threads_and_batches_give_the_same_gradient(noise: torch.Tensor) -> None:
    audio = noise[..., :2000]

    def whole(signals: np.ndarray, sample_rate: int, **settings: np.ndarray) -> np.ndarray:
        tensors = {name: torch.from_numpy(column) for name, column in settings.items()}
        return effects.compressor(torch.from_numpy(signals), sample_rate, **tensors).numpy()

    expected = normalised_gradient(box(), audio, columns())
    torch.testing.assert_close(normalised_gradient(box(threads=2), audio, columns()), expected)
    batched = BlackBox(whole, "squash", TABLE, batched=True)
    torch.testing.assert_close(normalised_gradient(batched, audio, columns()), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("choice", "expected"), [("straight_through", 1.0), ("none", None)])
def test_gradient_in_the_audio_is_as_chosen(noise: torch.Tensor, choice: str, expected: float | None) -> None:
    audio, makeup = noise.clone().requires_grad_(), torch.tensor(6.0, requires_grad=True)
    box(audio_gradient=choice)(audio, RATE, makeup_db=makeup).sum().backward()
    assert makeup.grad is not None
    assert audio.grad is None if expected is None else torch.equal(audio.grad, torch.full_like(audio, expected))


def test_without_gradient_the_settings_get_none(noise: torch.Tensor) -> None:
    makeup = torch.tensor(6.0, requires_grad=True)
    audio = noise.clone().requires_grad_()
    box(gradient="none")(audio, RATE, makeup_db=makeup).sum().backward()
    assert makeup.grad is None
