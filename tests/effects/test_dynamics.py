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
from fxrep.effects.block_maths import exp2_block, log2_block
from fxrep.effects.drive_kernels import SPAN
from fxrep.effects.dynamics import compressor_curve
from fxrep.effects.gain_computer import apply_gain, drive_gain, static_curve, time_coefficient
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.level_detector import detect_level
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError

RATE = 44100
SETTINGS = {"threshold_db": -24.0, "ratio": 4.0, "attack_ms": 5.0, "release_ms": 100.0, "knee_db": 6.0}


def error_db(estimate: np.ndarray, truth: np.ndarray) -> float:
    return 20 * math.log10(np.linalg.norm(estimate - truth) / np.linalg.norm(truth))


def reference(  # type: ignore[no-untyped-def]
    audio: np.ndarray, link: str, threshold_db, ratio, attack_ms, release_ms, knee_db, rms_ms=None
) -> np.ndarray:
    magnitudes = np.abs(audio) if rms_ms is None else audio**2
    keys = {"max": magnitudes.max(0, keepdims=True), "mean": magnitudes.mean(0, keepdims=True)}
    rows = keys.get(link, magnitudes)
    gains = np.zeros_like(rows)
    for row, key in enumerate(rows):
        state = power = 0.0
        for n, magnitude in enumerate(key):
            if rms_ms is not None:
                share = math.exp(-1000 / (RATE * rms_ms))
                power = share * power + (1 - share) * magnitude
                magnitude = math.sqrt(power)
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
@pytest.mark.parametrize(
    "change", [{}, {"release_ms": 20.0}, {"attack_ms": 50.0, "release_ms": 5.0}, {"knee_db": 0.0}, {"rms_ms": 5.0}]
)
def test_it_agrees_with_the_definition(link: str, change: dict, hits: torch.Tensor) -> None:
    settings = {**SETTINGS, **change}
    audio = hits[:1, :, :20000]
    truth = reference(audio[0].double().numpy(), link, **settings)
    estimate = effects.compressor(audio, RATE, link=link, **settings)[0].double().numpy()
    assert error_db(estimate, truth) < -110
    exact = effects.compressor(audio.double(), RATE, link=link, **settings)[0].numpy()
    assert error_db(exact, truth) < -240


def test_it_agrees_with_the_definition_on_steps() -> None:
    levels = torch.tensor([0.001, 0.9, 0.05, 0.4, 0.0, 1.0]).repeat_interleave(3000)
    signs = torch.randn(2, 18000, generator=torch.Generator().manual_seed(0)).sign()
    audio = levels * signs * torch.tensor([[1.0], [0.7]])
    truth = reference(audio.double().numpy(), "max", **SETTINGS)
    assert error_db(effects.compressor(audio[None], RATE, **SETTINGS)[0].double().numpy(), truth) < -110


def test_logarithm_and_power_are_accurate_over_the_whole_range() -> None:
    @compile_kernel
    def both(levels, gains, scratch):  # type: ignore[no-untyped-def]
        log2_block(levels, len(levels), scratch)
        exp2_block(gains, len(gains), scratch)

    values = np.exp2(np.linspace(-60, 30, 100001)).astype(np.float32)
    powers = np.linspace(-60, 60, 100001).astype(np.float32)
    logarithms, gains = values.copy(), powers.copy()
    both(logarithms, gains, np.empty_like(gains))
    # Half a unit in the last place of 60 is 2e-6.
    np.testing.assert_allclose(logarithms, np.log2(values.astype(np.float64)), rtol=0, atol=4e-6)
    np.testing.assert_allclose(gains, np.exp2(powers.astype(np.float64)), rtol=2e-7)
    assert gains[50000] == 1.0


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
    values = {"threshold_db": threshold, "ratio": ratio, "knee_db": knee, "attack_ms": 1.0, "release_ms": 1.0}
    columns = {name: torch.tensor([value], dtype=torch.float64) for name, value in values.items()}
    levels = torch.tensor([[[level, level + 1e-6]]], dtype=torch.float64)
    low, high = static_curve(levels, compressor_curve(columns, RATE)).flatten().tolist()
    assert -1e-6 <= low - high <= 1e-5 or low == pytest.approx(high, abs=1e-5)
    assert low <= 0.0


@pytest.mark.parametrize("link", ["max", "mean", "none"])
@pytest.mark.parametrize("more", [{}, {"lookahead_ms": 0.33}, {"rms_ms": 0.7}])
def test_gradients_match_finite_differences(link: str, more: dict) -> None:
    generator = torch.Generator().manual_seed(4)
    audio, key = (
        (torch.randn(2, 2, 40, generator=generator, dtype=torch.float64) * 0.4).requires_grad_() for _ in range(2)
    )
    values = {"threshold_db": -20.0, "ratio": 3.0, "attack_ms": 0.2, "release_ms": 6.0, "knee_db": 5.0}
    values |= {"makeup_db": 2.0, **more}
    columns = [torch.full((2,), value, dtype=torch.float64, requires_grad=True) for value in values.values()]

    def compressed(x: torch.Tensor, sidechain: torch.Tensor | None, *settings: torch.Tensor) -> torch.Tensor:
        named = dict(zip(values, settings, strict=True))
        return effects.compressor(x, 8000, link=link, sidechain=sidechain, **named)

    for sidechain in (None, key):
        assert torch.autograd.gradcheck(compressed, (audio, sidechain, *columns), eps=1e-7, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("knee_db", [0.0, 1e-7, 24.0])
def test_every_gradient_is_finite_with_and_without_a_knee(knee_db: float, hits: torch.Tensor) -> None:
    """dasp's compressor gives NaN without a knee, and no gradient at all for the release."""
    values = {**SETTINGS, "knee_db": knee_db}
    columns = {k: torch.full((2,), v, dtype=torch.float64, requires_grad=True) for k, v in values.items()}
    audio = hits[..., :9000].clone().requires_grad_()
    # Exactly on the threshold, and silence.
    with torch.no_grad():
        audio[..., :500] = 10 ** (SETTINGS["threshold_db"] / 20)
        audio[..., 500:1000] = 0.0
    effects.compressor(audio, RATE, **columns).square().mean().backward()
    assert all(torch.isfinite(tensor.grad).all() for tensor in (audio, *columns.values()))  # type: ignore[arg-type]
    assert all(columns[name].grad.ne(0).all() for name in SETTINGS if name != "knee_db")  # type: ignore[union-attr]


def test_attack_is_the_attack() -> None:
    """grafx swaps attack and release: a fast attack must pull down fast, whatever the release."""
    loud = torch.full((1, 1, 4410), 0.5)
    gain = [
        effects.compressor(loud, RATE, **{**SETTINGS, "attack_ms": attack, "release_ms": 1000.0})[0, 0, 441] / 0.5
        for attack in (1.0, 100.0)
    ]
    assert gain[0] < 0.25 < 0.8 < gain[1]


@pytest.mark.parametrize(("attack_ms", "release_ms"), [(1.0, 300.0), (20.0, 40.0), (80.0, 20.0)])
@pytest.mark.parametrize("rate", [22050, 44100, 96000])
def test_times_measured_from_a_step_are_those_asked_for(attack_ms: float, release_ms: float, rate: int) -> None:
    """The time to 63 % of the way, interpolated between samples, within 2 %."""
    loud, quiet = torch.full((1, 1, rate), 0.5, dtype=torch.float64), torch.full((1, 1, 2 * rate), 1e-3).double()
    settings = {"threshold_db": -26.0, "ratio": 4.0, "knee_db": 0.0}
    step = torch.cat((loud, quiet), -1)
    wet = effects.compressor(step, rate, attack_ms=attack_ms, release_ms=release_ms, **settings)
    gain_db = 20 * torch.log10(wet / step)[0, 0]
    whole = float(gain_db[rate - 1])
    attack = crossing(-gain_db, -whole * (1 - math.exp(-1)))
    release = crossing(gain_db[rate:], whole * math.exp(-1))
    assert attack / rate * 1000 == pytest.approx(attack_ms, rel=0.02)
    assert release / rate * 1000 == pytest.approx(release_ms, rel=0.02)


def crossing(rising: torch.Tensor, value: float) -> float:
    """Samples from the start to where a rising signal reaches a value, interpolated."""
    after = int((rising < value).int().argmin())
    before = float(rising[after - 1])
    return after + (value - before) / (float(rising[after]) - before)


def test_lookahead_is_in_time_and_its_gain_comes_early(hits: torch.Tensor) -> None:
    audio = hits[..., :20000] + 1e-3
    plain = effects.compressor(audio, RATE, **SETTINGS)
    ahead = effects.compressor(audio, RATE, lookahead_ms=100 / 44.1, **SETTINGS)
    later = plain[..., 100:] / audio[..., 100:]
    torch.testing.assert_close(ahead[..., :-100], audio[..., :-100] * later, rtol=1e-4, atol=1e-6)
    assert torch.equal(effects.compressor(audio, RATE, lookahead_ms=0.0, **SETTINGS), plain)


def test_the_sidechain_drives_the_gain(hits: torch.Tensor) -> None:
    hits = hits + 1e-3
    quiet = 1e-3 * hits
    ducked = effects.compressor(quiet, RATE, sidechain=hits[:, :1], **SETTINGS)
    gain = effects.compressor(hits, RATE, sidechain=hits[:, :1], **SETTINGS) / hits
    torch.testing.assert_close(ducked, quiet * gain, rtol=1e-4, atol=1e-9)
    assert ducked.square().mean() < 0.5 * quiet.square().mean()
    own = effects.compressor(hits, RATE, sidechain=hits, **SETTINGS)
    assert torch.equal(own, effects.compressor(hits, RATE, **SETTINGS))
    shared = effects.compressor(hits, RATE, sidechain=hits[:1, :1], link="none", **SETTINGS)
    torch.testing.assert_close(shared[0, 1] * hits[0, 0], shared[0, 0] * hits[0, 1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "sidechain",
    [
        0.5,
        torch.zeros(2, 44100),
        torch.zeros(2, 2, 9),
        torch.zeros(3, 1, 44100),
        torch.full((2, 1, 44100), float("nan")),
    ],
)
def test_a_sidechain_that_does_not_fit_is_refused(sidechain: object, hits: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match="sidechain"):
        effects.compressor(hits, RATE, sidechain=sidechain)  # type: ignore[arg-type]


@pytest.mark.parametrize("more", [{"lookahead_ms": 3.3}, {"rms_ms": 20.0, "link": "none"}, {"sidechain": True}])
def test_streams_keep_detector_gain_and_lookahead(more: dict, hits: torch.Tensor) -> None:
    settings = {**SETTINGS, **more}
    if "sidechain" in more:
        settings["sidechain"] = hits.flip(0)
    module = effects.Compressor()
    blocks = hits.split([1, 7, 1000, 40000, 3092], -1)
    joined = torch.cat(list(stream_blocks(module.stream(RATE, **settings), blocks)), -1)
    assert torch.equal(joined, module(hits, RATE, **settings))


@pytest.mark.parametrize("link", ["max", "mean", "none"])
@pytest.mark.parametrize("rms", [False, True])
@pytest.mark.parametrize(("rate", "lookahead_ms"), [(8000, 0.9), (400_000, 12.301)])
def test_the_tensor_form_is_the_loop(link: str, rms: bool, rate: int, lookahead_ms: float) -> None:
    generator = torch.Generator().manual_seed(7)
    values = {"threshold_db": -20.0, "ratio": 3.0, "attack_ms": 0.2, "release_ms": 6.0, "knee_db": 5.0}
    values |= {"makeup_db": 2.0, "lookahead_ms": lookahead_ms}
    results = []
    # Two whole spans of the compiled loop, and a rest that is shorter than the look-ahead,
    # which is longer than a span at 400 kHz.
    samples = 2 * SPAN + 5
    source = torch.randn(2, 2, samples, generator=generator, dtype=torch.float64)
    for parallel in (False, True):
        audio = source.clone().requires_grad_()
        columns = {k: torch.full((2,), v, dtype=torch.float64, requires_grad=True) for k, v in values.items()}
        keep = torch.full((2,), 0.98, dtype=torch.float64, requires_grad=True) if rms else None
        curve = compressor_curve(columns, rate)
        if parallel:
            level_db = detect_level(audio, keep, link=link, parallel=True)
            output = apply_gain(audio, level_db, curve, parallel=True)
        else:
            output = drive_gain(audio, curve, link=link, keep=keep)
        inputs = (audio, *columns.values(), *([] if keep is None else [keep]))
        results.append((output, *torch.autograd.grad(output.square().sum(), inputs)))
    for loop, scan in zip(*results, strict=True):
        torch.testing.assert_close(loop, scan, rtol=1e-8, atol=1e-8)


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
