"""The settings of a batch of mixes as named tensors: between a controller's positions and the rendering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from fxrep.effects.console.sends import SEND
from fxrep.effects.console.settings import ConsoleSettings
from fxrep.effects.console.strip import OFF, Strip
from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import real_dtype
from fxrep.errors import ArgumentError

if TYPE_CHECKING:
    from fxrep.effects.console.controls import ConsoleControls

Columns = dict[str, dict[str, torch.Tensor]]


@dataclass
class ConsoleTensors:
    """Settings of B mixes of N tracks, in physical units, float64. Names and order are those of the console.

    Attributes:
        tracks: (B, N) by label and setting.
        sends: (B, N) dB by bus; -100 dB is off.
        groups: (B,) by group, label and setting.
        buses: (B,) by bus, label and setting.
        master: (B,) by label and setting.
        members: (B, N) by group, true where the track goes to it. A group not named here is empty; a track goes to
            one group at most.
    """

    tracks: Columns
    sends: dict[str, torch.Tensor]
    groups: dict[str, Columns]
    buses: dict[str, Columns]
    master: Columns
    members: dict[str, torch.Tensor] = field(default_factory=dict)

    def every_tensor(self) -> Iterator[torch.Tensor]:
        """Yield every tensor but the members."""
        yield from self.sends.values()
        for columns in (self.tracks, *self.groups.values(), *self.buses.values(), self.master):
            for table in columns.values():
                yield from table.values()


def check_shapes(settings: ConsoleTensors, batch: int, count: int) -> None:
    """Refuse settings of other mixes than there are.

    Args:
        settings: of a batch.
        batch: B.
        count: N.

    Raises:
        ArgumentError: naming the first setting of the tracks that is not (B, N).
    """
    named = {f"sends.{bus}": column for bus, column in settings.sends.items()}
    named |= {f"{label}.{name}": one for label, table in settings.tracks.items() for name, one in table.items()}
    for name, column in named.items():
        if tuple(column.shape) != (batch, count):
            shape = tuple(column.shape)
            raise ArgumentError(
                f"{name} of the tracks has shape {shape}; expected ({batch}, {count}), mixes and tracks"
            )


def denormalize_console(
    console: ConsoleControls,
    tracks: torch.Tensor,
    buses: torch.Tensor,
    master: torch.Tensor,
    members: Mapping[str, torch.Tensor],
) -> ConsoleTensors:
    """See `ConsoleControls.denormalize`."""
    strip, sends = tracks[..., : console.track.size], tracks[..., console.track.size :]
    real = real_dtype(tracks.device)
    send_columns = zip(console.buses, sends.to(real).unbind(-1), strict=True)
    sizes = [one.size for one in (*console.groups.values(), *console.buses.values())]
    parts = dict(zip((*_keys(console),), buses.split(sizes, -1) if sizes else (), strict=True))
    return ConsoleTensors(
        console.track.denormalize(strip),
        {bus: SEND.denormalize(column) for bus, column in send_columns},
        {name: one.denormalize(parts["group", name]) for name, one in console.groups.items()},
        {name: one.denormalize(parts["bus", name]) for name, one in console.buses.items()},
        console.master.denormalize(master),
        dict(members),
    )


def normalize_console(
    console: ConsoleControls, settings: ConsoleTensors, batch: int, count: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """See `ConsoleControls.normalize`."""
    _refuse_optional(console, settings)
    both, single = torch.Size((batch, count)), torch.Size((batch,))
    off = torch.tensor(SEND.minimum, dtype=torch.float64)
    sends = [SEND.normalize(settings.sends.get(bus, off)).expand(both) for bus in console.buses]
    strip = console.track.normalize(settings.tracks, both)
    shared = [one.normalize(settings.groups.get(name, {}), single) for name, one in console.groups.items()]
    shared += [one.normalize(settings.buses.get(name, {}), single) for name, one in console.buses.items()]
    nothing = torch.zeros((batch, 0), dtype=torch.float64)
    tracks = torch.cat((strip, torch.stack(sends, -1).to(strip)), -1) if sends else strip
    return tracks, torch.cat(shared, -1) if shared else nothing, console.master.normalize(settings.master, single)


def stack_settings(console: ConsoleControls, settings: Sequence[ConsoleSettings], count: int) -> ConsoleTensors:
    """Turn the settings of people, one per mix, into tensors for `count` tracks; missing tracks are neutral."""
    strips = [[*one.tracks.values(), *[{}] * (count - len(one.tracks))] for one in settings]
    names = [[*one.tracks, *[""] * (count - len(one.tracks))] for one in settings]
    sends = {
        bus: torch.tensor(
            [
                [one.sends.get(name, {}).get(bus, SEND.minimum) for name in row]
                for one, row in zip(settings, names, strict=True)
            ],
            dtype=torch.float64,
        )
        for bus in console.buses
    }
    members = {
        group: torch.tensor(
            [[one.group_of.get(name) == group for name in row] for one, row in zip(settings, names, strict=True)]
        )
        for group in console.groups
    }
    return ConsoleTensors(
        _stack(console.track, strips),
        sends,
        {name: _stack(one, [item.groups.get(name, {}) for item in settings]) for name, one in console.groups.items()},
        {name: _stack(one, [item.buses.get(name, {}) for item in settings]) for name, one in console.buses.items()},
        _stack(console.master, [item.master for item in settings]),
        members,
    )


def repeat_settings(settings: ConsoleTensors, batch: int) -> ConsoleTensors:
    """Use the settings of one mix for all of a batch."""

    def repeat(columns: Columns) -> Columns:
        return {
            label: {name: value.expand(batch, *value.shape[1:]) for name, value in table.items()}
            for label, table in columns.items()
        }

    return ConsoleTensors(
        repeat(settings.tracks),
        {bus: value.expand(batch, -1) for bus, value in settings.sends.items()},
        {name: repeat(columns) for name, columns in settings.groups.items()},
        {name: repeat(columns) for name, columns in settings.buses.items()},
        repeat(settings.master),
        {group: value.expand(batch, -1) for group, value in settings.members.items()},
    )


def unstack_settings(
    console: ConsoleControls, settings: ConsoleTensors, names: Sequence[str], item: int
) -> ConsoleSettings:
    """Return one mix of a batch as settings for a person; the tracks are the first ones, under these names."""
    filled = console.default_settings(names)
    for number, name in enumerate(names):
        _read_into(filled.tracks[name], settings.tracks, (item, number))
        for bus, column in settings.sends.items():
            filled.sends[name][bus] = max(float(column[item, number].detach()), SEND.minimum)
        for group, member in settings.members.items():
            if bool(member[item, number]):
                filled.group_of[name] = group
    for group, columns in settings.groups.items():
        _read_into(filled.groups[group], columns, (item,))
    for bus, columns in settings.buses.items():
        _read_into(filled.buses[bus], columns, (item,))
    _read_into(filled.master, settings.master, (item,))
    return filled


def _keys(console: ConsoleControls) -> list[tuple[str, str]]:
    return [*(("group", name) for name in console.groups), *(("bus", name) for name in console.buses)]


def _stack(strip: Strip, items: Sequence) -> Columns:
    """Stack (nested lists of) the values of a strip; what none of them has is left out."""
    flat = [values for item in items for values in (item if isinstance(item, list) else [item])]
    shape = (len(items), -1) if items and isinstance(items[0], list) else (len(items),)
    columns: Columns = {}
    for label in strip.processors:
        known = {**strip.tables[label], **strip.optional[label]}
        columns[label] = {}
        for name, parameter in known.items():
            numbers = [values.get(label, {}).get(name, parameter.default) for values in flat]
            if any(number is not None for number in numbers):
                kept = [OFF if number is None else number for number in numbers]
                columns[label][name] = torch.tensor(kept, dtype=torch.float64).reshape(shape)
    return columns


def _read_into(strip: dict[str, dict[str, float | None]], columns: Columns, index: tuple[int, ...]) -> None:
    for label, column in columns.items():
        for name, values in column.items():
            value = float(values[index].detach())
            strip[label][name] = None if value != value else value


def _is_default(column: torch.Tensor, parameter: Parameter) -> bool:
    default = parameter.default
    return bool((column.isnan() if default is None else column == default).all())


def _refuse_optional(console: ConsoleControls, settings: ConsoleTensors) -> None:
    places = [(console.track, settings.tracks), (console.master, settings.master)]
    places += [(one, settings.groups.get(name, {})) for name, one in console.groups.items()]
    places += [(one, settings.buses.get(name, {})) for name, one in console.buses.items()]
    for strip, columns in places:
        for label, column in columns.items():
            for name in column:
                if name in strip.optional[label] and not _is_default(column[name], strip.optional[label][name]):
                    raise ArgumentError(
                        f"{label}.{name} is set, but this console has no position for it: put it back to "
                        f"{strip.optional[label][name].default}, or build a console whose controller has it"
                    )
                if name not in strip.optional[label] and bool(column[name].isnan().any()):
                    raise ArgumentError(f"{label}.{name} is off for some track: a position needs a number")
