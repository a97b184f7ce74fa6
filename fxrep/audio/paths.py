"""What counts as the path of an audio file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fxrep.errors import ArgumentError


def audio_path(path: Any) -> Path:
    """The path that was given.

    Raises:
        ArgumentError: it is neither text nor a path, or no path can be so.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"{path!r} is no path: give that of an audio file, as text or pathlib.Path")
    if "\0" in str(path):
        raise ArgumentError(f"{str(path)!r} is no path: it holds a NUL character")
    return Path(path)
