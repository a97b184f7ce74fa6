"""Writing files so that a crash, a full disk or a second reader never sees half of one."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fxrep.errors import FxrepError, OutputError


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside `path`; move it into place when the block ends without an error.

    Missing parent folders are made. The temporary name keeps the suffix, so writers that choose a
    format by suffix still work. On an error the temporary file is removed and an existing `path` stays as it was.

    Raises:
        OutputError: the folder cannot be made or written, or the disk is full.
    """
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"{target} is a folder: give the name of a file to write")
    temporary = _temporary_beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise output_error(target, error) from error
    except FxrepError as error:
        raise _about(target, temporary, error) from error.__cause__
    finally:
        with suppress(OSError):  # the parent may be no folder at all
            temporary.unlink()


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it takes the place of `path` when the block ends well.

    Raises:
        OutputError: the folder cannot be made or written, or the disk is full.
    """
    target = Path(path)
    temporary = _temporary_beside(target)
    retired = _temporary_beside(target)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if target.exists():
            target.replace(retired)
        temporary.replace(target)
    except OSError as error:
        raise output_error(target, error) from error
    except FxrepError as error:
        raise _about(target, temporary, error) from error.__cause__
    finally:
        # Whatever came between the two moves, an interrupt too: what was there before comes back.
        if retired.exists() and not target.exists():
            with suppress(OSError):
                retired.replace(target)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


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


def _about(target: Path, temporary: Path, error: FxrepError) -> FxrepError:
    """The error in terms of the name that was given: nobody can look at the temporary one any more."""
    text = str(error)
    return type(error)(text.replace(str(temporary), str(target))) if str(temporary) in text else error


def _temporary_beside(target: Path) -> Path:
    return target.parent / f".{target.stem}.{uuid.uuid4().hex[:8]}.partial{target.suffix}"
