"""Mixing tracks that arrive in blocks, with the memory of every effect carried on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from fxrep.effects.console.rendering import stereo
from fxrep.effects.console.sends import send_gain
from fxrep.effects.console.settings import ConsoleSettings
from fxrep.effects.streaming import Stream
from fxrep.errors import ArgumentError

if TYPE_CHECKING:
    from fxrep.effects.console.mixing_console import MixingConsole

# Three seconds: long enough that the work per call does not count, short enough for the caches.
BLOCK = 1 << 17


class Junction:
    """The sum of signals whose pieces come at different times and lengths.

    Args:
        inputs: how many signals there are; they are added in the order of their numbers.
    """

    def __init__(self, inputs: int) -> None:
        self.waiting: list[torch.Tensor | None] = [None] * inputs

    def push(self, number: int, piece: torch.Tensor) -> None:
        """Take the next piece (1, 2, T) of one signal."""
        before = self.waiting[number]
        self.waiting[number] = piece if before is None else torch.cat((before, piece), -1)

    def take(self) -> torch.Tensor | None:
        """Return the sum as far as all signals have come, or None."""
        parts = self.take_parts()
        if not parts:
            return None
        total = parts[0].clone()
        for part in parts[1:]:
            total += part
        return total

    def take_parts(self) -> list[torch.Tensor]:
        """Return the signals themselves as far as all have come, or none."""
        pieces = [piece for piece in self.waiting if piece is not None]
        ready = min(piece.shape[-1] for piece in pieces) if len(pieces) == len(self.waiting) else 0
        if not ready:
            return []
        # A copy of what is left, or a view of a few samples would keep whole blocks in memory.
        self.waiting = [piece[..., ready:].clone() if piece.shape[-1] > ready else None for piece in pieces]
        return [piece[..., :ready] for piece in pieces]


class _Shared:
    """A group or a bus: the signals that come together in it, its strip, and its place in the sum."""

    def __init__(self, stream: Stream, inputs: int, place: int) -> None:
        self.stream, self.junction, self.place = stream, Junction(inputs), place


class ConsoleStream:
    """A console with its memory, for one mix.

    `push_track` may be called from several threads, once per track and block; `mix` then takes the blocks of all
    tracks. In the end, `finish_track` for all and `finish`.

    Args:
        console: the console.
        sample_rate: Hz.
        settings: of the mix; at least one track.

    Attributes:
        inputs: what is summed and goes to the master, as (kind, name): the tracks that are in no group, the groups and
            the buses that something goes to.
    """

    def __init__(self, console: MixingConsole, sample_rate: int, settings: ConsoleSettings) -> None:
        if not settings.tracks:
            raise ArgumentError("the settings name no track; at least one is needed")
        self.names = list(settings.tracks)
        self.tracks = [console.track.stream(sample_rate, strip) for strip in settings.tracks.values()]
        self.master = console.master.stream(sample_rate, settings.master)
        self.routes: list[list[tuple[Junction, int, float]]] = [[] for _ in self.names]
        straight = [name for name in self.names if name not in settings.group_of]
        self.shared: list[_Shared] = []
        self.inputs = [("track", name) for name in straight]
        levels = {name: send_levels(settings, name) for name in self.names}
        for group, strip in console.groups.items():
            sources = {name: 1.0 for name in self.names if settings.group_of.get(name) == group}
            self._open(("group", group), strip.stream(sample_rate, settings.groups[group]), sources)
        for bus, strip in console.buses.items():
            sources = {name: levels[name][bus] for name in self.names if levels[name].get(bus)}
            self._open(("bus", bus), strip.stream(sample_rate, settings.buses[bus]), sources)
        self.sum = Junction(len(self.inputs))
        for number, name in enumerate(straight):
            self.routes[self.names.index(name)].insert(0, (self.sum, number, 1.0))

    def _open(self, place: tuple[str, str], stream: Stream, sources: dict[str, float]) -> None:
        """Open a group or a bus if something goes to it."""
        if not sources:
            return
        shared = _Shared(stream, len(sources), len(self.inputs))
        for number, (name, gain) in enumerate(sources.items()):
            self.routes[self.names.index(name)].append((shared.junction, number, gain))
        self.shared.append(shared)
        self.inputs.append(place)

    def push_track(self, number: int, block: torch.Tensor) -> torch.Tensor:
        """Send a block (C, T) of one track through its strip and return what is ready, (1, 2, T')."""
        return stereo(self.tracks[number].push(block.unsqueeze(0)))

    def finish_track(self, number: int) -> torch.Tensor | None:
        """Return what a track's strip still owes, or None."""
        rest = self.tracks[number].finish()
        return None if rest is None else stereo(rest)

    @torch.no_grad()
    def mix(self, processed: Sequence[torch.Tensor | None]) -> torch.Tensor:
        """Mix what `push_track` gave for every track; returns what is ready, (2, T')."""
        self._gather(processed)
        total = self.sum.take()
        return torch.zeros(2, 0) if total is None else stereo(self.master.push(total))[0]

    @torch.no_grad()
    def finish(self, processed: Sequence[torch.Tensor | None]) -> torch.Tensor:
        """Mix what `finish_track` gave for every track, and return all that is still owed, (2, T')."""
        parts = [self.mix(processed)]
        self._finish_shared()
        total = self.sum.take()
        if total is not None:
            parts.append(stereo(self.master.push(total))[0])
        rest = self.master.finish()
        if rest is not None:
            parts.append(stereo(rest)[0])
        return torch.cat(parts, -1)

    @torch.no_grad()
    def split(self, processed: Sequence[torch.Tensor | None]) -> torch.Tensor:
        """Do what `mix` does, but for the sum and the master: returns `inputs`, (inputs, 2, T')."""
        self._gather(processed)
        return self._parts()

    @torch.no_grad()
    def finish_split(self, processed: Sequence[torch.Tensor | None]) -> torch.Tensor:
        """Return all of `inputs` that is still owed, (inputs, 2, T')."""
        parts = [self.split(processed)]
        self._finish_shared()
        return torch.cat([*parts, self._parts()], -1)

    def _gather(self, processed: Sequence[torch.Tensor | None]) -> None:
        """Send what came of the tracks on its ways to the sum."""
        for piece, routes in zip(processed, self.routes, strict=True):
            if piece is None or not piece.shape[-1]:
                continue
            for junction, place, gain in routes:
                junction.push(place, piece if gain == 1.0 else piece * gain)
        for shared in self.shared:
            total = shared.junction.take()
            if total is not None:
                self.sum.push(shared.place, stereo(shared.stream.push(total)))

    def _finish_shared(self) -> None:
        """Send what groups and buses still owe to the sum."""
        for shared in self.shared:
            rest = shared.stream.finish()
            if rest is not None:
                self.sum.push(shared.place, stereo(rest))

    def _parts(self) -> torch.Tensor:
        parts = self.sum.take_parts()
        return torch.cat(parts) if parts else torch.zeros(len(self.inputs), 2, 0)


def send_levels(settings: ConsoleSettings, track: str) -> dict[str, float]:
    """Return the amplitude factor of every send of a track."""
    levels = settings.sends.get(track, {})
    return {bus: float(send_gain(torch.tensor(level, dtype=torch.float64))) for bus, level in levels.items()}
