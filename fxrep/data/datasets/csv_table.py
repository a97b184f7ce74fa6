"""A folder described by its own table `manifest.csv`.

Columns `path` (relative to the table) and `kind` are needed; `split`, `source`, `song`, `track`, `instrument`,
`artist` and `licence` are used where they stand; others are left alone. Kinds:

    stem              a track of `song`
    song mix          the mix of `song`, aligned with its stems
    mix               a finished mix without tracks, a song of its own
    isolated          a single sound; a song with one track, only when asked for
    anything else     (impulse responses, …) is not music and is left out

Where there is a column `source`, a song's name is `source/song`: two sources may both have a "menu".
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from fxrep.data.instruments import INSTRUMENTS, guess_instrument
from fxrep.data.multitrack import Song, Track
from fxrep.data.splits import split_name
from fxrep.errors import DataError

EXPECTED = "a manifest.csv with the columns path and kind"

_Row = dict[str, str]


def read_csv(root: Path, *, isolated: bool = False) -> Iterator[Song]:
    """Yield the songs of a folder's `manifest.csv`.

    Args:
        root: the folder that holds `manifest.csv`, or the table itself.
        isolated: also yield single sounds, each as a song with one track.

    Raises:
        DataError: the table is missing or lacks a needed column.
    """
    table = root if root.is_file() else root / "manifest.csv"
    songs: dict[str, list[_Row]] = {}
    single: list[_Row] = []
    for row in _rows(table):
        if row["kind"] in ("stem", "song mix"):
            songs.setdefault(_song_name(row), []).append(row)
        elif row["kind"] == "mix" or (row["kind"] == "isolated" and isolated):
            single.append(row)
    for name, rows in songs.items():
        yield _song(table.parent, name, rows)
    for row in single:
        name = _song_name(row)
        # A finished mix that shares its name with a song need not be of that song's tracks.
        yield _song(table.parent, f"{name} ({row['kind']})" if name in songs else name, [row])


def _rows(table: Path) -> list[_Row]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, restval="")
            missing = {"path", "kind"} - set(reader.fieldnames or [])
            if missing:
                raise DataError(f"{table} has no column {min(missing)}: expected path and kind")
            return [{key: value for key, value in row.items() if key is not None} for row in reader if row["path"]]
    except FileNotFoundError as error:
        raise DataError(f"there is no {table}: expected {EXPECTED}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} cannot be read as a table: {error}") from error


def _song_name(row: _Row) -> str:
    name = row.get("song") or row.get("track") or Path(row["path"]).stem
    return "/".join(part for part in (row.get("source"), name) if part)


def _song(base: Path, name: str, rows: list[_Row]) -> Song:
    first = rows[0]
    mixes = [row for row in rows if row["kind"] in ("mix", "song mix")]
    return Song(
        name=name,
        tracks=tuple(_track(base, row) for row in rows if row not in mixes),
        mix=base / mixes[0]["path"] if mixes else None,
        artist=first.get("artist") or None,
        licence=first.get("licence") or None,
        split=split_name(first.get("split")),
    )


def _track(base: Path, row: _Row) -> Track:
    path = base / row["path"]
    name = row.get("track") or path.stem
    given = (row.get("instrument") or "").strip().lower()
    return Track(name, given if given in INSTRUMENTS else guess_instrument(given or name), path)
