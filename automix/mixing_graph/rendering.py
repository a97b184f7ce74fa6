"""Rendering a mixing graph: with gradients on short segments, and again after some processors were taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from automix.mixing_graph.families import STAGED
from automix.mixing_graph.state import GraphState
from fxrep.effects.console import Strip

AT_ONCE = 16
"""Strips that keep what their gradient needs, about 50 MB each in steps of 3 s. Where there are more, each lot is
rendered again for its gradient."""


@dataclass(frozen=True)
class Routing:
    """Where the tracks go.

    Attributes:
        strip: of tracks and groups alike.
        sample_rate: Hz.
        groups: the numbers of the tracks that go to each group; the others go straight to the mix.
        tracks: how many there are.
    """

    strip: Strip
    sample_rate: int
    groups: Sequence[Sequence[int]]
    tracks: int

    @property
    def straight(self) -> list[int]:
        """Numbers of the tracks that are in no group."""
        inside = {number for members in self.groups for number in members}
        return [number for number in range(self.tracks) if number not in inside]

    @property
    def strips(self) -> int:
        """How many strips there are: tracks and groups."""
        return self.tracks + len(self.groups)


def render_graph(routing: Routing, audio: Tensor, state: GraphState) -> tuple[Tensor, Tensor]:
    """Mix with gradients.

    Args:
        routing: of the tracks.
        audio: (N, 2, T) dry.
        state: of N tracks and the groups.

    Returns:
        The mix (2, T), and by how much equalisers, delays and reverberations change the level: the sum over them of the
        magnitude of the logarithm of the ratio of energies, a scalar.
    """
    wet, change = _process(routing, audio, state, slice(0, routing.tracks))
    parts = [wet[number] for number in routing.straight]
    if routing.groups:
        sums = torch.stack([wet[list(members)].sum(0) for members in routing.groups])
        behind, further = _process(routing, sums, state, slice(routing.tracks, None))
        parts, change = [*parts, *behind.unbind()], change + further
    return torch.stack(parts).sum(0), change


def _process(routing: Routing, audio: Tensor, state: GraphState, rows: slice) -> tuple[Tensor, Tensor]:
    if len(audio) <= AT_ONCE:
        return _process_rows(routing, audio, state, rows)
    parts, change = [], audio.new_zeros(())
    for first, piece in enumerate(audio.split(AT_ONCE)):
        begin = rows.start + first * AT_ONCE
        strips = slice(begin, begin + len(piece))
        wet, further = checkpoint(
            _process_rows, routing, piece, state, strips, use_reentrant=False, preserve_rng_state=False
        )
        parts.append(wet)
        change = change + further
    return torch.cat(parts), change


def _process_rows(routing: Routing, audio: Tensor, state: GraphState, rows: slice) -> tuple[Tensor, Tensor]:
    values = state.values(routing.strip, rows)
    change = audio.new_zeros(())
    before = audio
    for label, after in routing.strip.walk(audio, routing.sample_rate, values):
        if label in STAGED and after is not before:
            change = change + (_log_energy(after) - _log_energy(before)).abs().sum()
        before = after
    return before, change


def _log_energy(audio: Tensor) -> Tensor:
    return (audio.square().mean((1, 2)) + 1e-10).log()


class Rendered:
    """A whole window, rendered without gradients, of which only what changed is rendered again.

    Args:
        routing: of the tracks.
        audio: (N, 2, T) dry.
    """

    def __init__(self, routing: Routing, audio: Tensor) -> None:
        self.routing, self.audio = routing, audio
        self.wet: list[Tensor] = []
        self.kept: Tensor | None = None

    @torch.no_grad()
    def set(self, state: GraphState) -> Tensor:
        """Render a state and remember it; returns the mix (2, T)."""
        self.kept = state.kept.clone()
        strips = range(self.routing.tracks)
        # One strip at a time stays in the caches.
        self.wet = [self._strip(self.audio[number], state, number, state.kept) for number in strips]
        self.wet += [self._strip(self._sum(group, self.wet), state, group, state.kept) for group in self._groups()]
        return self._mix(self.wet)

    @torch.no_grad()
    def without(self, state: GraphState, kept: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Render the state that was set with fewer processors.

        Args:
            state: as it was set.
            kept: (R, F), in place of that of the state.

        Returns:
            The mix (2, T), and what `accept` takes.
        """
        assert self.kept is not None
        return self.changed(state, (kept != self.kept).any(1).nonzero()[:, 0].tolist(), kept)

    @torch.no_grad()
    def changed(
        self, state: GraphState, rows: Sequence[int], kept: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Render a state that differs in some strips from the one that was set.

        Args:
            state: with other settings, or others kept, in these strips alone.
            rows: numbers of the strips.
            kept: (R, F), in place of that of the state.

        Returns:
            The mix (2, T), and what `accept` takes.
        """
        heard = state.kept if kept is None else kept
        wet = list(self.wet)
        for number in range(self.routing.tracks):
            if number in rows:
                wet[number] = self._strip(self.audio[number], state, number, heard)
        for group in self._groups():
            members = self.routing.groups[group - self.routing.tracks]
            if group in rows or any(member in rows for member in members):
                wet[group] = self._strip(self._sum(group, wet), state, group, heard)
        return self._mix(wet), wet

    @torch.no_grad()
    def source(self, state: GraphState, number: int, label: str) -> Tensor:
        """Return what comes to an effect (2, T) in a strip of the state that was set."""
        audio = self.audio[number] if number < self.routing.tracks else self._sum(number, self.wet)
        before = audio[None]
        for name, after in self.routing.strip.walk(
            before, self.routing.sample_rate, state.values(self.routing.strip, slice(number, number + 1))
        ):
            if name == label:
                break
            before = after
        return before.expand(-1, 2, -1)[0]

    def accept(self, kept: Tensor, wet: list[Tensor]) -> None:
        """Remember what `without` rendered."""
        self.kept, self.wet = kept.clone(), wet

    def _groups(self) -> range:
        return range(self.routing.tracks, self.routing.strips)

    def _strip(self, audio: Tensor, state: GraphState, number: int, kept: Tensor) -> Tensor:
        values = state.values(self.routing.strip, slice(number, number + 1), kept)
        wet: Tensor = self.routing.strip(audio[None], self.routing.sample_rate, values)[0]
        return wet

    def _sum(self, group: int, wet: Sequence[Tensor]) -> Tensor:
        return torch.stack([wet[number] for number in self.routing.groups[group - self.routing.tracks]]).sum(0)

    def _mix(self, wet: Sequence[Tensor]) -> Tensor:
        return torch.stack([*(wet[number] for number in self.routing.straight), *wet[self.routing.tracks :]]).sum(0)
