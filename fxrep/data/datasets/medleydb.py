"""MedleyDB 1 and 2: 196 songs as stems, raw tracks and the mix.

    Audio/<Artist_Title>/<Artist_Title>_MIX.wav                       (version 2 unpacks to V2/ instead of Audio/)
    Audio/<Artist_Title>/<Artist_Title>_STEMS/<Artist_Title>_STEM_01.wav
    Audio/<Artist_Title>/<Artist_Title>_RAW/<Artist_Title>_RAW_01_01.wav
    Audio/<Artist_Title>/<Artist_Title>_METADATA.yaml                 (or Metadata/<Artist_Title>_METADATA.yaml)

The metadata name the instrument of every stem and raw track; in the Zenodo archives they may be missing, then the
instruments are `"other"`. MedleyDB publishes no splits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fxrep.data.datasets.tree import audio_files, read_yaml, subfolders
from fxrep.data.instruments import guess_instrument
from fxrep.data.multitrack import Song, Track
from fxrep.errors import DataError

logger = logging.getLogger(__name__)

EXPECTED = "Audio/ (or V1/, V2/) with a folder 'Artist_Title' holding 'Artist_Title_MIX.wav' for each song"


def read_medleydb(root: Path, *, raw: bool = False) -> Iterator[Song]:
    """Yield the songs of MedleyDB.

    Args:
        root: the dataset's folder, or the folder that holds the songs.
        raw: yield the raw recordings instead of the stems. Stems are processed and sum to the mix (up to its
            mastering); raw tracks are as recorded.
    """
    seen: set[str] = set()
    for folder in (*subfolders(root), *(child for top in subfolders(root) for child in subfolders(top))):
        part = folder / f"{folder.name}_{'RAW' if raw else 'STEMS'}"
        if folder.name not in seen and (part.is_dir() or (folder / f"{folder.name}_MIX.wav").is_file()):
            seen.add(folder.name)
            yield _song(folder, part, root, raw)


def _song(folder: Path, part: Path, root: Path, raw: bool) -> Song:
    about = _metadata(folder, root)
    instruments = _instruments(about, raw)
    mix = folder / f"{folder.name}_MIX.wav"
    return Song(
        name=folder.name,
        tracks=tuple(Track(p.stem, instruments.get(p.name, "other"), p) for p in audio_files(part)),
        mix=mix if mix.is_file() else None,
        artist=about.get("artist") or folder.name.partition("_")[0],
        licence="CC-BY-NC-SA-4.0",
    )


def _metadata(folder: Path, root: Path) -> dict[str, Any]:
    name = f"{folder.name}_METADATA.yaml"
    for place in (folder, folder.parent.parent / "Metadata", root / "Metadata"):
        if (place / name).is_file():
            try:
                return read_yaml(place / name)
            except DataError as error:
                logger.warning("%s: the instruments of %s stay unknown", error, folder.name)
                return {}
    logger.warning("%s: no %s, its instruments stay unknown", folder, name)
    return {}


def _instruments(about: dict[str, Any], raw: bool) -> dict[str, str]:
    """Instrument by file name. Version 2 lists several instruments of one stem; the first names it."""
    stems = [stem for stem in (about.get("stems") or {}).values() if isinstance(stem, dict)]
    entries = [take for stem in stems for take in (stem.get("raw") or {}).values()] if raw else stems
    named: dict[str, str] = {}
    for entry in entries:
        label = entry.get("instrument")
        label = label[0] if isinstance(label, list) and label else label
        named[str(entry.get("filename"))] = guess_instrument(str(label or ""))
    return named
