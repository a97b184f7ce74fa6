"""Writing files so that a crash, a full disk or a second reader never sees half of one."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fxrep.errors import FxrepError, OccupiedError, OutputError
from fxrep.scratch_folder import retired_name, scratch_folder


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary place for `path`; move what was written there into place when the block ends without an error.

    Missing parent folders are made. The temporary name is the same, in a folder beside `path`, so writers that choose a
    format by suffix still work. On an error it is removed and an existing `path` stays as it was. What a killed
    process left of an earlier try is removed too.

    Raises:
        OccupiedError: there is a folder of that name.
        OutputError: the folder cannot be made or written, or the disk is full.
    """
    target = Path(path)
    if target.is_dir():
        raise OccupiedError(f"{target} is a folder: give the name of a file to write")
    with _errors_about(target), scratch_folder(target) as folder:
        temporary = folder / target.name
        with _named(target, temporary):
            yield temporary
        temporary.replace(target)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it takes the place of `path` when the block ends well.

    What a killed process left of an earlier try is removed; what it had moved away to replace it, and had not yet
    replaced, is put back.

    Raises:
        OutputError: the folder cannot be made or written, or the disk is full.
    """
    target = Path(path)
    with _errors_about(target), scratch_folder(target) as temporary:
        retired = retired_name(temporary)
        _bring_back(retired, target)
        try:
            with _named(target, temporary):
                yield temporary
            if target.exists():
                target.replace(retired)
            temporary.replace(target)
        finally:
            # Whatever came between the two moves, an interrupt too: what was there before comes back.
            _bring_back(retired, target)


@contextmanager
def _errors_about(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise output_error(target, error) from error


@contextmanager
def _named(target: Path, temporary: Path) -> Iterator[None]:
    """Let errors speak of the name that was given: nobody can look at the temporary one any more."""
    try:
        yield
    except FxrepError as error:
        text = str(error)
        if str(temporary) not in text:
            raise
        raise type(error)(text.replace(str(temporary), str(target))) from error.__cause__


def _bring_back(retired: Path, target: Path) -> None:
    """Put back what is not replaced, and remove what is."""
    if retired.exists() and not target.exists():
        with suppress(OSError):
            retired.replace(target)
    shutil.rmtree(retired, ignore_errors=True)


def share_like_others(path: str | os.PathLike[str]) -> None:
    """Give a file the rights that new files have here: the library that writes weights keeps its files private."""
    mask = os.umask(0)
    os.umask(mask)
    Path(path).chmod(0o666 & ~mask)


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes in hexadecimal, in constant memory, as `sha256sum` prints it.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """The `OutputError` that tells a user why `path` could not be written."""
    reason = error.strerror or str(error)
    return OutputError(f"cannot write {path}: {reason}: choose a folder that can be written and has space")
