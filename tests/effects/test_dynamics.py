"""The compressor against a sample-by-sample float64 loop written from its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fxrep import effects
from fxrep.effects.ballistics import smooth_ballistics
from fxrep.effects.dynamics import static_curve, time_coefficient

RATE = 44100
SETTINGS = {"threshold_db": -24.0, "ratio": 4.0, "attack_ms": 5.0, "release_ms": 100.0, "knee_db": 6.0}


def reference(audio: np.ndarray, link: str, threshold_db, ratio, attack_ms, release_ms, knee_db) -> np.ndarray:  # type: ignore[no-untyped-def]
    keys = {"max": np.abs(audio).max(0, keepdims=True), "mean": np.abs(audio).mean(0, keepdims=True)}
    rows = keys.get(link, np.abs(audio))
    gains = np.zeros_like(rows)
    for row, key in enumerate(rows):
        state = 0.0
        for n, magnitude in enumerate(key):
            over = 20 * math.log10(max(magnitude, 1e-8)) - threshold_db
            if over <= -knee_db / 2:
                target = 0.0
            elif over >= knee_db / 2:
                target = (1 / ratio - 1) * over
            else:
                target = (1 / ratio - 1) * (over + knee_db / 2) ** 2 / (2 * knee_db)
            tau = (attack_ms if target < state else release_ms) / 1000
            keep = math.exp(-1 / (RATE * tau))
            state = keep * state + (1 - keep) * target
            gains[row, n] = state
    return audio * 10 ** (gains / 20)


@pytest.mark.parametrize("link", ["max", "mean", "none"])
@pytest.mark.parametrize("change", [{}, {"release_ms": 20.0}, {"attack_ms": 50.0, "release_ms": 5.0}, {"knee_db": 0.0}])
def test_it_agrees_with_the_definition(link: str, change: dict, hits: torch.Tensor) -> None:
    settings = {**SETTINGS, **change}
    audio = hits[:1, :, :20000]
    truth = reference(audio[0].double().numpy(), link, **settings)
    estimate = effects.compressor(audio, RATE, link=link, **settings)[0].double().numpy()
    assert 20 * math.log10(np.linalg.norm(estimate - truth) / np.linalg.norm(truth)) < -110


def test_release_is_heard(hits: torch.Tensor) -> None:
    """A compressor whose release follows its attack would give the same sound for both."""
    fast = effects.compressor(hits, RATE, **{**SETTINGS, "release_ms": 20.0})
    slow = effects.compressor(hits, RATE, **{**SETTINGS, "release_ms": 1000.0})
    assert fast.square().mean() > 1.2 * slow.square().mean()


def test_a_second_equal_channel_does_not_raise_the_level(hits: torch.Tensor) -> None:
    """A side chain that sums the channels compresses correlated stereo by 6 dB more."""
    mono = hits[:, :1]
    for link in ("max", "mean", "none"):
        stereo = effects.compressor(mono.expand(-1, 2, -1), RATE, link=link, **SETTINGS)
        torch.testing.assert_close(stereo[:, :1], effects.compressor(mono, RATE, **SETTINGS))


def test_linked_channels_keep_their_balance(hits: torch.Tensor) -> None:
    audio = torch.stack((hits[:, 0], 0.25 * hits[:, 0]), dim=1)
    output = effects.compressor(audio, RATE, **SETTINGS)
    torch.testing.assert_close(output[:, 1], 0.25 * output[:, 0])
    unlinked = effects.compressor(audio, RATE, link="none", **SETTINGS)
    assert not torch.allclose(unlinked[:, 1], 0.25 * unlinked[:, 0], rtol=1e-2)


def test_ratio_1_and_threshold_0_are_the_identity(hits: torch.Tensor) -> None:
    assert torch.equal(effects.compressor(hits, RATE, **{**SETTINGS, "ratio": 1.0}), hits)
    assert torch.equal(effects.compressor(hits, RATE, threshold_db=0.0, ratio=20.0, knee_db=0.0), hits)


def test_a_time_constant_is_63_percent() -> None:
    """A step of level moves the gain by 1 - 1/e of the way after the attack time, and back after the release time."""
    loud, quiet = torch.full((1, 1, RATE), 0.5), torch.full((1, 1, RATE), 1e-3)
    settings = {"threshold_db": -26.0206, "ratio": 2.0, "attack_ms": 10.0, "release_ms": 200.0, "knee_db": 0.0}
    step = torch.cat((loud, quiet), -1)
    gain_db = 20 * torch.log10(effects.compressor(step, RATE, **settings) / step)[0, 0]
    assert float(gain_db[RATE - 1]) == pytest.approx(-10.0, abs=1e-3)
    assert float(gain_db[441 - 1]) == pytest.approx(-10.0 * (1 - math.exp(-1)), abs=0.01)
    assert float(gain_db[RATE + 8820 - 1]) == pytest.approx(-10.0 * math.exp(-1), abs=0.01)


@given(st.floats(-80, 0), st.floats(1, 40), st.floats(0, 24), st.floats(-100, 0))
def test_the_static_curve_is_continuous_and_never_boosts(
    threshold: float, ratio: float, knee: float, level: float
) -> None:
    columns = [torch.tensor([value], dtype=torch.float64) for value in (threshold, ratio, knee)]
    levels = torch.tensor([[[level, level + 1e-6]]], dtype=torch.float64)
    low, high = static_curve(levels, *columns).flatten().tolist()
    assert -1e-6 <= low - high <= 1e-5 or low == pytest.approx(high, abs=1e-5)
    assert low <= 0.0


def test_gradients_match_finite_differences() -> None:
    generator = torch.Generator().manual_seed(4)
    audio = (torch.randn(2, 2, 16, generator=generator, dtype=torch.float64) * 0.4).requires_grad_()
    values = {
        "threshold_db": -20.0,
        "ratio": 3.0,
        "attack_ms": 0.2,
        "release_ms": 6.0,
        "knee_db": 5.0,
        "makeup_db": 2.0,
    }
    columns = [torch.full((2,), value, dtype=torch.float64, requires_grad=True) for value in values.values()]

    def compressed(x: torch.Tensor, *settings: torch.Tensor) -> torch.Tensor:
        return effects.compressor(x, 8000, link="mean", **dict(zip(values, settings, strict=True)))

    assert torch.autograd.gradcheck(compressed, (audio, *columns), eps=1e-7, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("times", [(5.0, 100.0), (100.0, 5.0), (20.0, 20.0)])
def test_the_parallel_solution_is_the_loop(times: tuple[float, float]) -> None:
    generator = torch.Generator().manual_seed(2)
    target = -torch.rand(3, 5000, generator=generator, dtype=torch.float64) * 20
    coefficients = [time_coefficient(torch.full((3,), t, dtype=torch.float64), RATE).requires_grad_() for t in times]
    results = []
    for parallel in (False, True):
        source = target.clone().requires_grad_()
        output = smooth_ballistics(source, *coefficients, parallel=parallel)
        results.append((output, *torch.autograd.grad(output.square().sum(), (source, *coefficients))))
    for loop, scan in zip(*results, strict=True):
        torch.testing.assert_close(loop, scan, rtol=1e-9, atol=1e-9)
