"""MTG-Jamendo: 55 701 finished mixes of Jamendo's artists; no tracks.

    [audio/ or raw_30s/audio/ …]00/7400.mp3          (audio-low: 00/7400.low.mp3)

with, where the dataset's repository lies beside the audio or is given as the root:

    data/raw_30s.tsv                                 TRACK_ID ARTIST_ID ALBUM_ID PATH DURATION TAGS
    data/raw.meta.tsv                                TRACK_ID … TRACK_NAME ARTIST_NAME ALBUM_NAME …
    data/splits/split-0/autotagging-{train,validation,test}.tsv
    audio_licenses.txt                               blocks of path, title, licence

A song's name is its Jamendo number. The official split is by artist; songs outside it get theirs by name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from fxrep.data.datasets.tree import audio_files, subfolders
from fxrep.data.multitrack import SPLITS, Song

EXPECTED = "folders 00/ to 99/ of MP3 files named by number"

_DEEPEST = 3


def read_mtg_jamendo(root: Path, *, split_number: int = 0) -> Iterator[Song]:
    """Yield every mix below `root`.

    Args:
        root: the folder with the audio, above or below the repository's files.
        split_number: which of the dataset's five splits to use, 0 to 4.
    """
    home = next((p for p in (root, *root.resolve().parents[:2]) if (p / "data").is_dir()), root)
    splits = _splits(home / "data" / "splits" / f"split-{split_number}")
    artists = _artists(home / "data" / "raw.meta.tsv")
    licences = _licences(home / "audio_licenses.txt")
    for path in _mixes(root, _DEEPEST):
        number = path.name.partition(".")[0]
        yield Song(
            name=number,
            mix=path,
            artist=artists.get(number),
            licence=licences.get(number),
            split=splits.get(number),
        )


def _mixes(folder: Path, depth: int) -> Iterator[Path]:
    if re.fullmatch(r"\d\d", folder.name):
        yield from (path for path in audio_files(folder) if path.name.partition(".")[0].isdigit())
    elif depth:
        for child in subfolders(folder):
            yield from _mixes(child, depth - 1)


def _splits(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for split in SPLITS:
        for row in _table(folder / f"autotagging-{split}.tsv"):
            found[_number(row[0])] = split
    return found


def _artists(path: Path) -> dict[str, str]:
    rows = _table(path)
    header = next(rows, [])
    if "ARTIST_NAME" not in header:
        return {}
    column = header.index("ARTIST_NAME")
    return {_number(row[0]): row[column] for row in rows if len(row) > column}


def _licences(path: Path) -> dict[str, str]:
    """Licence by number: after the path and the title, a block's third line names the licence and its address."""
    found: dict[str, str] = {}
    if path.is_file():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for position, line in enumerate(lines[:-2]):
            if re.fullmatch(r"\d\d/\d+\.mp3", line.strip()):
                terms = lines[position + 2].strip()
                address = re.search(r"https?://\S+", terms)
                found[Path(line.strip()).stem] = address.group().rstrip(".") if address else terms
    return found


def _table(path: Path) -> Iterator[list[str]]:
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as stream:
            # Track names hold unbalanced quotes: nothing in these files is quoted.
            yield from (row for row in csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE) if row)


def _number(track_id: str) -> str:
    """`track_0007400` as the number in the file's name, `7400`."""
    return track_id.removeprefix("track_").lstrip("0")
