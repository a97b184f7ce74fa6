"""Folders to write in beside the place where the result belongs, and what a killed run left of them."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing tells a folder in use from one that was left behind, so all of them stay.
    fcntl = None  # type: ignore[assignment]

_NAMES = re.compile(r"\..+\.fxrep[0-9a-f]*\.(partial|replaced)", re.DOTALL)
_MOST_AT_ONCE = 1000


@contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`, which goes when the block ends unless it was moved away.

    It is locked as long as it is in use, and the system lets go of the lock however a process ends. So one that can be
    locked is what a killed run left for this very target: it is emptied and used again.

    Raises:
        OSError: the folder cannot be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder, lock = _claim(target)
    try:
        yield folder
    finally:
        if lock is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _discard(folder, lock)


def is_scratch(name: str) -> bool:
    """Whether a file name is one that `scratch_folder` gives."""
    return _NAMES.fullmatch(name) is not None


def retired_name(folder: Path) -> Path:
    """Where what is replaced waits, for the one that holds the scratch folder."""
    return folder.with_suffix(".replaced")


def _claim(target: Path) -> tuple[Path, int | None]:
    """Make or take over a folder; returns it with its lock, None where there are no locks."""
    names = (_name(target, str(number) if number else "") for number in range(_MOST_AT_ONCE))
    for folder in names if fcntl is not None else ():
        with suppress(FileExistsError):
            folder.mkdir()
        try:
            lock = _lock(folder)
        except OSError:  # a file system without locks
            with suppress(OSError):
                folder.rmdir()
            break
        if lock is not None:
            _discard_others(names)
            return folder, lock
    folder = _name(target, uuid.uuid4().hex[:8])
    folder.mkdir()
    return folder, None


def _discard_others(names: Iterator[Path]) -> None:
    """Remove what is left of several that were killed together."""
    for folder in names:
        if not folder.exists():
            break
        lock = _lock(folder)
        if lock is not None:
            _discard(folder, lock)


def _name(target: Path, mark: str) -> Path:
    return target.parent / f".{target.name}.fxrep{mark}.partial"


def _lock(folder: Path) -> int | None:
    """Lock and empty a folder; None where it is somebody else's, or no folder.

    Raises:
        OSError: it cannot be told.
    """
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between the two calls it may have been moved into place, where it is nobody's scratch any more.
        if _is_at(folder, lock) and os.fstat(lock).st_uid == os.geteuid():
            for left in folder.iterdir():
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
            return lock
    except (BlockingIOError, PermissionError):
        pass
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _is_at(folder: Path, lock: int) -> bool:
    try:
        return os.path.samestat(os.lstat(folder), os.fstat(lock))
    except OSError:
        return False


def _discard(folder: Path, lock: int) -> None:
    if _is_at(folder, lock):
        shutil.rmtree(folder, ignore_errors=True)
    # A process that was forked meanwhile has the lock too: it is not enough to close it here.
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)
