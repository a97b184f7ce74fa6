"""What counts as the path of an audio file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fxrep.errors import ArgumentError, AudioError


def audio_path(path: Any) -> Path:
    """The path that was given.

    Raises:
        ArgumentError: it is neither text nor a path, or no path can be so.
        AudioError: the name is not UTF-8.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"{path!r} is no path: give that of an audio file, as text or pathlib.Path")
    if "\0" in str(path):
        raise ArgumentError(f"{str(path)!r} is no path: it holds a NUL character")
    check_name(path)
    return Path(path)


def check_name(path: str | os.PathLike[str]) -> None:
    """Refuse a name that no table, database or decoder could hold: file systems take any bytes, text is UTF-8.

    Raises:
        AudioError: the name, or that of a folder above, is not UTF-8; in its text bytes that are none are escaped.
    """
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="backslashreplace").decode()
        raise AudioError(f"{shown} has a name that is not UTF-8: rename it") from None
