"""MoisesDB v0.1: 240 songs as sources grouped in stems; no published mixture and no published split.

    [moisesdb/]moisesdb_v0.1/<song uuid>/data.json
    [moisesdb/]moisesdb_v0.1/<song uuid>/<stemName>/<track id>.wav

`data.json` holds `song`, `artist`, `genre` and `stems`: a list of `{"stemName", "tracks": [{"id", "trackType",
"has_bleed", "extension"}]}`. Folders of another depth (a provider's folder between, or the songs unpacked flat) are
found by their `data.json`. The mixture is the sum of all sources and is not a file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fxrep.data.datasets.tree import audio_files, read_json, subfolders
from fxrep.data.instruments import guess_instrument
from fxrep.data.multitrack import Song, Track
from fxrep.errors import DataError

logger = logging.getLogger(__name__)

EXPECTED = "a folder with a data.json for each song"

# Where a source's type says more than the stem it is grouped in.
_BY_TYPE = {
    "tuba (bass of brass)": "brass",
    "bassoon (bass of woodwind)": "winds",
    "brass (trumpet, trombone, french horn, brass etc)": "brass",
    "synth pad": "pad",
    "synth lead": "lead",
    "fx/processed sound, scratches, gun shots, explosions etc": "fx",
}
_BY_STEM = {
    "vocals": "vocals",
    "bass": "bass",
    "drums": "drums",
    "guitar": "guitar",
    "other_plucked": "guitar",
    "percussion": "percussion",
    "piano": "keys",
    "other_keys": "keys",
    "bowed_strings": "strings",
    "wind": "winds",
    "other": "other",
}
_DEEPEST = 4


def read_moisesdb(root: Path) -> Iterator[Song]:
    """Yield the songs of MoisesDB; a track is one source file."""
    for folder in _song_folders(root, _DEEPEST):
        try:
            about = read_json(folder / "data.json")
        except DataError as error:
            logger.warning("%s: its tracks are named by their folders", error)
            about = {}
        tracks = tuple(_described(folder, about)) or tuple(_found(folder))
        if tracks:
            # The title alone is not unique in the dataset, the folder's uuid is.
            yield Song(name=folder.name, tracks=tracks, artist=about.get("artist"), licence="CC-BY-NC-SA-4.0")


def _song_folders(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / "data.json").is_file():
        yield folder
    elif depth:
        for child in subfolders(folder):
            yield from _song_folders(child, depth - 1)


def _described(folder: Path, about: dict[str, Any]) -> Iterator[Track]:
    for stem in about.get("stems") or []:
        name = str(stem.get("stemName"))
        for source in stem.get("tracks") or []:
            kind = str(source.get("trackType") or "")
            identity = str(source.get("id"))
            yield Track(
                name=f"{name}/{identity}",
                instrument=_BY_TYPE.get(kind) or _BY_STEM.get(name) or guess_instrument(kind or name),
                path=folder / name / f"{identity}.{source.get('extension') or 'wav'}",
            )


def _found(folder: Path) -> Iterator[Track]:
    for stem in subfolders(folder):
        instrument = _BY_STEM.get(stem.name) or guess_instrument(stem.name)
        for path in audio_files(stem):
            yield Track(name=f"{stem.name}/{path.stem}", instrument=instrument, path=path)
