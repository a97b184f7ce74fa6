"""Finding audio files in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fxrep.errors import AudioError

AUDIO_SUFFIXES = (
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".m4a", ".mp4", ".aac",
)  # fmt: skip
"""File suffixes, in lower case, that are taken for audio when a folder is searched."""


def find_audio_files(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the audio files among `paths`: files as they are, folders searched through all levels.

    A file that is named is taken whatever its suffix; in folders only `AUDIO_SUFFIXES` count, and files and
    folders whose names begin with a dot are skipped. Folders keep the order given, files in a folder are sorted,
    and a file reached twice is listed once.

    Raises:
        AudioError: a path does not exist, or nothing was found.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    given = [Path(path) for path in paths]
    found: dict[Path, None] = {}
    for path in given:
        if path.is_dir():
            found.update(dict.fromkeys(_walk(path)))
        elif path.exists():
            found[path] = None
        else:
            raise AudioError(f"{path} does not exist: check the path")
    if not found:
        places = ", ".join(map(str, given)) or "an empty list of paths"
        raise AudioError(f"no audio files in {places}: expected names that end in {', '.join(AUDIO_SUFFIXES)}")
    return list(found)


def _walk(folder: Path) -> Iterator[Path]:
    # Data sets are often assembled from links to folders, so links are followed, each real folder once.
    visited: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(AUDIO_SUFFIXES):
                yield Path(root) / name
