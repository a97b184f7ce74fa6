"""Finding the mixing graph of a finished mix: fit a full console, then take out what is not needed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from automix.least_squares import estimate_gains
from automix.methods import Explained
from automix.mixing_graph.checkpoint import Checkpoint, check_checkpoint, search_key
from automix.mixing_graph.description import MixGraph, read_graph
from automix.mixing_graph.families import NAMES
from automix.mixing_graph.fitting import Fitting, fit_console
from automix.mixing_graph.loss import GRID
from automix.mixing_graph.options import check_families, check_seconds, check_steps, choose_groups
from automix.mixing_graph.problem import Problem
from automix.mixing_graph.pruning import Method, Pruning, prune
from automix.mixing_graph.saving import graph_files
from automix.mixing_graph.state import count_kept, to_settings
from automix.mixing_graph.watch import Watch, log
from fxrep.audio import AudioInput
from fxrep.effects.console import ConsoleSettings, graph_console
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.session import TRACK_LUFS
from fxrep.mixing.tracks import TrackSet

SHORTEST_WINDOW_S = 1.0

TOLERANCE_S = 0.002
"""What a track may be off the mix: compressors that look ahead and filters move it by less."""

LEAST_EXPLAINED = 0.01
"""Share of the energy of the mix under which its tracks may be those of another song."""


@dataclass(frozen=True)
class FoundGraph:
    """What was found for a song.

    Attributes:
        settings: of the console; what was pruned has the weight 0.
        graph: what is in use.
        losses: over the window, after each family of processors joined; ``sum`` is that of the dry tracks.
        loss: of the graph.
        kept: how many processors of each family are left.
        counts: how many processors there were before and after each round of pruning.
        group_of: the group of every track that is in one.
        start_s: where the window begins, in seconds.
        silent: tracks that are silent in the window, about which nothing could be learnt.
        seconds: processor time of fitting, and of pruning, since the search began or went on.
        interrupted: what the search was at when Ctrl-C ended it; empty where it came to its end.
    """

    settings: ConsoleSettings
    graph: MixGraph
    losses: dict[str, float]
    loss: float
    kept: dict[str, int]
    counts: list[int]
    group_of: dict[str, str]
    start_s: float
    silent: list[str]
    seconds: tuple[float, float]
    interrupted: str = ""


class MixingGraph:
    """Finds how a mix was made from its tracks: a console of equalisers, compressors, gates, widths, gains and panners,
    delays and reverberations on every track and group, as few of them as the tolerance allows.

    S. Lee et al., "Searching for music mixing graphs: a pruning approach", DAFx 2024. The tracks are given to the
    console as they lie on file.

    Args:
        target: the finished mix of these tracks: a path, or an array at their rate.
        tolerance: how much the loss may rise for fewer processors; 0 keeps all that do anything.
        pruning: ``hybrid``, ``weight`` or ``brute_force``.
        rounds: of pruning; 0: nothing is taken out.
        steps: of gradient for each family of processors that joins.
        window_s: seconds of the song that are fitted.
        start_s: where they begin; None: where most tracks sound.
        groups: the group of each track by name, ``"auto"`` for groups by instrument as the names say, or None.
        families: of processors to use, of `automix.mixing_graph.NAMES`.
        check: whether tracks that are not in time with the mix are refused.
        checkpoint: a file that the search is kept in after every family and every round. A search of the same tracks
            with the same options goes on there; the file stays until it is deleted. None: it is kept nowhere.

    Raises:
        ArgumentError: a value is out of range.
    """

    def __init__(
        self,
        target: AudioInput,
        tolerance: float = 0.01,
        pruning: Method = "hybrid",
        rounds: int = 4,
        steps: int = 40,
        window_s: float = 10.0,
        start_s: float | None = None,
        groups: Mapping[str, str] | str | None = "auto",
        families: Sequence[str] | str = NAMES,
        check: bool = True,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        self.target, self.groups, self.check = target, groups, check
        self.pruning = Pruning(tolerance, pruning, rounds)
        self.fitting = Fitting(steps=check_steps(steps), fine_steps=max(1, round(steps * 2 / 3)))
        self.window_s = check_seconds("window_s", window_s, SHORTEST_WINDOW_S)
        self.start_s = None if start_s is None else check_seconds("start_s", start_s, 0.0)
        self.families = check_families(families)
        self.checkpoint = check_checkpoint(checkpoint)
        self.console = graph_console()
        self.track_lufs = TRACK_LUFS
        self.found: FoundGraph | None = None
        self.explained: float | None = None

    def estimate(self, tracks: TrackSet, start_s: Sequence[float], seed: int = 0) -> Explained:
        """Find the graph of a song.

        Args:
            tracks: dry, in time with the target.
            start_s: windows of the song; that in which most tracks sound is fitted, unless one was chosen.
            seed: of the segments and of the order of pruning.

        Returns:
            Settings, and in words what each family brought and what is left of it. `found` holds all there is.

        Raises:
            ArgumentError: the window lies behind the end, or the groups do not fit the tracks.
            AudioError: tracks are not aligned with the target, or something cannot be read.
        """
        problem, group_of, start = self.prepare(tracks, start_s)
        watch, seconds, interrupted = Watch(), [0.0, 0.0], ""
        generator = torch.Generator().manual_seed(seed)
        if self.checkpoint is not None:
            key = search_key(problem, self.fitting, self.pruning, self.families, seed)
            checkpoint = Checkpoint(self.checkpoint, key, generator)
            checkpoint.restore(watch)
            watch.save = checkpoint.save
        try:
            self._search(problem, watch, generator, seconds)
        except KeyboardInterrupt:
            if watch.state is None:
                raise
            interrupted = watch.stage
            log.warning(
                "interrupted at %s: the mix is made of the best so far; Ctrl-C again stops that, too", interrupted
            )
            watch.counts.append(int(watch.state.kept.sum()))
        self.found = self._report(tracks, problem, watch, group_of, start, (seconds[0], seconds[1]), interrupted)
        as_on_file = dict.fromkeys(tracks.names, 0.0)
        decisions = decide(self.found, self.pruning)
        if self.explained is not None and self.explained < LEAST_EXPLAINED:
            doubt = (
                f"Gains alone explain {100 * self.explained:.2g} % of the energy of the target: are these its tracks?"
            )
            log.warning(doubt)
            decisions.append(doubt)
        return Explained(self.found.settings, decisions, as_on_file, graph_files(self.found.graph))

    def _search(self, problem: Problem, watch: Watch, generator: torch.Generator, seconds: list[float]) -> None:
        """Fit and prune; what is found is with the watch at any time, and the seconds of both are filled in."""
        began = time.process_time()
        try:
            state, _ = fit_console(problem, self.fitting, generator, self.families, watch)
        finally:
            fitted = time.process_time()
            seconds[0] = fitted - began
        try:
            state, loss, _ = prune(problem, state, self.pruning, self.fitting, generator, watch)
            watch.replace(state, loss)
        finally:
            seconds[1] = time.process_time() - fitted

    def prepare(self, tracks: TrackSet, start_s: Sequence[float]) -> tuple[Problem, dict[str, str], float]:
        """Read what is fitted: the problem, the groups, and where the window begins in seconds."""
        self.explained = None
        if self.check:
            # Refuses tracks that are not aligned.
            fit = estimate_gains(tracks, self.target, tolerance_s=TOLERANCE_S)
            self.explained = 1.0 - 10.0 ** (fit.residual_db / 10.0)
        group_of = choose_groups(self.groups, tracks.names)
        mix, rate = TrackSet({"mix": self.target}, tracks.sample_rate), tracks.sample_rate
        start, length = self._window(tracks, start_s, min(tracks.duration_s, mix.duration_s))
        warm_up = GRID * max(1, round(self.fitting.warm_up_s * rate / GRID))
        first = round(start * rate) - warm_up
        samples = warm_up + round(length * rate)
        self.console = graph_console(sorted(set(group_of.values())))
        audio = torch.stack([_excerpt(tracks, name, first, samples) for name in tracks.names])
        target = _excerpt(mix, "mix", first, samples)
        if not bool(target[:, warm_up:].any()):
            raise AudioError(f"the target is silent from {start:.1f} s on for {length:.1f} s: choose another start_s")
        problem = Problem.create(self.console, audio, target, rate, warm_up, tracks.names, group_of)
        return problem, group_of, start

    def _report(
        self,
        tracks: TrackSet,
        problem: Problem,
        watch: Watch,
        group_of: dict[str, str],
        start: float,
        seconds: tuple[float, float],
        interrupted: str,
    ) -> FoundGraph:
        assert watch.state is not None
        settings = to_settings(watch.state, self.console, tracks.names, group_of)
        return FoundGraph(
            settings,
            read_graph(settings),
            watch.losses,
            watch.loss,
            count_kept(watch.state),
            watch.counts,
            group_of,
            start,
            [name for name, sounds in zip(tracks.names, problem.sounding.tolist(), strict=False) if not sounds],
            seconds,
            interrupted,
        )

    def _window(self, tracks: TrackSet, start_s: Sequence[float], duration_s: float) -> tuple[float, float]:
        """Return where the window begins and how long it is, in seconds."""
        if self.start_s is not None:
            if self.start_s + SHORTEST_WINDOW_S > duration_s:
                raise ArgumentError(
                    f"start_s is {self.start_s:g}: tracks and target end at {duration_s:.1f} s; begin earlier"
                )
            return self.start_s, min(self.window_s, duration_s - self.start_s)
        length = min(self.window_s, duration_s)
        starts = [min(start, duration_s - length) for start in start_s] or [0.0]
        return max(starts, key=lambda start: _sounding(tracks, start, length)), length


def decide(found: FoundGraph, pruning: Pruning) -> list[str]:
    """Say in words how the graph came about."""
    words = []
    last = found.losses["sum"]
    places = max(found.counts[0], 1)
    for family, loss in found.losses.items():
        if family != "sum":
            left = found.kept[family]
            words.append(f"{family}: the loss went from {last:.3f} to {loss:.3f}; {left} of these processors are left.")
        last = loss
    words.append(
        f"{found.counts[-1]} of {places} processors are left at a tolerance of {pruning.tolerance:g} "
        f"({pruning.method}); the loss is {found.loss:.3f}, that of the sum of the tracks {found.losses['sum']:.3f}."
    )
    if found.interrupted:
        words.append(f"The search was ended by Ctrl-C at {found.interrupted}: this is the best that it had found.")
    words += [f"{name} is silent where the mix was looked at, and is left as it is." for name in found.silent]
    return words


def _excerpt(tracks: TrackSet, name: str, first: int, samples: int) -> torch.Tensor:
    """Return (2, samples) from a sample on that may lie before the beginning, with silence around."""
    audio = torch.zeros(2, samples)
    skipped = max(0, -first)
    part = tracks.recordings[name].excerpt(max(0, first), samples - skipped, tracks.sample_rate)
    audio[:, skipped : skipped + part.shape[-1]] = part
    return audio


def _sounding(tracks: TrackSet, start_s: float, length_s: float) -> int:
    audio = tracks.read(start_s, length_s)[0]
    return int((audio.abs().amax((1, 2)) > 1e-5).sum())
