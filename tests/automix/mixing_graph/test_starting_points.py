"""Echoes, compressors and gates are found where a gradient from the defaults does not lead to them."""

from __future__ import annotations

import pytest
import torch

from automix.mixing_graph.echoes import find_echoes
from automix.mixing_graph.families import NAMES
from automix.mixing_graph.fitting import Fitting, fit_console
from automix.mixing_graph.loss import GRID
from automix.mixing_graph.problem import Problem
from automix.mixing_graph.starting_points import choose_starts
from automix.mixing_graph.state import GraphState, to_settings
from fxrep.effects import delay
from fxrep.effects.console import ConsoleSettings, graph_console

RATE = 16000
WARM_UP = 4 * GRID
TRACKS = ["keys", "bass"]


@pytest.fixture(scope="module")
def audio() -> torch.Tensor:
    """(2, 2, 2.3 s): notes of noise that fade, at times that do not repeat, with some hiss between them."""
    generator = torch.Generator().manual_seed(4)
    samples = WARM_UP + 2 * RATE
    gaps = torch.rand(2, samples, generator=generator) < 4.0 / RATE
    last = torch.cummax(torch.where(gaps, torch.arange(samples), -3000), 1).values
    fading = torch.exp(-(torch.arange(samples) - last) / 900.0) + 0.003
    return 0.2 * torch.randn(2, 1, samples, generator=generator) * fading[:, None] * torch.ones(2, 2, 1)


def problem_of(audio: torch.Tensor, settings: ConsoleSettings) -> Problem:
    console = graph_console()
    target = console.render(audio[None], settings, RATE)[0]
    return Problem.create(console, audio, target, RATE, WARM_UP, TRACKS, {})


def known(label: str, **values: float) -> ConsoleSettings:
    """The mix of both tracks with one processor, on the keys."""
    settings = graph_console().default_settings(TRACKS)
    for name, value in values.items():
        settings = settings.edit("keys", f"{label}.{name}", value)
    return settings


def alone(problem: Problem) -> GraphState:
    return GraphState.neutral(problem.console, 2)


def test_an_echo_is_found_to_the_sample_and_noise_has_none(audio: torch.Tensor) -> None:
    wet = delay(audio[:1], RATE, time_ms=330.0, feedback=0.4, mix=1.0)[0]
    found = find_echoes(audio[0], 0.3 * wet + 0.1 * audio[1], RATE)[0]
    assert round(found.time_s * RATE) == 5280
    assert found.level == pytest.approx(0.3, abs=0.03)
    assert found.feedback == pytest.approx(0.4, abs=0.12)
    assert all(echo.level < 0.05 for echo in find_echoes(audio[0], audio[1], RATE))
    assert find_echoes(torch.zeros(2, RATE), audio[0][:, :RATE], RATE) == []


def test_the_time_of_a_delay_is_found_and_that_of_the_other_track_is_left_out(audio: torch.Tensor) -> None:
    problem = problem_of(audio, known("delay", time_ms=330.0, feedback=0.4, wet=0.3))
    fitting = Fitting(steps=8, segment_s=0.5, check_every=4)
    state, losses = fit_console(problem, fitting, torch.Generator().manual_seed(0), ["gain_pan", "delay"])
    assert losses["delay"] < 0.4 * losses["gain_pan"]
    settings = to_settings(state, problem.console, TRACKS, {})
    found = settings.tracks["keys"]["delay"]
    assert found["time_ms"] == pytest.approx(330.0, abs=0.5)
    assert found["wet"] == pytest.approx(0.3, abs=0.08)
    assert float(settings.tracks["bass"]["delay"]["wet"] or 0.0) < 0.05


@pytest.mark.parametrize(
    ("family", "label", "values"),
    [
        ("compressor", "compressor", {"threshold_db": -18.0, "ratio": 4.0, "makeup_db": 8.0, "attack_ms": 3.0}),
        ("gate", "noise_gate", {"threshold_db": -25.0, "range_db": 40.0, "hold_ms": 5.0, "release_ms": 30.0}),
    ],
)
def test_dynamics_begin_where_they_work(audio: torch.Tensor, family: str, label: str, values: dict[str, float]) -> None:
    # 34 dB down, all is under the thresholds that the consoles begin with.
    quiet = audio * 0.02
    values = {**values, "threshold_db": values["threshold_db"] - 34.0, "wet": 1.0}
    problem = problem_of(quiet, known(label, **values))
    before = problem.measure(alone(problem))
    started, found = choose_starts(problem, alone(problem), family, problem.sounding)
    assert found.tolist()[0]
    assert problem.measure(started) < 0.8 * before
    assert bool(started.kept[:, NAMES.index(family)].all())


def test_a_mix_without_a_delay_has_no_start_for_one(audio: torch.Tensor) -> None:
    problem = problem_of(audio, known("gain", gain_db=-4.0, wet=1.0))
    state = alone(problem)
    state.join("gain_pan", problem.sounding)
    state.positions[0, problem.console.track.setting_names().index("gain.gain_db")] = problem.console.track.parameter(
        "gain", "gain_db"
    ).normalize(-4.0)
    started, found = choose_starts(problem, state, "delay", problem.sounding)
    assert not bool(found.any())
    assert problem.measure(started) == pytest.approx(problem.measure(state), abs=1e-6)
