"""Expander and gate against sample-by-sample float64 loops written from their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fxrep import effects
from fxrep.effects.level_memory import hold_level, play_level
from fxrep.effects.sliding_maximum import sliding_maximum
from fxrep.effects.streaming import stream_blocks

RATE = 44100
EXPANDER = {
    "threshold_db": -30.0,
    "ratio": 3.0,
    "range_db": 30.0,
    "attack_ms": 2.0,
    "release_ms": 60.0,
    "knee_db": 6.0,
}
GATE = {**EXPANDER, "ratio": 8.0, "hold_ms": 20.0, "hysteresis_db": 4.0, "knee_db": 0.0}


def reference(  # type: ignore[no-untyped-def]
    audio: np.ndarray, threshold_db, ratio, range_db, attack_ms, release_ms, knee_db, hold_ms=0.0, hysteresis_db=0.0
) -> np.ndarray:
    levels = 20 * np.log10(np.maximum(np.abs(audio).max(0), 1e-8))
    gains, kept, state = np.zeros_like(levels), -160.0, 0.0
    hold = round(hold_ms * RATE / 1000)
    for n in range(len(levels)):
        held = levels[max(0, n - hold) : n + 1].max()
        kept = min(max(kept, held), held + hysteresis_db)
        under = threshold_db - kept
        if under <= -knee_db / 2:
            target = 0.0
        elif under >= knee_db / 2:
            target = (1 - ratio) * under
        else:
            target = (1 - ratio) * (under + knee_db / 2) ** 2 / (2 * knee_db)
        target = max(target, -range_db)
        tau = (release_ms if target < state else attack_ms) / 1000
        keep = math.exp(-1 / (RATE * tau))
        state = keep * state + (1 - keep) * target
        gains[n] = state
    return audio * 10 ** (gains / 20)


def steps() -> torch.Tensor:
    levels = torch.tensor([0.5, 0.01, 0.1, 0.0, 0.02, 0.9]).repeat_interleave(3000)
    return levels * torch.randn(2, 18000, generator=torch.Generator().manual_seed(0)).sign()


@pytest.mark.parametrize("signal", ["hits", "steps"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [("expander", EXPANDER), ("expander", {**EXPANDER, "knee_db": 0.0}), ("noise_gate", GATE)],
)
def test_it_agrees_with_the_definition(name: str, settings: dict, signal: str, hits: torch.Tensor) -> None:
    audio = steps() if signal == "steps" else hits[0, :, :20000]
    settings = {**settings, **({"hold_ms": 882 / 44.1} if name == "noise_gate" else {})}
    truth = reference(audio.double().numpy(), **settings)
    for dtype, limit in ((torch.float32, -105.0), (torch.float64, -220.0)):
        estimate = getattr(effects, name)(audio.to(dtype)[None], RATE, **settings)[0].double().numpy()
        assert 20 * math.log10(np.linalg.norm(estimate - truth) / np.linalg.norm(truth)) < limit


@pytest.mark.parametrize(("attack_ms", "release_ms"), [(1.0, 200.0), (30.0, 20.0)])
def test_times_measured_from_a_step_are_those_asked_for(attack_ms: float, release_ms: float) -> None:
    """Opening takes the attack time, closing the release time after the hold; 63 % within 2 %."""
    quiet, loud = torch.full((RATE,), 1e-3, dtype=torch.float64), torch.full((RATE,), 0.5, dtype=torch.float64)
    step = torch.cat((quiet, loud, quiet))[None, None]
    settings = {"threshold_db": -20.0, "ratio": 10.0, "range_db": 40.0, "hysteresis_db": 0.0, "knee_db": 0.0}
    wet = effects.noise_gate(step, RATE, attack_ms=attack_ms, release_ms=release_ms, hold_ms=100.0, **settings)
    gain_db = 20 * torch.log10(wet / step)[0, 0]
    assert float(gain_db[RATE - 1]) == pytest.approx(-40.0, abs=0.3)
    # The hold of 100 ms keeps it open, then it closes.
    assert float(gain_db[2 * RATE + 4400]) == pytest.approx(0.0, abs=1e-6)
    opening = crossing(gain_db[RATE:], float(gain_db[RATE - 1]) * math.exp(-1))
    closing = crossing(-gain_db[2 * RATE + 4410 :], 40.0 * (1 - math.exp(-1)))
    assert opening / RATE * 1000 == pytest.approx(attack_ms, rel=0.02)
    assert closing / RATE * 1000 == pytest.approx(release_ms, rel=0.02)


def crossing(rising: torch.Tensor, value: float) -> float:
    """Samples from the start to where a rising signal reaches a value, interpolated."""
    after = int((rising < value).int().argmin())
    before = float(rising[after - 1])
    return after + (value - before) / (float(rising[after]) - before)


def test_hysteresis_opens_at_the_threshold_and_closes_below_it() -> None:
    """A level that falls slowly by less than the hysteresis leaves the gate open; so low a rise leaves it closed."""
    settings = {"threshold_db": -20.0, "ratio": 100.0, "range_db": 60.0, "attack_ms": 0.1, "release_ms": 5.0}
    up = torch.linspace(-40.0, -10.0, RATE, dtype=torch.float64)
    ramp = (10 ** (torch.cat((up, up.flip(0))) / 20))[None, None]
    wet = effects.noise_gate(ramp, RATE, hold_ms=0.0, hysteresis_db=6.0, knee_db=0.0, **settings)
    open_ = (20 * torch.log10(wet / ramp)[0, 0] > -3.0).nonzero().flatten()
    level_db = 20 * torch.log10(ramp[0, 0])
    opened = open_[open_ > 1000][0]
    assert float(level_db[opened]) == pytest.approx(-20.0, abs=0.2)
    assert float(level_db[open_[-1]]) == pytest.approx(-26.0, abs=0.3)


@pytest.mark.parametrize("width", [1, 2, 7, 50, 300])
def test_the_sliding_maximum_is_the_largest_of_each_window(width: int) -> None:
    values = torch.randn(3, 211, generator=torch.Generator().manual_seed(1), dtype=torch.float64).round(decimals=1)
    padded = torch.nn.functional.pad(values, (width - 1, 0), value=-9.0)
    truth = padded.unfold(-1, width, 1).amax(-1)
    widths = torch.full((3,), float(width), dtype=torch.float64)
    assert torch.equal(sliding_maximum(values, widths, -9.0), truth)
    # Half-way between two lengths lies the mean of both.
    longer = torch.nn.functional.pad(values, (width, 0), value=-9.0).unfold(-1, width + 1, 1).amax(-1)
    torch.testing.assert_close(sliding_maximum(values, widths + 0.5, -9.0), (truth + longer) / 2)


def test_memories_of_no_length_are_the_identity() -> None:
    level_db = -60.0 * torch.rand(2, 2, 500, generator=torch.Generator().manual_seed(1))
    none = torch.zeros(2, dtype=torch.float64)
    assert torch.equal(hold_level(level_db, none), level_db)
    assert torch.equal(play_level(level_db, none), level_db)


@pytest.mark.parametrize("link", ["max", "mean", "none"])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("expander", {**EXPANDER, "attack_ms": 0.5, "release_ms": 6.0}),
        ("expander", {**EXPANDER, "attack_ms": 0.5, "release_ms": 6.0, "rms_ms": 0.8}),
        ("noise_gate", {**GATE, "attack_ms": 0.5, "release_ms": 6.0, "hold_ms": 0.53, "knee_db": 3.0}),
    ],
)
def test_gradients_match_finite_differences(name: str, values: dict, link: str) -> None:
    generator = torch.Generator().manual_seed(4)
    fade = torch.linspace(0, -3, 60, dtype=torch.float64).exp()
    audio, key = (
        (torch.randn(2, 2, 60, generator=generator, dtype=torch.float64) * 0.1 * fade).requires_grad_()
        for _ in range(2)
    )
    columns = [torch.full((2,), value, dtype=torch.float64, requires_grad=True) for value in values.values()]

    def gated(x: torch.Tensor, sidechain: torch.Tensor | None, *settings: torch.Tensor) -> torch.Tensor:
        named = dict(zip(values, settings, strict=True))
        result: torch.Tensor = getattr(effects, name)(x, 8000, link=link, sidechain=sidechain, **named)
        return result

    for sidechain in (None, key):
        assert torch.autograd.gradcheck(gated, (audio, sidechain, *columns), eps=1e-7, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("module", "settings"),
    [
        (effects.Expander(), {**EXPANDER, "rms_ms": 5.0, "link": "none"}),
        (effects.NoiseGate(), GATE),
        (effects.NoiseGate(), {**GATE, "hold_ms": torch.tensor([3.3, 120.0])}),
    ],
)
def test_streams_keep_hold_and_hysteresis(module: effects.Processor, settings: dict, hits: torch.Tensor) -> None:
    blocks = hits.split([1, 7, 1000, 40000, 3092], -1)
    joined = torch.cat(list(stream_blocks(module.stream(RATE, **settings), blocks)), -1)
    assert torch.equal(joined, module(hits, RATE, **settings))


def test_a_gate_silences_the_noise_between_hits(hits: torch.Tensor) -> None:
    noisy = hits + 1e-3 * torch.randn(hits.shape, generator=torch.Generator().manual_seed(3))
    gated = effects.noise_gate(
        noisy, RATE, threshold_db=-40.0, range_db=60.0, hold_ms=10.0, release_ms=5.0, attack_ms=0.1
    )
    between = hits.abs().amax((0, 1)) == 0
    assert gated[..., between].square().mean() < 0.1 * noisy[..., between].square().mean()
    loud = hits.abs().amax(1, keepdim=True) > 0.1
    torch.testing.assert_close((gated * loud).square().mean(), (noisy * loud).square().mean(), rtol=0.05, atol=0)
