"""What can be chosen for fitting a mixing graph, checked when it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from automix.mixing_graph.families import NAMES
from fxrep.data.instruments import guess_instrument
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError


def check_families(families: Sequence[str] | str) -> tuple[str, ...]:
    """Return names of families in the order of `NAMES`.

    Raises:
        ArgumentError: there is none, or one is unknown.
    """
    given = families.split(",") if isinstance(families, str) else list(families)
    for name in given:
        if name not in NAMES:
            raise ArgumentError(f"there is no family of processors {name!r}: choose from {', '.join(NAMES)}")
    if not given:
        raise ArgumentError(f"families are empty: choose from {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in given)


def check_seconds(name: str, value: Any, least: float) -> float:
    """Return a time.

    Raises:
        ArgumentError: it is no number, or less than the least.
    """
    if not is_number(value) or not least <= value < float("inf"):
        raise ArgumentError(f"{name} is {value!r}: expected seconds, {least:g} or more")
    return float(value)


def check_steps(steps: Any) -> int:
    """Return a number of steps.

    Raises:
        ArgumentError: it is no whole number of 1 or more.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ArgumentError(f"steps is {steps!r}: expected a whole number from 1")
    return steps


def choose_groups(groups: Mapping[str, str] | str | None, names: Sequence[str]) -> dict[str, str]:
    """Return the group of every track that is in one.

    Args:
        groups: by track; None or ``"none"`` for none; ``"auto"``: tracks whose names say the same instrument, two or
            more of them, share a group, unless these are all there are.
        names: of the tracks.

    Raises:
        ArgumentError: a track is unknown, or the groups are something else.
    """
    if groups is None or groups == "none":
        return {}
    if isinstance(groups, Mapping):
        for name, group in groups.items():
            if name not in names:
                raise ArgumentError(f"groups name track {name!r}, which there is not: choose from {', '.join(names)}")
            if not isinstance(group, str) or not group or group == "master":
                raise ArgumentError(f"the group of {name} is {group!r}: expected a name")
        return dict(groups)
    if groups != "auto":
        raise ArgumentError(f"groups are {groups!r}: expected 'auto', 'none', or the group of each track by name")
    guessed = {name: guess_instrument(name) for name in names}
    counts = Counter(guessed.values())
    shared = {name: kind for name, kind in guessed.items() if kind != "other" and 2 <= counts[kind] < len(names)}
    return {name: kind for name, kind in shared.items() if kind not in names}
