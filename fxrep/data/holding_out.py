"""Instruments and sources held out whole: what an encoder is to be measured on without ever having heard it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from fxrep.data.manifest import Manifest, ManifestRow
from fxrep.errors import ArgumentError, DataError

TEST = "test"


def hold_out(manifest: Manifest, instruments: Sequence[str] = (), sources: Sequence[str] = ()) -> Manifest:
    """Return the manifest with instruments or sources for testing only.

    Of an instrument, all stems outside the test split go; finished mixes outside of it go too, since nothing tells what
    plays in them. Test songs stay as they are, so that the instrument is met in songs that are new as well. Of a
    source, all songs move to the test split.

    Args:
        manifest: of any data.
        instruments: their names.
        sources: patterns with ``*`` of ``DATASET/SONG``, such as ``musdb18/*``.

    Raises:
        ArgumentError: nothing is to be held out.
        DataError: something is not there, or nothing would be left to train on or to test on.
    """
    if not instruments and not sources:
        raise ArgumentError("nothing to hold out: name an instrument or a source")
    rows = [_moved(row, sources) for row in manifest.rows]
    for pattern in sources:
        if not any(fnmatchcase(_song(row), pattern) for row in rows):
            raise DataError(f"no song of {manifest.root} is called like {pattern}: the first is {_song_names(rows)}")
    there = {row.instrument for row in rows if row.kind == "stem"}
    for name in instruments:
        if name not in there:
            raise DataError(f"no stem of {name} in {manifest.root}: there are {', '.join(sorted(there))}")
    kept = [row for row in rows if row.split == TEST or not instruments or _heard(row, instruments)]
    stems = [row for row in kept if row.kind == "stem"]
    if not any(row.split == "train" for row in stems):
        raise DataError("nothing is left to train on: hold out less")
    for name in instruments:
        if not any(row.split == TEST and row.instrument == name for row in stems):
            raise DataError(f"no test song has {name}: scan with a larger share for the test split")
    return replace(manifest, rows=kept)


def check_splits(manifest: Manifest) -> None:
    """Refuse a manifest in which something that is tested on is trained on too.

    Raises:
        DataError: a song, or a file of one content, stands in two splits.
    """
    places: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in manifest.rows:
        places["song", _song(row)][row.split] = f"song {_song(row)}"
        if row.content_hash:
            places["content", row.content_hash][row.split] = f"the content of {row.path}"
    for splits in places.values():
        if len(splits) > 1:
            raise DataError(
                f"{next(iter(splits.values()))} is in the splits {' and '.join(sorted(splits))}: what is tested on "
                "must not be trained on; scan again with fxrep data scan, which keeps songs and equal files together"
            )


def _moved(row: ManifestRow, sources: Sequence[str]) -> ManifestRow:
    matches = any(fnmatchcase(_song(row), pattern) for pattern in sources)
    return replace(row, split=TEST) if matches else row


def _heard(row: ManifestRow, instruments: Sequence[str]) -> bool:
    return row.kind == "stem" and row.instrument not in instruments


def _song(row: ManifestRow) -> str:
    return f"{row.dataset}/{row.song}"


def _song_names(rows: Sequence[ManifestRow]) -> str:
    return min((_song(row) for row in rows), default="missing, since the manifest is empty")
