"""Fitting a console to a mix by gradient: families of processors join one after the other, and go on together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from automix.mixing_graph.families import FAMILY_OF, NAMES
from automix.mixing_graph.problem import Problem, starting_gains
from automix.mixing_graph.rendering import render_graph
from automix.mixing_graph.state import GraphState
from fxrep.progress import track_progress


@dataclass(frozen=True)
class Fitting:
    """How settings are fitted.

    Attributes:
        steps: of gradient for each family that joins.
        fine_steps: after each round of pruning.
        rate: of Adam, in positions (0 to 1), falling to a tenth along a half cosine.
        segment_s: seconds that are compared in a step, drawn from the window.
        warm_up_s: seconds before them that only let the effects settle.
        sparsity: of the sum of the weights, in the loss.
        staging: of what equalisers, delays and reverberations change the level by, in the loss.
        settled: share of the rate for what has been fitted before: the first steps of Adam are as long as the rate
            however small the gradient is, and would undo more than what joins can bring.
        check_every: steps between two looks at the whole window.
        patience: looks without anything better after which a stage ends early.
    """

    steps: int = 40
    fine_steps: int = 26
    rate: float = 0.02
    segment_s: float = 2.0
    warm_up_s: float = 1.0
    sparsity: float = 1e-4
    staging: float = 1e-3
    settled: float = 0.25
    check_every: int = 10
    patience: int = 3


def descend(
    problem: Problem,
    state: GraphState,
    fitting: Fitting,
    steps: int,
    generator: torch.Generator,
    label: str,
    best: float | None = None,
    joining: str | None = None,
) -> tuple[GraphState, float]:
    """Go on with a state by gradient, on segments drawn at random.

    Args:
        problem: the song.
        state: where to begin; left as it is.
        fitting: how.
        steps: at most.
        generator: draws the segments.
        label: of the progress bar.
        best: loss of the state over the whole window; None: it is measured.
        joining: the family whose settings and weights have not been fitted before.

    Returns:
        The best of the states that were looked at on the whole window, the first among them, and its loss.
    """
    found, least = state.clone(), problem.measure(state) if best is None else best
    place = state.clone()
    optimizer = torch.optim.Adam([place.positions.requires_grad_(), place.weights.requires_grad_()], lr=fitting.rate)
    pace = _paces(problem, place, fitting.settled, joining)
    waited = 0
    for step in track_progress(range(1, steps + 1), label):
        optimizer.param_groups[0]["lr"] = fitting.rate * (0.1 + 0.45 * (1.0 + math.cos(math.pi * step / steps)))
        _step(problem, place, fitting, optimizer, generator, pace)
        if step % fitting.check_every == 0 or step == steps:
            value = problem.measure(place)
            waited = 0 if value < least else waited + 1
            if value < least:
                found, least = place.clone(), value
            if waited >= fitting.patience:
                break
    return found, least


def _paces(problem: Problem, place: GraphState, settled: float, joining: str | None) -> tuple[Tensor, Tensor]:
    """Return which share of a step each position (P,) and each weight (F,) takes."""
    names = problem.console.track.setting_names()
    families = [FAMILY_OF[name.partition(".")[0]] for name in names]
    shares = [1.0 if family == joining else settled for family in families]
    if problem.mono:
        # The least step aside gives a mono mix a side, which the logarithm makes more of than of all else.
        shares = [0.0 if name.startswith("panner.") else one for name, one in zip(names, shares, strict=True)]
    positions = torch.tensor(shares).to(place.positions)
    weights = torch.tensor([1.0 if family == joining else settled for family in NAMES]).to(place.weights)
    return positions, weights


def _step(
    problem: Problem,
    place: GraphState,
    fitting: Fitting,
    optimizer: torch.optim.Adam,
    generator: torch.Generator,
    pace: tuple[Tensor, Tensor],
) -> None:
    start, audio = problem.draw_segment(round(fitting.segment_s * problem.routing.sample_rate), generator)
    optimizer.zero_grad(set_to_none=True)
    mix, change = render_graph(problem.routing, audio, place)
    loss = problem.loss(mix, start) + fitting.staging * change + fitting.sparsity * place.weights[place.kept].sum()
    if not loss.requires_grad:
        return
    loss.backward()
    for one in (place.positions, place.weights):
        # At the edge of what an effect allows there may be no slope; a position then stays.
        one.grad = torch.zeros_like(one) if one.grad is None else one.grad.nan_to_num(0.0, 0.0, 0.0)
    before = place.clone()
    optimizer.step()
    with torch.no_grad():
        place.positions.copy_(before.positions.lerp(place.positions, pace[0]).clamp(0.0, 1.0))
        place.weights.copy_(before.weights.lerp(place.weights, pace[1]).clamp(0.0, 1.0))


def fit_console(
    problem: Problem,
    fitting: Fitting,
    generator: torch.Generator,
    families: Sequence[str] = NAMES,
) -> tuple[GraphState, dict[str, float]]:
    """Fit the settings of all processors, one family after another.

    What joins goes on together with what is there already. A family without which the loss is lower is left at weight
    0, from where the gradient may still bring it back later.

    Args:
        problem: the song.
        fitting: how.
        generator: of all that is drawn.
        families: which, in their order.

    Returns:
        The fitted state, and the loss over the whole window after each family: ``sum`` is that of the dry tracks.
    """
    state = GraphState.neutral(problem.console, problem.routing.strips)
    rows = problem.sounding
    least = problem.measure(state)
    losses = {"sum": least}
    for family in families:
        before = state.clone()
        before.kept[:, NAMES.index(family)] |= rows
        joined = state.clone()
        joined.join(family, rows)
        if family == "gain_pan":
            _set_gains(problem, joined)
        found = descend(problem, joined, fitting, fitting.steps, generator, f"fit {family}", joining=family)
        state, least = _better((before, least), found)
        losses[family] = least
    return state, losses


def _better(one: tuple[GraphState, float], other: tuple[GraphState, float]) -> tuple[GraphState, float]:
    return other if other[1] < one[1] else one


def _set_gains(problem: Problem, state: GraphState) -> None:
    strip, names = problem.console.track, problem.console.track.setting_names()
    gains: Tensor = starting_gains(problem, problem.audio)
    column = names.index("gain.gain_db")
    state.positions[: len(gains), column] = strip.parameter("gain", "gain_db").normalize(gains)
