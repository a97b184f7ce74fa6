"""What an interrupted `fxrep index build` leaves, and how to go on from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fxrep.errors import FxrepError


class InterruptedWorkError(FxrepError):
    """A person stopped the work; the message says what became of it."""

    exit_code = 130


@contextmanager
def tell_what_is_left(index: Path, force: bool) -> Iterator[None]:
    """Turn an interrupt into an error that says in what state the index is.

    Args:
        index: the folder that is built.
        force: whether an index that is there is replaced.

    Raises:
        InterruptedWorkError: the block was interrupted.
    """
    before = _identity(index)
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedWorkError(f"interrupted: {_state(index, force, before)}") from None


def _state(index: Path, force: bool, before: tuple[int, int] | None) -> str:
    from fxrep.retrieval.unfinished_mark import MARK_NAME

    now = _identity(index)
    if now is None:
        return f"there is no {index} yet: the same call begins again"
    if force and before is not None:
        if now != before:
            return f"{index} is the new index, complete"
        return (
            f"{index} is still the old index, unchanged; of the new one nothing is kept: the same call begins again, "
            "or embed first with fxrep embed --windows, which goes on where it was interrupted, and build of what it "
            "writes"
        )
    if (index / MARK_NAME).is_file():
        same = "the same call without --force" if force else "the same call"
        return f"{index} holds the songs that were finished: {same} goes on with the others"
    return f"{index} is as it was" if now == before else f"see what it holds with: fxrep index info {index}"


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from another one that takes its place; None where there is none, or an empty one."""
    try:
        found = folder.stat()
        return (found.st_dev, found.st_ino) if any(folder.iterdir()) else None
    except OSError:
        return None
