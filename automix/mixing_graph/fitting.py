"""Fitting a console to a mix by gradient: families of processors join one after the other, and go on together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from automix.mixing_graph.families import FAMILY_OF, NAMES
from automix.mixing_graph.problem import LOWEST_GAIN_DB, Problem, starting_gains
from automix.mixing_graph.rendering import render_graph
from automix.mixing_graph.starting_points import TRIED, choose_starts
from automix.mixing_graph.state import GraphState
from automix.mixing_graph.watch import Watch
from fxrep.progress import progress_bar

ECHO_PACE = 0.02
"""Share of a step that the time of a delay takes: a whole one is longer than an echo is wide."""


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
    lost: Tensor | None = None,
    watch: Watch | None = None,
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
        lost: (R,) strips in which a delay that joins has no time to begin at, so that any may do.
        watch: keeps the best of them, too.

    Returns:
        The best of the states that were looked at on the whole window, the first among them, and its loss.
    """
    found, least = state.clone(), problem.measure(state) if best is None else best
    watch = watch or Watch()
    watch.offer(found, least)
    place = state.clone()
    optimizer = torch.optim.Adam([place.positions.requires_grad_(), place.weights.requires_grad_()], lr=fitting.rate)
    pace = _paces(problem, place, fitting.settled, joining, lost)
    waited = 0
    bar = progress_bar(range(1, steps + 1), label)
    for step in bar:
        optimizer.param_groups[0]["lr"] = fitting.rate * (0.1 + 0.45 * (1.0 + math.cos(math.pi * step / steps)))
        _step(problem, place, fitting, optimizer, generator, pace)
        if step % fitting.check_every == 0 or step == steps:
            value = problem.measure(place)
            waited = 0 if value < least else waited + 1
            if value < least:
                found, least = place.clone(), value
                watch.offer(found, least)
            bar.set_postfix(loss=f"{least:.3f}")
            if waited >= fitting.patience:
                break
    return found, least


def _paces(
    problem: Problem, place: GraphState, settled: float, joining: str | None, lost: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return which share of a step each position (R, P) and each weight (F,) takes."""
    names = problem.console.track.setting_names()
    families = [FAMILY_OF[name.partition(".")[0]] for name in names]
    shares = [1.0 if family == joining else settled for family in families]
    if problem.mono:
        # The least step aside gives a mono mix a side, which the logarithm makes more of than of all else.
        shares = [0.0 if name.startswith("panner.") else one for name, one in zip(names, shares, strict=True)]
    positions = torch.tensor(shares).to(place.positions).repeat(len(place.positions), 1)
    held = torch.ones(len(positions), dtype=torch.bool) if lost is None else ~lost
    positions[held, names.index("delay.time_ms")] *= ECHO_PACE
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
    watch: Watch | None = None,
) -> tuple[GraphState, dict[str, float]]:
    """Fit the settings of all processors, one family after another.

    What joins goes on together with what is there already. A family without which the loss is lower is left at weight
    0, from where the gradient may still bring it back later.

    Args:
        problem: the song.
        fitting: how.
        generator: of all that is drawn.
        families: which, in their order.
        watch: takes note of the best state and of the losses as they come. What it has reached before is gone on with.

    Returns:
        The fitted state, and the loss over the whole window after each family: ``sum`` is that of the dry tracks.
    """
    rows, watch = problem.sounding, watch or Watch()
    if watch.reached is None:
        state = GraphState.neutral(problem.console, problem.routing.strips)
        least = problem.measure(state)
        watch.fitted("sum", least)
    else:
        state, least = watch.reached.state.clone(), watch.reached.loss
    for number, family in enumerate(families, 1):
        if family in watch.losses:
            continue
        watch.stage = family
        before = state.clone()
        before.kept[:, NAMES.index(family)] |= rows
        joined, started = _join(problem, state, family, rows)
        lost = rows & ~started if family == "delay" else None
        label = f"fit {family} ({number} of {len(families)})"
        found = descend(
            problem, joined, fitting, fitting.steps, generator, label, joining=family, lost=lost, watch=watch
        )
        state, least = _better((before, least), found)
        watch.fitted(family, least)
        watch.reach(state, least, least)
    watch.replace(state, least)
    return state, watch.losses


def _join(problem: Problem, state: GraphState, family: str, rows: Tensor) -> tuple[GraphState, Tensor]:
    """Return a state with one family more, and the strips (R,) in which it begins where it makes the mix better."""
    if family in TRIED:
        return choose_starts(problem, state, family, rows)
    joined = state.clone()
    joined.join(family, rows)
    if family == "gain_pan":
        _set_gains(problem, joined)
    return joined, rows


def _better(one: tuple[GraphState, float], other: tuple[GraphState, float]) -> tuple[GraphState, float]:
    return other if other[1] < one[1] else one


def _set_gains(problem: Problem, state: GraphState) -> None:
    gains, known = starting_gains(problem, problem.audio)
    strip, names = problem.console.track, problem.console.track.setting_names()
    column, parameter = names.index("gain.gain_db"), strip.parameter("gain", "gain_db")
    state.positions[: len(gains), column] = parameter.normalize(gains)
    rendered = problem.rendered()
    least = float(problem.loss(rendered.set(state)))
    # What powers do not find is either under the others or not in the mix at all.
    for row in (~known & problem.sounding[: len(gains)]).nonzero()[:, 0].tolist():
        trial = state.clone()
        trial.positions[row, column] = parameter.normalize(LOWEST_GAIN_DB)
        mix, wet = rendered.changed(trial, [row])
        loss = float(problem.loss(mix))
        if loss < least:
            least = loss
            state.positions[row, column] = trial.positions[row, column]
            rendered.accept(trial.kept, wet)
