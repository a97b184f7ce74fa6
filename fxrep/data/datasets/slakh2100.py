"""Slakh2100 (redux): 1 710 synthesised songs as stems and their sum.

    {train,validation,test,omitted}/Track00001/{mix.flac, metadata.yaml, all_src.mid}
    {train,validation,test,omitted}/Track00001/stems/S00.flac
    {train,validation,test,omitted}/Track00001/MIDI/S00.mid

`omitted` holds songs whose MIDI also stands in another split and is not read. Instruments come from `metadata.yaml`
(`inst_class`, `is_drum`, `midi_program_name`). The original release without split folders is read too; its splits
are by number (1 to 1500 train, to 1875 validation, to 2100 test) and share songs, which the redux repaired.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fxrep.data.datasets.tree import audio_files, dataset_folder, read_yaml, subfolders
from fxrep.data.instruments import guess_instrument
from fxrep.data.multitrack import Song, Track
from fxrep.errors import DataError

logger = logging.getLogger(__name__)

EXPECTED = (
    "train/, validation/ and test/ with a folder 'Track00001' of mix.flac, metadata.yaml and stems/ for each song"
)

_BY_CLASS = {
    "drums": "drums",
    "bass": "bass",
    "guitar": "guitar",
    "piano": "keys",
    "organ": "keys",
    "chromatic percussion": "percussion",
    "percussive": "percussion",
    "strings": "strings",
    "strings (continued)": "strings",
    "brass": "brass",
    "reed": "winds",
    "pipe": "winds",
    "synth lead": "lead",
    "synth pad": "pad",
    "synth effects": "fx",
    "sound effects": "fx",
}
_LAST_OF_SPLIT = ((1500, "train"), (1875, "validation"), (2100, "test"))


def read_slakh2100(root: Path) -> Iterator[Song]:
    """Yield the songs of Slakh2100."""
    base = dataset_folder(root, "train", "validation", "test")
    for split in ("train", "validation", "test"):
        for folder in subfolders(base / split):
            yield from _song(folder, split)
    for folder in subfolders(base):
        number = folder.name.removeprefix("Track")
        if number.isdigit():
            yield from _song(folder, next((s for last, s in _LAST_OF_SPLIT if int(number) <= last), "test"))


def _song(folder: Path, split: str) -> Iterator[Song]:
    try:
        stems = read_yaml(folder / "metadata.yaml").get("stems") or {}
    except DataError as error:
        logger.warning("%s: the instruments of %s stay unknown", error, folder.name)
        stems = {}
    files = audio_files(folder / "stems")
    mixes = [path for path in audio_files(folder) if path.stem == "mix"]
    if files or mixes:
        yield Song(
            name=folder.name,
            tracks=tuple(Track(path.stem, _instrument(stems.get(path.stem) or {}), path) for path in files),
            mix=mixes[0] if mixes else None,
            licence="CC-BY-4.0",
            split=split,
        )


def _instrument(about: dict[str, Any]) -> str:
    if about.get("is_drum"):
        return "drums"
    known = _BY_CLASS.get(str(about.get("inst_class") or "").lower())
    return known or guess_instrument(str(about.get("midi_program_name") or ""))
