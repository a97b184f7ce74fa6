"""Walking a dataset's folders and reading the small text files that describe it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fxrep.audio.discovery import AUDIO_SUFFIXES
from fxrep.data.instruments import guess_instrument
from fxrep.data.multitrack import Track
from fxrep.errors import DataError

logger = logging.getLogger(__name__)

# Folders that archive programs leave behind; they hold no audio although their files end in .wav.
_JUNK = frozenset({"__MACOSX", "lost+found"})


def audio_files(folder: Path) -> list[Path]:
    """The audio files directly in `folder`, by suffix, sorted, hidden ones skipped; empty when it is not there."""
    return [path for path in _visible(folder) if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()]


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, sorted, hidden ones skipped; empty when it is not there."""
    return [path for path in _visible(folder) if path.is_dir()]


def dataset_folder(root: Path, *marks: str) -> Path:
    """`root`, or the one folder in it that holds the folders `marks`: archives often unpack one level deeper.

    Returns `root` where none does; the adapter then finds no songs and the caller says so.
    """
    for candidate in (root, *subfolders(root)):
        if any((candidate / mark).is_dir() for mark in marks):
            return candidate
    return root


def named_tracks(paths: Iterable[Path], instruments: Mapping[str, str] | None = None) -> tuple[Track, ...]:
    """Tracks named by their files; the instrument comes from `instruments` by file stem, else from the name."""
    given = instruments or {}
    return tuple(Track(path.stem, given.get(path.stem) or guess_instrument(path.stem), path) for path in paths)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        DataError: the file cannot be read or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from error
    return _mapping(content, path)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        DataError: the file cannot be read or holds something else.
    """
    import yaml  # type: ignore[import-untyped]

    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read as YAML: {error}") from error
    return _mapping(content, path)


def _mapping(content: Any, path: Path) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise DataError(f"{path} holds {type(content).__name__}, expected named fields")
    return content


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith(".") and p.name not in _JUNK)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        logger.warning("%s was skipped: %s", folder, error.strerror)
        return []
