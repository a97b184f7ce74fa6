"""Any folder of songs: `song/track.wav`, instruments from the file names or from a small `tracks.json`.

Every folder that holds audio files directly is a song, named by its path below the root. A file called `mix`,
`mixture`, `mixdown` or `master` is the song's mix; the others are its tracks. Audio files in the root itself are
finished mixes without tracks, one song each. Where the root has nothing but folders called `train`, `validation`
(`valid`, `val`, `dev`) and `test`, these are the splits.

A song's folder may hold a `tracks.json`; everything in it is optional, and files it does not name keep what their
names say:

    {"artist": "…", "licence": "CC-BY-4.0", "split": "train", "mix": "final.wav",
     "tracks": {"a01.wav": "bass", "a02.wav": {"instrument": "vocals", "name": "lead vocal"}}}
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fxrep.data.datasets.tree import audio_files, read_json, subfolders
from fxrep.data.instruments import guess_instrument, is_mixture_name
from fxrep.data.multitrack import Song, Track
from fxrep.data.splits import split_name
from fxrep.errors import DataError

logger = logging.getLogger(__name__)

EXPECTED = "folders of audio files, one folder a song"


def read_folder(root: Path) -> Iterator[Song]:
    """Yield the songs below `root` (see the module's description of the layout)."""
    tops = subfolders(root)
    split_of = {top: split_name(top.name) for top in tops}
    if tops and not audio_files(root) and all(split_of.values()):
        for top in tops:
            yield from _below(top, top, split_of[top])
    else:
        yield from _below(root, root, None)


def _below(folder: Path, base: Path, split: str | None) -> Iterator[Song]:
    files = audio_files(folder)
    if folder == base:
        yield from (Song(name=path.stem, mix=path, split=split) for path in files)
    elif files:
        yield _song(folder, folder.relative_to(base).as_posix(), files, split)
    for child in subfolders(folder):
        yield from _below(child, base, split)


def _song(folder: Path, name: str, files: list[Path], split: str | None) -> Song:
    about = _description(folder)
    mix = _mix(about, files)
    described = about.get("tracks")
    notes: dict[str, Any] = described if isinstance(described, dict) else {}
    return Song(
        name=name,
        tracks=tuple(_track(path, notes.get(path.name)) for path in files if path != mix),
        mix=mix,
        artist=about.get("artist"),
        licence=about.get("licence"),
        split=split_name(about.get("split")) or split,
    )


def _description(folder: Path) -> dict[str, Any]:
    path = folder / "tracks.json"
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except DataError as error:
        logger.warning("%s: instruments are guessed from the file names", error)
        return {}


def _mix(about: dict[str, Any], files: list[Path]) -> Path | None:
    if "mix" in about:
        return next((path for path in files if path.name == about["mix"]), None)
    return next((path for path in files if is_mixture_name(path.stem)), None)


def _track(path: Path, note: Any) -> Track:
    fields = note if isinstance(note, dict) else {"instrument": note}
    instrument = fields.get("instrument")
    return Track(
        name=str(fields.get("name") or path.stem),
        instrument=guess_instrument(instrument if isinstance(instrument, str) and instrument else path.stem),
        path=path,
    )
