"""The settings of one mix for a person: plain names and numbers that can be read, edited and kept."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxrep.effects.console.places import find_place
from fxrep.effects.console.sends import SEND
from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError, DataError
from fxrep.files import atomic_file

if TYPE_CHECKING:
    from fxrep.effects.console.controls import ConsoleControls
    from fxrep.effects.console.strip import Strip

StripSettings = dict[str, dict[str, float | None]]
FORMAT = "fxrep console 1"


@dataclass
class ConsoleSettings:
    """What is set on a console for one mix, in physical units.

    A strip is ``{label: {setting: number}}``; None is off. `ConsoleControls.default_settings` makes one.

    Attributes:
        console: the console that these belong to: it knows every name, unit and range.
        tracks: the strip of every track, in the order of the tracks.
        sends: level in dB by track and bus; -100 is off.
        group_of: the group of a track; tracks that are not named go straight to the master.
        groups: the strip of every group.
        buses: the strip of every send bus.
        master: the strip of the sum.
    """

    console: ConsoleControls = field(repr=False, compare=False)
    tracks: dict[str, StripSettings]
    sends: dict[str, dict[str, float]]
    group_of: dict[str, str]
    groups: dict[str, StripSettings]
    buses: dict[str, StripSettings]
    master: StripSettings

    def copy(self) -> ConsoleSettings:
        """Return settings that share nothing with these but the console."""
        parts = (self.tracks, self.sends, self.group_of, self.groups, self.buses, self.master)
        return ConsoleSettings(self.console, *(_copied(part) for part in parts))

    def edit(self, place: str, path: str, value: float | str | None) -> ConsoleSettings:
        """Return a copy in which one thing is changed; these settings stay as they are.

        Args:
            place: a track, a group, a bus or ``master``, which always is the master strip. A name that means two of
                them is made clear by ``track:``, ``group:`` or ``bus:`` before it.
            path: ``label.setting``, for example ``compressor.threshold_db``; on a track also ``sends.BUS`` (dB,
                minus infinity is off) and ``group`` (a name, or None).
            value: a number in the unit of the setting; None switches off what can be off.

        Raises:
            ArgumentError: no such place or setting, with what there is; or a value out of range, with the range.
        """
        edited = self.copy()
        edited._change(place, path, value)
        return edited

    def _change(self, place: str, path: str, value: Any) -> None:
        """Do what `edit` does, here and not in a copy."""
        kind, name = find_place(self, place)
        first, _, second = path.partition(".")
        if kind == "track" and path == "group":
            self._assign(name, value)
        elif kind == "track" and first == "sends":
            if second not in self.console.buses:
                raise ArgumentError(f"{place}: there is no bus {second!r}; choose from {_listed(self.console.buses)}")
            level = SEND.minimum if value == -math.inf else value
            self.sends[name][second] = _number(f"{place}: {path}", SEND, level)
        else:
            strips = {"track": self.tracks, "group": self.groups, "bus": self.buses, "master": {"": self.master}}
            parameter = _parameter(place, self.console.strip(kind, name), first, second)
            off = value is None and parameter.default is None
            number = None if off else _number(f"{place}: {path}", parameter, value)
            strips[kind][name].setdefault(first, {})[second] = number

    def _assign(self, track: str, group: Any) -> None:
        if group is None:
            self.group_of.pop(track, None)
        elif isinstance(group, str) and group in self.console.groups:
            self.group_of[track] = group
        else:
            choices = f"{_listed(self.console.groups)} or None"
            raise ArgumentError(f"{track}: there is no group {group!r}; choose from {choices}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, ready for JSON."""
        parts, copied = ("tracks", "sends", "group_of", "groups", "buses", "master"), self.copy()
        return {"format": FORMAT, "console": self.console.name, **{part: getattr(copied, part) for part in parts}}

    @staticmethod
    def from_dict(data: Mapping[str, Any], console: ConsoleControls) -> ConsoleSettings:
        """Read what `to_dict` gave; whatever is left out is at its default.

        Raises:
            ArgumentError: a name is unknown or a value out of range.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ArgumentError(f"these are not settings of a console: expected format {FORMAT!r}")
        if data.get("console") != console.name:
            raise ArgumentError(f"these settings belong to console {data.get('console')!r}, not {console.name!r}")
        known = ("format", "console", "tracks", "sends", "group_of", "groups", "buses", "master")
        if unknown := [str(key) for key in data if key not in known]:
            raise ArgumentError(f"unknown part {', '.join(unknown)}; choose from {', '.join(known)}")
        parts = {part: _mapping(part, data.get(part, {})) for part in known[2:]}
        settings = console.default_settings(list(parts["tracks"]))
        for kind, part in (("track", "tracks"), ("group", "groups"), ("bus", "buses")):
            for name, strip in parts[part].items():
                settings._fill(kind, name, strip)
        settings._fill("master", "", parts["master"])
        for name, levels in parts["sends"].items():
            for bus, level in _mapping(f"sends of {name}", levels).items():
                settings._change(f"track:{name}", f"sends.{bus}", level)
        for name, group in parts["group_of"].items():
            settings._change(f"track:{name}", "group", group)
        return settings

    def _fill(self, kind: str, name: str, strip: Any) -> None:
        place = "master" if kind == "master" else f"{kind}:{name}"
        find_place(self, place)
        target = {"track": self.tracks, "group": self.groups, "bus": self.buses, "master": {"": self.master}}[kind][
            name
        ]
        for label, values in _mapping(place, strip).items():
            if label not in self.console.strip(kind, name).processors:
                _parameter(place, self.console.strip(kind, name), label, "")  # says what there is
            for setting, value in _mapping(f"{place}: {label}", values).items():
                parameter = _parameter(place, self.console.strip(kind, name), label, setting)
                off = value is None and parameter.default is None
                target[label][setting] = None if off else _number(f"{place}: {label}.{setting}", parameter, value)

    def check(self) -> None:
        """Refuse settings that were changed by hand into something that the console does not have.

        Raises:
            ArgumentError: the first fault.
        """
        self.from_dict(self.to_dict(), self.console)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as JSON; the file appears complete or not at all.

        Raises:
            ArgumentError: the settings do not fit their console.
            OutputError: the file cannot be written.
        """
        self.check()
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        with atomic_file(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    @staticmethod
    def load(path: str | os.PathLike[str], console: ConsoleControls | None = None) -> ConsoleSettings:
        """Read what `save` wrote.

        Args:
            path: of the file.
            console: the console they belong to; None makes the named one of `CONSOLES`.

        Raises:
            DataError: the file is missing, is not JSON, or holds something that the console does not have.
        """
        from fxrep.effects.console.consoles import create_console

        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise DataError(f"{path} cannot be read as settings of a console: {reason}") from error
        try:
            mapping = _mapping("the file", data)
            groups = list(_mapping("groups", mapping.get("groups", {})))
            return ConsoleSettings.from_dict(mapping, console or create_console(str(mapping.get("console")), groups))
        except ArgumentError as error:
            raise DataError(f"{path}: {error}") from error


def list_settings(settings: Any) -> list[ConsoleSettings]:
    """Return the settings of one mix, or of several, as a list.

    Raises:
        ArgumentError: they are something else.
    """
    several = list(settings) if isinstance(settings, (list, tuple)) else [settings]
    for one in several:
        if not isinstance(one, ConsoleSettings):
            raise ArgumentError(f"settings are {one!r:.60}; expected ConsoleSettings, one or a list")
    return several


def _copied(settings: Any) -> Any:
    """Return dictionaries of their own, all the way down; what is in them cannot change."""
    return {name: _copied(one) for name, one in settings.items()} if isinstance(settings, dict) else settings


def _parameter(place: str, strip: Strip, label: str, setting: str) -> Parameter:
    try:
        return strip.parameter(label, setting)
    except ArgumentError as error:
        raise ArgumentError(f"{place}: {error}") from None


def _number(what: str, parameter: Parameter, value: Any) -> float:
    unit = f" {parameter.unit}" if parameter.unit else ""
    if not is_number(value):
        raise ArgumentError(f"{what} is {value!r}; expected a number{' of' + unit if unit else ''}")
    if not parameter.minimum <= value <= parameter.maximum:
        raise ArgumentError(f"{what} is {value:g}; expected {parameter.minimum:g} to {parameter.maximum:g}{unit}")
    return float(value)


def _mapping(what: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ArgumentError(f"{what} is {type(value).__name__}; expected names with values")
    return dict(value)


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "none: this console has none"
