"""What tracks are called: from their files, each name once, and as names of files again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fxrep.audio import AudioInput, find_audio_files
from fxrep.errors import ArgumentError

# What some file system or shell takes for something else than a name.
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


def name_tracks(
    tracks: Mapping[str, AudioInput] | Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
) -> dict[str, AudioInput]:
    """Return what is given by name.

    Args:
        tracks: audio by name; or paths, which are called after their files. A folder stands for the audio files in
            it. Files of one name in different folders are told apart by the names of the folders.

    Raises:
        ArgumentError: there are none, a name is empty, or a file is given twice.
        AudioError: a path does not exist, or a folder holds no audio.
    """
    if isinstance(tracks, Mapping):
        named = dict(tracks)
    else:
        listed = [tracks] if isinstance(tracks, (str, os.PathLike)) else _paths(tracks)
        named = _named_after_files(find_audio_files(listed) if listed else [])
        _refuse_twice(listed)
    if not named:
        raise ArgumentError("there are no tracks: give at least one audio file")
    for name in named:
        if not isinstance(name, str) or not name.strip():
            raise ArgumentError(f"a track is called {name!r}: give it a name, for example 'vocals'")
    return named


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """Return a name for a file, without suffix, for every name of a track; no two differ in capitals alone."""
    listed = list(names)
    return dict(zip(listed, list_file_stems(listed), strict=True))


def list_file_stems(names: Iterable[str]) -> list[str]:
    """Return what `file_stems` does, for names that may occur twice."""
    return _numbered([_UNSAFE.sub("_", name).strip(" .") or "track" for name in names])


def _paths(tracks: Sequence[str | os.PathLike[str]]) -> list[str | os.PathLike[str]]:
    if not isinstance(tracks, (list, tuple)):
        raise ArgumentError(f"tracks are {type(tracks).__name__}: give a list of paths, or audio by name")
    for one in tracks:
        if not isinstance(one, (str, os.PathLike)):
            raise ArgumentError(f"a track is {type(one).__name__}: an array needs a name, {{'vocals': array}}")
    return list(tracks)


def _refuse_twice(paths: Sequence[str | os.PathLike[str]]) -> None:
    files = [Path(path).resolve() for path in paths if not Path(path).is_dir()]
    for path in files:
        if files.count(path) > 1:
            raise ArgumentError(f"{path} is given twice: name each track once, or give it two names")


def _named_after_files(paths: Sequence[Path]) -> dict[str, AudioInput]:
    """Name by the stem of the file, with as many of its folders before it as tell it from the others."""
    full = [path.resolve() for path in paths]
    depths = [1] * len(full)
    while True:
        names = ["_".join((*path.parts[-depth:-1], path.stem)) for path, depth in zip(full, depths, strict=True)]
        alike = [number for number, name in enumerate(names) if names.count(name) > 1]
        deeper = [number for number in alike if depths[number] < len(full[number].parts) - 1]
        if not deeper:
            break
        for number in deeper:
            depths[number] += 1
    # Now only the suffix can differ.
    for number in alike:
        names[number] = f"{full[number].stem}_{full[number].suffix.lstrip('.')}"
    return dict(zip(_numbered(names), paths, strict=True))


def _numbered(names: Sequence[str]) -> list[str]:
    """Return the names, with a number behind those that came before."""
    taken: set[str] = set()
    found = []
    for name in names:
        chosen, number = name, 2
        while chosen.casefold() in taken:
            chosen, number = f"{name}_{number}", number + 1
        taken.add(chosen.casefold())
        found.append(chosen)
    return found
