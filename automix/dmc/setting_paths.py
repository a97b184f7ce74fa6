"""Every setting of a console that a network may set: its name, its place among the columns, its parameter and start."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fxrep.effects.console import ConsoleTensors, MixingConsole
from fxrep.effects.console.sends import SEND
from fxrep.effects.console.starting_point import starting_positions
from fxrep.effects.console.strip import Strip
from fxrep.effects.parameters import Parameter


@dataclass(frozen=True)
class SettingPath:
    """Where one setting stands.

    Attributes:
        keys: one after the other: the part of `ConsoleTensors`, then the keys inside it.
        parameter: its unit, range and default.
        start: where an untrained network puts it, from 0 to 1 over the range of the console.
    """

    keys: tuple[str, ...]
    parameter: Parameter
    start: float

    @property
    def of_tracks(self) -> bool:
        """Whether each track has one."""
        return self.keys[0] in ("tracks", "sends")

    @property
    def default(self) -> float:
        """The neutral value, in the unit of the parameter."""
        default = self.parameter.default
        return (self.parameter.minimum + self.parameter.maximum) / 2.0 if default is None else float(default)

    def get(self, settings: ConsoleTensors) -> Tensor:
        """Return its column, (B, N) or (B,)."""
        table = getattr(settings, self.keys[0])
        for key in self.keys[1:]:
            table = table[key]
        column: Tensor = table
        return column

    def put(self, settings: ConsoleTensors, column: Tensor) -> None:
        """Set its column; tables on the way are made."""
        table = getattr(settings, self.keys[0])
        for key in self.keys[1:-1]:
            table = table.setdefault(key, {})
        table[self.keys[-1]] = column


def setting_paths(console: MixingConsole) -> dict[str, SettingPath]:
    """Return all settings by name: as `MixingConsole.setting_names` has them, with ``master.`` before the master's."""
    starts = starting_positions(console)
    keys = _strip_keys(console.track, ("tracks",))
    keys += [(("sends", bus), SEND) for bus in console.buses]
    shared = [(("groups", name), strip) for name, strip in console.groups.items()]
    shared += [(("buses", name), strip) for name, strip in console.buses.items()]
    of_buses = [one for place, strip in shared for one in _strip_keys(strip, place)]
    parts = [keys, of_buses, _strip_keys(console.master, ("master",))]
    found: dict[str, SettingPath] = {}
    for prefix, names, settings, positions in zip(
        ("", "", "master."), console.setting_names(), parts, starts.values(), strict=True
    ):
        for name, (path, parameter), start in zip(names, settings, positions.tolist(), strict=True):
            found[prefix + name] = SettingPath(path, parameter, start)
    return found


def neutral_settings(
    paths: dict[str, SettingPath], batch: int, count: int, device: torch.device | str = "cpu"
) -> ConsoleTensors:
    """Return settings of `batch` mixes of `count` tracks with everything exactly at its default."""
    settings = ConsoleTensors({}, {}, {}, {}, {})
    for path in paths.values():
        shape = (batch, count) if path.of_tracks else (batch,)
        path.put(settings, torch.full(shape, path.default, dtype=torch.float64, device=device))
    return settings


def _strip_keys(strip: Strip, place: tuple[str, ...]) -> list[tuple[tuple[str, ...], Parameter]]:
    return [((*place, label, name), one) for label, table in strip.tables.items() for name, one in table.items()]
