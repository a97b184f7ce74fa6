"""Gradients of the dynamics where they do nothing yet, which is where an optimisation starts.

At ratio 1 or range 0 only one side exists, so the truth is a one-sided finite difference.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import pytest
import torch

from fxrep import effects
from fxrep.effects.dynamics import COMPRESSOR_TABLE, compressor_curve
from fxrep.effects.gain_computer import GainCurve, apply_gain
from fxrep.effects.gate import EXPANDER_TABLE, NOISE_GATE_TABLE, expander_curve
from fxrep.effects.level_detector import detect_level
from fxrep.effects.processor import Processor

RATE = 44100
STEP = 1e-7
# A range of r dB bends the knee over a width that grows with the root of r.
RTOL = 2e-4
Apply = Callable[[torch.Tensor, dict[str, torch.Tensor]], torch.Tensor]

COMPRESSOR = {"threshold_db": -30.0, "ratio": 1.0, "attack_ms": 2.0, "release_ms": 60.0, "knee_db": 6.0}
COMPRESSOR |= {"makeup_db": 3.0, "lookahead_ms": 1.01}
EXPANDER = {"threshold_db": -20.0, "ratio": 1.0, "range_db": 40.0, "attack_ms": 2.0, "release_ms": 60.0, "knee_db": 6.0}
CURVES = {
    "compressor": (compressor_curve, COMPRESSOR),
    "compressor with a corner": (compressor_curve, {**COMPRESSOR, "knee_db": 0.0, "attack_ms": 80.0}),
    "expander of ratio 1": (expander_curve, EXPANDER),
    "expander of range 0": (expander_curve, {**EXPANDER, "ratio": 3.0, "range_db": 0.0}),
    "expander of range 0 with a corner": (expander_curve, {**EXPANDER, "ratio": 3.0, "range_db": 0.0, "knee_db": 0.0}),
    "expander of both": (expander_curve, {**EXPANDER, "range_db": 0.0}),
}
MULTIBAND = effects.MultibandCompressor().defaults()
MULTIBAND |= {name: -60.0 for name in MULTIBAND if name.endswith("threshold_db")}


def music(hits: torch.Tensor) -> torch.Tensor:
    """(2, 2, 6000) float64: bursts over a floor, an item with a pause."""
    audio = hits[..., :6000].double() + 1e-4 * torch.randn(2, 2, 6000, generator=torch.Generator().manual_seed(3))
    audio[1, :, 2000:4000] *= 1e-3
    return audio


def check(apply: Apply, audio: torch.Tensor, settings: Mapping[str, float]) -> dict[str, torch.Tensor]:
    """Compare the gradients of a weighted mean with differences upwards from the settings; return the gradients."""
    weights = torch.randn(audio.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 100.0
    weights = weights + audio.sign() * 0.03
    columns = {key: torch.full((2,), value, dtype=torch.float64) for key, value in settings.items()}
    leaves = {key: column.clone().requires_grad_() for key, column in columns.items()}
    source = audio.clone().requires_grad_()
    found = torch.autograd.grad((apply(source, leaves) * weights).sum(), [source, *leaves.values()])
    gradients = dict(zip(("audio", *leaves), found, strict=True))

    def difference(change: Callable[[float], torch.Tensor]) -> torch.Tensor:
        start, half, whole = ((change(step) * weights).sum((1, 2)) for step in (0.0, STEP / 2, STEP))
        # Of second order, though on one side only.
        return (4.0 * half - whole - 3.0 * start) / STEP

    def moved(name: str, step: float) -> torch.Tensor:
        return apply(audio, {**columns, name: columns[name] + step})

    for name in columns:
        truth = difference(functools.partial(moved, name))
        torch.testing.assert_close(
            gradients[name], truth, rtol=RTOL, atol=1e-6, msg=f"{name}: {gradients[name]}, {truth}"
        )
    along = torch.randn(audio.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * audio.abs()
    truth = difference(lambda step: apply(audio + step * along, columns))
    torch.testing.assert_close((gradients["audio"] * along).sum((1, 2)), truth, rtol=RTOL, atol=1e-6)
    return gradients


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("link", ["max", "none"])
@pytest.mark.parametrize("case", CURVES)
def test_loop_and_tensor_form_know_the_first_step(case: str, link: str, parallel: bool, hits: torch.Tensor) -> None:
    make, settings = CURVES[case]
    audio = music(hits)

    def apply(x: torch.Tensor, columns: dict[str, torch.Tensor]) -> torch.Tensor:
        level_db = detect_level(x, link=link, parallel=parallel)
        curve: GainCurve = make(columns, RATE)
        return apply_gain(x, level_db, curve, parallel=parallel)

    gradients = check(apply, audio, settings)
    moving = {"ratio": case in list(CURVES)[:3], "range_db": "range 0" in case}
    for name, moves in moving.items():
        assert bool((gradients.get(name, torch.zeros(2)) != 0.0).all()) == moves, name


@pytest.mark.parametrize(
    ("module", "settings"),
    [
        (effects.Compressor(), {**COMPRESSOR, "rms_ms": 5.0}),
        (effects.Expander(), {**EXPANDER, "rms_ms": 5.0}),
        (effects.NoiseGate(), {**effects.NoiseGate().defaults(), "threshold_db": -20.0, "hold_ms": 5.3}),
        (effects.DeEsser(), effects.DeEsser().defaults()),
        (effects.MultibandCompressor(), MULTIBAND),
    ],
    ids=lambda value: value.name if isinstance(value, Processor) else "",
)
def test_processors_know_the_first_step(module: Processor, settings: dict, hits: torch.Tensor) -> None:
    numbers = {key: value for key, value in settings.items() if isinstance(value, float)}
    gradients = check(lambda x, columns: module(x, RATE, **columns), music(hits), numbers)
    start = "range_db" if module.name == "noise_gate" else "ratio"
    assert all(gradient.ne(0).all() for name, gradient in gradients.items() if name.endswith(start))


def test_a_limiter_above_the_peaks_has_no_slope(hits: torch.Tensor) -> None:
    """Nothing exceeds the ceiling, and nothing does a step below: both sides are flat."""
    settings = {"ceiling_db": -1.0, "release_ms": 50.0}
    gradients = check(lambda x, columns: effects.Limiter()(x, RATE, **columns), 0.5 * music(hits), settings)
    assert float(gradients["ceiling_db"].abs().max()) == 0.0


@pytest.mark.parametrize("parallel", [False, True])
def test_neutral_items_stay_bit_exact_beside_others(parallel: bool, hits: torch.Tensor) -> None:
    """Item 0 is neutral, item 1 is not: value and gradient of each are those it has alone."""
    audio = music(hits)
    values = {key: torch.full((2,), value, dtype=torch.float64) for key, value in EXPANDER.items()}
    values["ratio"] = torch.tensor([1.0, 4.0], dtype=torch.float64)

    def run(items: slice) -> tuple[torch.Tensor, torch.Tensor]:
        columns = {key: value[items].clone().requires_grad_() for key, value in values.items()}
        level_db = detect_level(audio[items], parallel=parallel)
        output = apply_gain(audio[items], level_db, expander_curve(columns, RATE), parallel=parallel)
        return output.detach(), torch.stack(torch.autograd.grad(output.square().sum(), list(columns.values())), -1)

    output, slopes = run(slice(0, 2))
    assert torch.equal(output[0], audio[0])
    for item in (0, 1):
        alone, slope = run(slice(item, item + 1))
        assert torch.equal(output[item], alone[0])
        torch.testing.assert_close(slopes[item], slope[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("table", [COMPRESSOR_TABLE, EXPANDER_TABLE, NOISE_GATE_TABLE])
def test_the_neutral_defaults_are_those_tested_here(table: tuple) -> None:
    defaults = {parameter.name: parameter.default for parameter in table}
    assert defaults["ratio"] == 1.0 or defaults["range_db"] == 0.0
