"""What the places of a console are called: its tracks, groups and buses, and the master strip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fxrep.errors import ArgumentError

if TYPE_CHECKING:
    from fxrep.effects.console.settings import ConsoleSettings

MASTER = "master"
"""The master strip, whatever else has that name."""


def find_place(settings: ConsoleSettings, place: str) -> tuple[str, str]:
    """Return the kind of a place (``track``, ``group``, ``bus`` or ``master``) and its name, which a master has not.

    ``master`` is always the master strip, and ``track:NAME``, ``group:NAME`` and ``bus:NAME`` are what they say.

    Raises:
        ArgumentError: there is no such place, or there are several; with what there is.
    """
    if place == MASTER:
        return MASTER, ""
    places = {"track": settings.tracks, "group": settings.groups, "bus": settings.buses}
    kind, colon, name = place.partition(":")
    if colon and kind in places and name in places[kind]:
        return kind, name
    kinds = [kind for kind, names in places.items() if place in names]
    if len(kinds) > 1:
        choices = " or ".join(f"{kind}:{place}" for kind in kinds)
        raise ArgumentError(f"{place!r} is the name of a {' and a '.join(kinds)}: write {choices}")
    if not kinds:
        raise ArgumentError(f"there is no {place!r} on this console; choose from {', '.join(list_places(settings))}")
    return kinds[0], place


def name_place(settings: ConsoleSettings, kind: str, name: str) -> str:
    """Return how `find_place` finds a place: its name, with its kind before it where it could mean another."""
    places = {"track": settings.tracks, "group": settings.groups, "bus": settings.buses}
    if kind == MASTER:
        return MASTER
    first, colon, rest = name.partition(":")
    another = name == MASTER or (colon and first in places and rest in places[first])
    return f"{kind}:{name}" if another or sum(name in names for names in places.values()) > 1 else name


def list_places(settings: ConsoleSettings) -> list[str]:
    """Return what all places are called, the master last."""
    places = {"track": settings.tracks, "group": settings.groups, "bus": settings.buses}
    return [*(name_place(settings, kind, name) for kind, names in places.items() for name in names), MASTER]
