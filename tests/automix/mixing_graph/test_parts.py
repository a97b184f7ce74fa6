"""The parts of mixing graphs: the loss, rendering, what a state says, the graph and its picture."""

from __future__ import annotations

import json
import math
import re
from xml.etree import ElementTree

import pytest
import torch

from automix.mixing_graph import GraphLoss, draw_graph, read_graph, rendering, save_graph
from automix.mixing_graph.families import NAMES
from automix.mixing_graph.loss import GRID, a_weighting
from automix.mixing_graph.problem import Problem
from automix.mixing_graph.rendering import render_graph
from automix.mixing_graph.state import GraphState, to_settings
from fxrep.effects.console import default_console, graph_console
from fxrep.errors import AudioError
from fxrep.mixing.session import MixSession
from fxrep.mixing.tracks import TrackSet

RATE = 16000
TRACKS = ["kick", "snare", "bass"]
GROUPS = {"kick": "drums", "snare": "drums"}


@pytest.fixture(scope="module")
def audio() -> torch.Tensor:
    """(3, 2, 2 s): bursts of noise."""
    generator = torch.Generator().manual_seed(5)
    bursts = torch.exp(-(torch.arange(2 * RATE) % 4000) / 800.0)
    return 0.2 * torch.randn(3, 2, 2 * RATE, generator=generator) * bursts


def drawn_state(console: object, strips: int = 4, seed: int = 2) -> GraphState:
    generator = torch.Generator().manual_seed(seed)
    state = GraphState.neutral(console, strips)  # type: ignore[arg-type]
    state.positions = 0.3 + 0.4 * torch.rand(state.positions.shape, generator=generator, dtype=torch.float64)
    state.weights = torch.rand(state.weights.shape, generator=generator, dtype=torch.float64)
    state.kept = torch.rand(state.kept.shape, generator=generator) < 0.7
    return state


def problem_of(audio: torch.Tensor, target: torch.Tensor) -> Problem:
    return Problem.create(graph_console(["drums"]), audio, target, RATE, 4 * GRID, TRACKS, GROUPS)


def error_db(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float(20 * torch.log10((actual - expected).norm() / expected.norm() + 1e-12))


def test_the_loss_of_twice_the_target_is_one_and_the_logarithm_of_two(audio: torch.Tensor) -> None:
    loss = GraphLoss(audio[0], RATE, skip=2 * GRID)
    assert float(loss(audio[0])) == 0.0
    # The logarithm of magnitudes next to 1e-4 falls short of that of their ratio.
    assert float(loss(2.0 * audio[0])) == pytest.approx(1.0 + math.log(2.0), abs=0.03)


def test_a_segment_is_compared_with_the_same_part_of_the_target(audio: torch.Tensor) -> None:
    loss = GraphLoss(audio[0], RATE, skip=2 * GRID)
    for start in (0, GRID, 5 * GRID):
        assert float(loss(audio[0][:, start : start + 10 * GRID], start)) == pytest.approx(0.0, abs=1e-5)
    assert float(loss(audio[0][:, GRID : 11 * GRID], 0)) > 0.1


def test_what_is_skipped_does_not_count_and_a_mono_target_is_no_division_by_zero(audio: torch.Tensor) -> None:
    loss = GraphLoss(audio[0], RATE, skip=2 * GRID)
    changed = audio[0].clone()
    changed[:, : 2 * GRID] = 0.0
    assert float(loss(changed)) == 0.0
    mono = audio[0].mean(0).expand(2, -1)
    assert float(GraphLoss(mono, RATE, 0)(1.1 * mono)) < 0.5
    with pytest.raises(AudioError, match="4096"):
        GraphLoss(audio[0][:, :4000], RATE, 0)


def test_the_a_curve() -> None:
    levels = 20 * a_weighting(torch.tensor([100.0, 1000.0, 10000.0], dtype=torch.float64)).log10()
    # IEC 61672-1, table 3.
    torch.testing.assert_close(levels, torch.tensor([-19.1, 0.0, -2.5], dtype=torch.float64), atol=0.06, rtol=0)


def test_a_graph_is_rendered_as_the_session_that_a_person_gets(audio: torch.Tensor) -> None:
    problem = problem_of(audio, audio.sum(0))
    state = drawn_state(problem.console)
    mix, change = render_graph(problem.routing, audio, state)
    assert torch.isfinite(change)
    settings = to_settings(state, problem.console, TRACKS, GROUPS)
    whole = problem.console.render(audio[None], settings, RATE)[0]
    assert error_db(mix, whole) < -90
    session = MixSession(settings, TrackSet(dict(zip(TRACKS, audio, strict=True)), RATE))
    assert error_db(session.render(), whole) < -90


def test_rendering_what_changed_equals_rendering_all(audio: torch.Tensor) -> None:
    problem, state = problem_of(audio, audio.sum(0)), drawn_state(graph_console(["drums"]))
    rendered = problem.rendered()
    rendered.set(state)
    for row, family in ((0, 2), (2, 0), (3, 4)):
        kept = state.kept.clone()
        kept[row, family] = ~kept[row, family]
        mix, _ = rendered.without(state, kept)
        other = state.clone()
        other.kept = kept
        torch.testing.assert_close(mix, problem.rendered().set(other), rtol=0, atol=1e-6)


def test_a_graph_from_which_all_is_pruned_is_the_sum_bit_for_bit(audio: torch.Tensor) -> None:
    problem, state = problem_of(audio, audio.sum(0)), drawn_state(graph_console(["drums"]))
    state.kept[:] = False
    assert torch.equal(problem.rendered().set(state), torch.stack((audio[2], audio[:2].sum(0))).sum(0))
    settings = to_settings(state, problem.console, TRACKS, GROUPS)
    assert settings == problem.console.default_settings(TRACKS, GROUPS)
    assert read_graph(settings).processors == 0


def test_the_gradient_reaches_all_that_is_kept_and_nothing_else(audio: torch.Tensor) -> None:
    problem, state = problem_of(audio, audio.sum(0)), drawn_state(graph_console(["drums"]))
    state.weights.requires_grad_()
    mix, _ = render_graph(problem.routing, audio, state)
    problem.loss(mix).backward()
    assert state.weights.grad is not None
    reached = state.weights.grad != 0
    # A gate that is held open over the pauses does nothing.
    gate = NAMES.index("gate")
    assert not bool((reached & ~state.kept).any())
    others = [column for column in range(len(NAMES)) if column != gate]
    assert torch.equal(reached[:, others], state.kept[:, others])


def test_strips_in_lots_have_the_mix_and_the_gradient_of_all_at_once(
    audio: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, found = problem_of(audio, audio.sum(0)), []
    for at_once in (16, 2):
        monkeypatch.setattr(rendering, "AT_ONCE", at_once)
        state = drawn_state(problem.console)
        state.weights.requires_grad_()
        mix, change = render_graph(problem.routing, audio, state)
        (problem.loss(mix) + change).backward()
        found.append((mix.detach(), change.detach(), state.weights.grad))
    for whole, lots in zip(*found, strict=True):
        torch.testing.assert_close(lots, whole, rtol=1e-5, atol=1e-6)


def test_the_graph_of_a_state_has_a_node_for_each_processor(audio: torch.Tensor, tmp_path: object) -> None:
    console = graph_console(["drums"])
    state = drawn_state(console)
    settings = to_settings(state, console, TRACKS, GROUPS)
    graph = read_graph(settings)
    # Gain and panner are one processor of the search and two on the console.
    assert graph.processors == int(state.kept.sum()) + int(state.kept[:, NAMES.index("gain_pan")].sum())
    ids = [node.id for node in graph.nodes]
    assert len(ids) == len(set(ids)) and {end for edge in graph.edges for end in edge} <= set(ids)
    # Everything leads to the mix.
    following = dict(graph.edges)
    for node in ids:
        steps = 0
        while node != "mix":
            node, steps = following[node], steps + 1
            assert steps < len(ids)
    paths = save_graph(settings, tmp_path)  # type: ignore[arg-type]
    data = json.loads(paths[0].read_text(encoding="utf-8"))
    assert [one["id"] for one in data["nodes"]] == ids
    dot = paths[1].read_text(encoding="utf-8")
    assert dot.startswith("digraph") and dot.count("->") == len(graph.edges)
    picture = ElementTree.fromstring(paths[2].read_text(encoding="utf-8"))
    assert len(picture.findall("{*}g")) == len(ids)


def test_boxes_do_not_lie_on_each_other_and_any_console_has_a_graph() -> None:
    console = default_console(groups=["drums"])
    names = ["a<b", "c", 'd"e']
    settings = console.default_settings(names, {"c": "drums"}).edit("c", "compressor.ratio", 4.0)
    settings = settings.edit("a<b", "sends.reverb", -6.0).edit("master", "fader.gain_db", -3.0)
    graph = read_graph(settings)
    assert ("track:a<b", "bus:reverb") in graph.edges and ("mix", "master/fader") in graph.edges
    picture = ElementTree.fromstring(draw_graph(graph))
    corners = [(box.attrib["x"], box.attrib["y"]) for box in picture.findall("{*}g/{*}rect")]
    assert len(corners) == len(set(corners)) == len(graph.nodes)
    assert '\\"' in graph.to_dot()


def test_tracks_of_a_group_stand_together_and_no_line_runs_through_a_box() -> None:
    console = graph_console(["drums", "vocals"])
    names = ["kick", "bass", "vox left", "snare", "backing vocals of the second chorus, left", "piano", "hats"]
    groups = {"kick": "drums", "snare": "drums", "hats": "drums", "vox left": "vocals", names[4]: "vocals"}
    settings = to_settings(drawn_state(console, 9), console, names, groups)
    picture = ElementTree.fromstring(draw_graph(read_graph(settings)))
    boxes = [
        {key: float(box.attrib[key]) for key in ("x", "y", "width", "height")}
        for box in picture.findall("{*}g/{*}rect")
    ]
    for path in picture.findall("{*}path"):
        left, top, middle, bottom, right = (float(one) for one in re.findall(r"[\d.]+", path.attrib["d"]))
        for box in boxes:
            level = [
                y
                for y, start, end in ((top, left, middle), (bottom, middle, right))
                if start < box["x"] + box["width"] - 0.1 and end > box["x"] + 0.1
            ]
            assert not any(box["y"] < y < box["y"] + box["height"] for y in level)
    written = [text.text for text in picture.findall("{*}g/{*}text")]
    assert len(set(written[:1] + [one for one in written if one and "vo" in one])) >= 3
    assert any(one and one.endswith("us, left") and "…" in one for one in written)
