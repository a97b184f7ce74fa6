"""The settings of a mix as a table for people: what is not neutral, by name and unit."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from fxrep.effects.console import ConsoleSettings
from fxrep.effects.console.places import name_place
from fxrep.effects.console.sends import SEND
from fxrep.effects.console.strip import Strip, StripValues
from fxrep.mixing.report_charts import clock
from fxrep.mixing.session import MixSession


def list_settings(session: MixSession) -> str:
    """Return tables of all that is set, one for each section."""
    stages = [(0.0, session.settings), *((one.start_s, one.settings) for one in session.sections)]
    parts = []
    for start, settings in stages:
        rows = "".join(
            f"<tr><td>{escape(place)}</td><td>{escape(path)}</td><td>{escape(value)}</td></tr>"
            for place, path, value in changed_settings(settings)
        )
        if start == 0.0:
            gains = session.input_gain_db.items()
            rows = (
                "".join(
                    f"<tr><td>{escape(name)}</td><td>input_gain_db</td><td>{_value(gain, 'dB')}</td></tr>"
                    for name, gain in gains
                    if gain
                )
                + rows
            )
        head = "<thead><tr><th>place</th><th>setting</th><th>value</th></tr></thead>"
        when = "" if len(stages) == 1 else f" from {clock(start)}"
        table = f'<div class="scroll"><table class="settings">{head}<tbody>{rows}</tbody></table></div>'
        parts.append(f"<details><summary>All settings{when}</summary>{table}</details>")
    return "".join(parts)


def changed_settings(settings: ConsoleSettings) -> Iterator[tuple[str, str, str]]:
    """Yield place and path, as `ConsoleSettings.edit` takes them, and value with unit of all that is not neutral."""
    console = settings.console
    for name, strip in settings.tracks.items():
        place = name_place(settings, "track", name)
        yield from _changed(place, console.track, strip)
        if name in settings.group_of:
            yield place, "group", settings.group_of[name]
        for bus, level in settings.sends[name].items():
            if level > SEND.minimum:
                yield place, f"sends.{bus}", _value(level, "dB")
    for name, strip in settings.groups.items():
        yield from _changed(name_place(settings, "group", name), console.groups[name], strip)
    for name, strip in settings.buses.items():
        yield from _changed(name_place(settings, "bus", name), console.buses[name], strip)
    yield from _changed("master", console.master, settings.master)


def _changed(place: str, strip: Strip, values: StripValues) -> Iterator[tuple[str, str, str]]:
    neutral = strip.defaults()
    for label, table in values.items():
        for name, value in table.items():
            if value != neutral[label][name]:
                yield place, f"{label}.{name}", _value(value, strip.parameter(label, name).unit)


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "off"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f} {unit}".strip().replace("-", "−")
