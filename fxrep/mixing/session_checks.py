"""What the parts of a session must have in common."""

from __future__ import annotations

import math

from fxrep.effects.console import ConsoleSettings
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.mixing.tracks import HIGHEST_GAIN_DB, LOWEST_GAIN_DB


def check_names(what: str, given: list[str], tracks: list[str]) -> None:
    """Refuse names that are not those of the tracks.

    Raises:
        ArgumentError: naming the first that is too many or missing.
    """
    for name in given:
        if name not in tracks:
            raise ArgumentError(f"{what} have a track {name!r} that has no audio; there is {', '.join(tracks)}")
    for name in tracks:
        if name not in given:
            raise ArgumentError(f"{what} have nothing for track {name!r}; they have {', '.join(given)}")


def check_gain(name: str, gain: object) -> None:
    """Refuse what is no gain.

    Raises:
        ArgumentError: naming the track and the range.
    """
    if not is_number(gain) or not math.isfinite(gain):  # type: ignore[arg-type]
        raise ArgumentError(f"{name}: input_gain_db is {gain!r}; expected a number of dB")
    if not LOWEST_GAIN_DB <= gain <= HIGHEST_GAIN_DB:  # type: ignore[operator]
        raise ArgumentError(f"{name}: input_gain_db is {gain:g}; expected {LOWEST_GAIN_DB:g} to {HIGHEST_GAIN_DB:g} dB")


def check_answer(method: object, found: object, tracks: list[str]) -> ConsoleSettings:
    """Return what a method's ``estimate`` gave, if it is settings for the tracks, whoever wrote the method.

    Raises:
        ArgumentError: it is something else, or a setting is out of range.
    """
    if not isinstance(found, ConsoleSettings) or list(found.tracks) != tracks:
        raise ArgumentError(f"{type(method).__name__}.estimate() gave no settings for the tracks {', '.join(tracks)}")
    found.check()
    return found
