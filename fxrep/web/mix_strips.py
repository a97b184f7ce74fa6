"""A console as a page draws it: its strips in order, and for every setting its unit, range and scale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fxrep.effects.console import ConsoleSettings, MixingConsole
from fxrep.effects.console.places import MASTER
from fxrep.effects.console.sends import SEND
from fxrep.effects.console.strip import Strip
from fxrep.effects.parameters import Parameter
from fxrep.mixing import MixSession
from fxrep.mixing.setting_groups import processor_group
from fxrep.mixing.tracks import HIGHEST_GAIN_DB, LOWEST_GAIN_DB

_INPUT_GAIN = Parameter("input_gain_db", "dB", LOWEST_GAIN_DB, HIGHEST_GAIN_DB, "db", 0.0)


def console_of(settings: ConsoleSettings) -> MixingConsole:
    """The console that settings belong to."""
    console = settings.console
    assert isinstance(console, MixingConsole)
    return console


def list_strips(settings: ConsoleSettings) -> Iterator[tuple[str, str, str, Strip, dict[str, Any]]]:
    """Yield place, kind, name, strip and values of every strip: tracks, groups, buses, the master."""
    console = console_of(settings)
    for name, values in settings.tracks.items():
        yield f"track:{name}", "track", name, console.track, values
    for name, values in settings.groups.items():
        yield f"group:{name}", "group", name, console.groups[name], values
    for name, values in settings.buses.items():
        yield f"bus:{name}", "bus", name, console.buses[name], values
    yield MASTER, MASTER, MASTER, console.master, settings.master


def describe_strips(session: MixSession) -> list[dict[str, Any]]:
    """Every strip with its effects and the tables of their settings, in the order of the console."""
    settings = session.settings
    described = []
    for place, kind, name, strip, _ in list_strips(settings):
        one: dict[str, Any] = {"place": place, "kind": kind, "name": name, "effects": _effects(strip)}
        if kind == "track":
            one |= {
                "group": settings.group_of.get(name),
                "sends": list(settings.sends.get(name, {})),
                "input_gain_db": session.input_gain_db[name],
            }
        described.append(one)
    return described


def shared_tables() -> dict[str, Any]:
    """The settings of a track that belong to no effect."""
    return {"send": _shown(SEND), "input_gain_db": _shown(_INPUT_GAIN)}


def _effects(strip: Strip) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "effect": processor.name,
            "group": processor_group(processor),
            "settings": [_shown(parameter) for parameter in _parameters(strip, label)],
        }
        for label, processor in strip.processors.items()
    ]


def _parameters(strip: Strip, label: str) -> list[Parameter]:
    return [*strip.tables[label].values(), *strip.optional[label].values()]


def _shown(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "unit": parameter.unit,
        "low": parameter.minimum,
        "high": parameter.maximum,
        "scale": parameter.scale,
        "default": parameter.default,
    }
