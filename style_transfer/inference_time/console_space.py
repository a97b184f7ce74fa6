"""The settings of a console as positions for a search: what may move, from where, and how far a step goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from encoders.evaluation.settings_space import labels_without_gradient
from fxrep.effects.console import ConsoleSettings, ConsoleTensors, MixingConsole
from fxrep.effects.console.sends import SEND
from fxrep.effects.console.strip import Strip
from fxrep.effects.console.tensors import Columns, repeat_settings
from fxrep.effects.parameters import Parameter
from fxrep.errors import ArgumentError
from fxrep.mixing.setting_groups import check_groups, processor_group
from style_transfer.inference_time.starts import perturb, step_scale, waiting_position


@dataclass(frozen=True)
class Column:
    """One position of a console.

    Attributes:
        place: ``track:NAME``, ``group:NAME``, ``bus:NAME`` or ``master``.
        label: of its effect, or ``sends``.
        parameter: what it sets; for a send, one named after its bus.
        group: of settings, a key of `fxrep.mixing.setting_groups.SETTING_GROUPS`.
    """

    place: str
    label: str
    parameter: Parameter
    group: str


def list_columns(console: MixingConsole, tracks: Sequence[str]) -> list[Column]:
    """Every position of a console for these tracks, in the order of `MixingConsole.join`."""
    columns: list[Column] = []
    for track in tracks:
        columns += _strip_columns(f"track:{track}", console.track)
        columns += [Column(f"track:{track}", "sends", _send(bus), "sends") for bus in console.buses]
    for group, strip in console.groups.items():
        columns += _strip_columns(f"group:{group}", strip)
    for bus, strip in console.buses.items():
        columns += _strip_columns(f"bus:{bus}", strip, "sends")
    return columns + list(_strip_columns("master", console.master, "master"))


def _strip_columns(place: str, strip: Strip, group: str | None = None) -> Iterator[Column]:
    for label, table in strip.tables.items():
        for parameter in table.values():
            yield Column(place, label, parameter, group or processor_group(strip.processors[label]))


def _send(bus: str) -> Parameter:
    return Parameter(bus, "dB", SEND.minimum, SEND.maximum, SEND.scale, SEND.minimum)


class ConsoleSpace:
    """What is searched on a console for one mix.

    Tracks are put in the order of their names, so that a search does not depend on the order they came in.

    Args:
        console: that is set.
        names: of the tracks.
        start: settings to start from, which stay for everything that may not move; None: the console's defaults.
        only: groups of settings that may move; None: all.
        silent: tracks that nothing can be learnt about: theirs may not move.

    Attributes:
        tracks: names of the tracks in the order in which `render` takes them.
        base: (K,) where the settings are that may move; float64.
        anchor: (K,) where they begin: as `base`, but for what would have no slope there.
        scale: (K,) how far each goes in a step, beside the others.
        options: None; a console has no positions that only take some values.
    """

    options: Tensor | None = None

    def __init__(
        self,
        console: MixingConsole,
        names: Sequence[str],
        start: ConsoleSettings | None = None,
        only: str | Sequence[str] | None = None,
        silent: Sequence[str] = (),
    ) -> None:
        self.console, self.names, self.tracks = console, list(names), sorted(names)
        settings = console.default_settings(self.tracks) if start is None else _in_order(start, self.tracks)
        self.template = console.stack([settings], len(self.tracks))
        self.settings = settings
        groups = None if only is None else check_groups(only)
        columns = list_columns(console, self.tracks)
        still = {f"track:{name}" for name in silent}
        moving = [(groups is None or one.group in groups) and one.place not in still for one in columns]
        self.free = torch.tensor(moving, dtype=torch.bool)
        self.columns = [one for one, moves in zip(columns, moving, strict=True) if moves]
        self.everything = console.join(*console.normalize(_without_manual(settings)))[0].clamp(0.0, 1.0)
        self.base = self.everything[self.free]
        # Tracks share a column: it moves if that of any track does.
        self.moving = {(_shared(one.place), one.label, one.parameter.name) for one in self.columns}
        self.scale = torch.tensor([step_scale(one.parameter) for one in self.columns], dtype=torch.float64)
        self.anchor = torch.tensor(
            [
                waiting_position(one.label, one.parameter, float(position))
                for one, position in zip(self.columns, self.base, strict=True)
            ],
            dtype=torch.float64,
        )

    def starts(self, count: int, spread: float, seed: int) -> Tensor:
        """Where that many searches begin (R, K): the first at the anchor, the others at random around it."""
        places = [one.place for one in self.columns]
        rows = [
            self.anchor,
            *(perturb(self.anchor, self.scale, places, spread, f"{seed} {n}") for n in range(1, count)),
        ]
        return torch.stack(rows)

    def tensors(self, positions: Tensor) -> ConsoleTensors:
        """The settings at positions (B, K), differentiable; places where nothing moves are plain numbers."""
        filled = self.everything.to(positions).expand(len(positions), -1)
        filled = filled.masked_scatter(self.free.to(positions.device), positions)
        live = self.console.denormalize(*self.console.split(filled, len(self.tracks)))
        constant = repeat_settings(self.template, len(positions))
        return ConsoleTensors(
            self._merge("track", live.tracks, constant.tracks),
            {bus: (live if ("track", "sends", bus) in self.moving else constant).sends[bus] for bus in live.sends},
            {name: self._merge(f"group:{name}", live.groups[name], constant.groups[name]) for name in live.groups},
            {name: self._merge(f"bus:{name}", live.buses[name], constant.buses[name]) for name in live.buses},
            self._merge("master", live.master, constant.master),
            constant.members,
        )

    def _merge(self, place: str, live: Columns, constant: Columns) -> Columns:
        """Take what moves from the one and what stays, manual settings among it, from the other."""
        return {
            label: {
                name: live[label][name] if (place, label, name) in self.moving else column
                for name, column in table.items()
            }
            for label, table in constant.items()
        }

    def render(self, tracks: Tensor, positions: Tensor, sample_rate: int) -> Tensor:
        """The mixes (B, 2, T) of tracks (B, N, C, T), in the order of `tracks`, under positions (B, K)."""
        return self.console.render(tracks, self.tensors(positions), sample_rate)

    def settle(self, positions: Tensor) -> Tensor:
        """Put what waited at the anchor and stayed there, of positions (K,), back to where it came from."""
        waited = self.anchor != self.base
        sends = torch.tensor([one.label == "sends" for one in self.columns], dtype=torch.bool)
        settled = torch.where(waited & sends & (positions <= self.anchor), self.base, positions)
        # A threshold goes back where nothing else of its effect moved.
        keys = [(one.place, one.label) for one in self.columns]
        used = {key for key, moved in zip(keys, (positions != self.anchor) & ~waited, strict=True) if moved}
        idle = torch.tensor([key not in used for key in keys], dtype=torch.bool)
        return torch.where(waited & ~sends & idle, self.base, settled)

    def without_gradient(self) -> list[str]:
        """Labels of the effects that have no gradient, so that only evolution can search."""
        strips = [self.console.track, *self.console.groups.values(), *self.console.buses.values(), self.console.master]
        return [label for strip in strips for label in labels_without_gradient(strip.processors)]

    def settings_at(self, positions: Tensor) -> ConsoleSettings:
        """The settings at positions (K,), the tracks in the order they came in; what stayed is as it was given."""
        found = self.settings.copy()
        strips = {f"track:{name}": strip for name, strip in found.tracks.items()}
        strips |= {f"group:{name}": strip for name, strip in found.groups.items()}
        strips |= {f"bus:{name}": strip for name, strip in found.buses.items()} | {"master": found.master}
        for column, position, base in zip(self.columns, positions.tolist(), self.base.tolist(), strict=True):
            if position == base:
                continue
            parameter = column.parameter
            value = min(max(parameter.denormalize(position), parameter.minimum), parameter.maximum)
            if column.label == "sends":
                found.sends[column.place.removeprefix("track:")][parameter.name] = value
            else:
                strips[column.place][column.label][parameter.name] = value
        return _in_order(found, self.names)


def _shared(place: str) -> str:
    return "track" if place.startswith("track:") else place


def _in_order(settings: ConsoleSettings, tracks: Sequence[str]) -> ConsoleSettings:
    """The same settings with the tracks in another order."""
    if set(settings.tracks) != set(tracks):
        raise ArgumentError(
            f"start has settings for {', '.join(settings.tracks)}; the tracks are {', '.join(tracks)}: give the same"
        )
    ordered = settings.copy()
    ordered.tracks = {name: ordered.tracks[name] for name in tracks}
    ordered.sends = {name: ordered.sends[name] for name in tracks}
    return ordered


def _without_manual(settings: ConsoleSettings) -> ConsoleSettings:
    """The same settings with all that only a person sets at its default, since that has no position."""
    plain, console = settings.copy(), settings.console
    strips = [(console.track, strip) for strip in plain.tracks.values()]
    strips += [(console.groups[name], strip) for name, strip in plain.groups.items()]
    strips += [(console.buses[name], strip) for name, strip in plain.buses.items()]
    for strip, values in [*strips, (console.master, plain.master)]:
        for label, table in strip.optional.items():
            for name, parameter in table.items():
                values.get(label, {})[name] = parameter.default
    return plain
