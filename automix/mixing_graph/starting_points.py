"""Where compressors, gates and delays begin to be fitted: places that no gradient would find from the defaults."""

from __future__ import annotations

import torch
from torch import Tensor

from automix.mixing_graph.echoes import Echo, find_echoes
from automix.mixing_graph.families import NAMES
from automix.mixing_graph.problem import Problem
from automix.mixing_graph.rendering import Rendered
from automix.mixing_graph.state import GraphState
from fxrep.effects.console import Strip
from fxrep.progress import track_progress

TRIED = ("compressor", "gate", "delay")
"""Families with starting points. A threshold above all that sounds has no gradient, and an echo at a wrong time none
that leads to the right one; equalisers, widths and reverberations have one wherever they stand."""

FULL_WET = 0.9
"""Weight of a compressor or a gate that is tried."""

_FRAME_S = 0.01
_SILENT_DB = -80.0
# What rises above the quiet parts by less has nothing for a gate to close on.
_LEAST_RANGE_DB = 6.0

Trial = dict[str, float]
"""Settings by ``label.setting``; ``weight`` is that of the family."""


def choose_starts(problem: Problem, state: GraphState, family: str, rows: Tensor) -> tuple[GraphState, Tensor]:
    """Let a family join, strip by strip, at the best of a few places, where one makes the mix better.

    Args:
        problem: the song.
        state: without the family; left as it is.
        family: of `TRIED`.
        rows: (R,) strips that take part.

    Returns:
        The state with the family, and (R,) in which strips it begins at such a place. In the others it begins as
        `GraphState.join` lets it, delays at weight 0.
    """
    column = NAMES.index(family)
    found = torch.zeros_like(rows)
    rendered, best = problem.rendered(), state.clone()
    least = float(problem.loss(rendered.set(best)))
    sources, rest = _listen(problem, state, family, rows)
    for row in track_progress(rows.nonzero()[:, 0].tolist(), f"start {family}"):
        chosen: tuple[GraphState, list[Tensor]] | None = None
        for trial in _trials(problem, best, family, row, sources[row], rest):
            mix, wet = rendered.changed(trial, [row])
            loss = float(problem.loss(mix))
            if loss < least:
                least, chosen = loss, (trial, wet)
        if chosen is not None:
            best, found[row] = chosen[0], True
            rendered.accept(best.kept, chosen[1])
    others = rows & ~found
    best.join(family, others)
    if family == "delay":
        best.weights[others, column] = 0.0
    return best, found


def _listen(problem: Problem, state: GraphState, family: str, rows: Tensor) -> tuple[dict[int, Tensor], Tensor]:
    """Return what comes to the family in every strip (2, T), and what the mix has more than the state (2, T)."""
    quiet = state.clone()
    if family == "delay":
        # A reverberation may have been fitted to what is an echo.
        quiet.kept[:, NAMES.index("reverb")] = False
    rendered: Rendered = problem.rendered()
    mix = rendered.set(quiet)
    label = {"gate": "noise_gate"}.get(family, family)
    sources = {row: rendered.source(quiet, row, label) for row in rows.nonzero()[:, 0].tolist()}
    return sources, problem.target - mix


def _trials(
    problem: Problem, state: GraphState, family: str, row: int, source: Tensor, rest: Tensor
) -> list[GraphState]:
    rate = problem.routing.sample_rate
    if family == "delay":
        echoes = find_echoes(source, rest, rate)
        return [
            _place(problem, state, row, family, _echoed(problem, state, row, echo), dry)
            for echo in echoes
            for dry in (False, True)
        ]
    levels = _levels(source[:, problem.warm_up :], rate)
    trials = _compressed(levels) if family == "compressor" else _gated(levels)
    return [_place(problem, state, row, family, trial) for trial in trials]


def _place(problem: Problem, state: GraphState, row: int, family: str, trial: Trial, dry: bool = False) -> GraphState:
    """Return the state with the family in one strip, set so; dry: and without reverberation there."""
    placed, strip, names = state.clone(), problem.console.track, problem.console.track.setting_names()
    placed.kept[row, NAMES.index(family)] = True
    for name, value in trial.items():
        if name == "weight":
            placed.weights[row, NAMES.index(family)] = value
        else:
            placed.positions[row, names.index(name)] = _position(strip, name, value)
    if dry:
        placed.weights[row, NAMES.index("reverb")] = 0.0
    return placed


def _position(strip: Strip, name: str, value: float) -> float:
    parameter = strip.parameter(*name.split("."))
    return float(parameter.normalize(min(max(value, parameter.minimum), parameter.maximum)))


def _levels(audio: Tensor, sample_rate: int) -> Tensor:
    """Return the peaks in dB (K,) of the frames that sound, in rising order."""
    frame = max(1, round(_FRAME_S * sample_rate))
    whole = audio[:, : audio.shape[-1] // frame * frame]
    peaks = whole.abs().amax(0).unflatten(0, (-1, frame)).amax(1)
    levels = 20.0 * peaks.clamp_min(1e-9).log10()
    heard: Tensor = levels[levels > _SILENT_DB].sort().values
    return heard


def _compressed(levels: Tensor) -> list[Trial]:
    """Compressors that begin to work in the middle and near the top of the levels, and keep the energy."""
    if not len(levels):
        return []
    trials: list[Trial] = []
    for share in (0.3, 0.8):
        threshold = _quantile(levels, share)
        reduced = (levels - threshold).clamp_min(0.0) * (1.0 - 1.0 / 4.0)
        energy = 10.0 ** (levels / 10.0)
        makeup = 10.0 * float((energy.sum() / (energy * 10.0 ** (-reduced / 10.0)).sum()).log10())
        for attack in (1.0, 20.0):
            values = {"threshold_db": threshold, "ratio": 4.0, "attack_ms": attack, "makeup_db": makeup}
            trials.append({f"compressor.{name}": value for name, value in values.items()} | {"weight": FULL_WET})
    return trials


def _gated(levels: Tensor) -> list[Trial]:
    """Gates that close on the quieter third and on the quieter two thirds of the time."""
    if not len(levels) or _quantile(levels, 0.95) - _quantile(levels, 0.05) < _LEAST_RANGE_DB:
        return []
    return [
        {"noise_gate.threshold_db": _quantile(levels, share), "noise_gate.range_db": 24.0, "weight": FULL_WET}
        for share in (0.33, 0.67)
    ]


def _quantile(levels: Tensor, share: float) -> float:
    return float(levels[round(share * (len(levels) - 1))])


def _echoed(problem: Problem, state: GraphState, row: int, echo: Echo) -> Trial:
    """Return a delay with this echo, and the gain that leaves the sound itself as loud as it is."""
    factor = 1.0 + echo.level
    trial = {
        "delay.time_ms": 1000.0 * echo.time_s,
        "delay.feedback": echo.feedback,
        "weight": echo.level / factor,
    }
    weight = float(state.weights[row, NAMES.index("gain_pan")])
    if bool(state.kept[row, NAMES.index("gain_pan")]) and weight > 0.0:
        values = state.values(problem.console.track, slice(row, row + 1))
        gain = 10.0 ** (float(values["gain"]["gain_db"]) / 20.0)
        wanted = (factor * (1.0 - weight + weight * gain) - 1.0 + weight) / weight
        trial["gain.gain_db"] = 20.0 * float(torch.tensor(max(wanted, 1e-3)).log10())
    return trial
