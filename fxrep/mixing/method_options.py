"""Further arguments of a method by name: which there are, and an error that lists them for one that there is not."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fxrep.errors import ArgumentError


def list_arguments(made: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments of what makes a method."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, one in inspect.signature(made).parameters.items() if one.kind in kinds]


def check_options(method: str, options: Mapping[str, Any], known: Sequence[str], apart: Sequence[str] = ()) -> None:
    """Refuse options that a method does not have, all in one error.

    Args:
        method: its name.
        options: further arguments, by name.
        known: names of what the method takes.
        apart: those of them that are no options, since they are given by arguments of their own.

    Raises:
        ArgumentError: naming them, and what there is.
    """
    free = [name for name in known if name not in apart]
    wrong = [str(name) for name in options if name not in free]
    if not wrong:
        return
    own = [name for name in known if name in apart]
    beside = f"; what is no option has an argument of its own: {', '.join(own)}" if own else ""
    named = f"option {wrong[0]!r}" if len(wrong) == 1 else f"options {', '.join(map(repr, wrong))}"
    there = f"choose from {', '.join(free)}" if free else "it takes none"
    raise ArgumentError(f"{method} has no {named}: {there}{beside}")


def join_options(options: Mapping[str, Any] | None, further: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a method that were given in one mapping and by keyword.

    Raises:
        ArgumentError: one was given both ways, or the mapping is none.
    """
    if options is not None and not isinstance(options, Mapping):
        raise ArgumentError(f"options is {options!r}: expected arguments by name, for example {{'steps': 50}}")
    given = dict(options or {})
    if twice := [name for name in further if name in given]:
        raise ArgumentError(f"{twice[0]} is given among the options and by itself: leave one of them out")
    return {**given, **further}
