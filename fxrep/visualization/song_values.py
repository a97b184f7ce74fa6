"""What a map can be coloured by of what an index knows about its songs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

FOLDER = "folder"


def song_keys(songs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The keys of metadata, tags and facts of songs as `ReferenceIndex.songs` lists them, and the folder."""
    return sorted({key for song in songs for key in (*song["metadata"], *song["facts"])} | {FOLDER})


def song_value(song: Mapping[str, Any], key: str) -> Any:
    """What a song has of a key, metadata before what its file says; None where it has nothing."""
    for known in (song["metadata"], song["facts"]):
        if known.get(key) is not None:
            return known[key]
    return PurePath(song["path"]).parent.name if key == FOLDER else None
