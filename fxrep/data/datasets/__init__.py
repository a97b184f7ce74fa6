"""The datasets the library reads, by name: each adapter turns a folder laid out as published into songs."""

from __future__ import annotations

import inspect
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from fxrep.data.datasets import (
    cambridge_mt,
    csv_table,
    dsd100,
    enst_drums,
    folder,
    medleydb,
    moisesdb,
    mtg_jamendo,
    musdb18hq,
    slakh2100,
)
from fxrep.data.multitrack import Song
from fxrep.errors import ArgumentError, DataError

Adapter = Callable[..., Iterator[Song]]

DATASETS: dict[str, Adapter] = {
    "folder": folder.read_folder,
    "csv": csv_table.read_csv,
    "musdb18hq": musdb18hq.read_musdb18hq,
    "moisesdb": moisesdb.read_moisesdb,
    "medleydb": medleydb.read_medleydb,
    "enst-drums": enst_drums.read_enst_drums,
    "cambridge-mt": cambridge_mt.read_cambridge_mt,
    "dsd100": dsd100.read_dsd100,
    "slakh2100": slakh2100.read_slakh2100,
    "mtg-jamendo": mtg_jamendo.read_mtg_jamendo,
}


def list_datasets() -> list[str]:
    """The names that `open_dataset` knows."""
    return list(DATASETS)


def open_dataset(root: str | os.PathLike[str], name: str = "folder", **options: Any) -> list[Song]:
    """List the songs of a dataset on disk. No audio is read.

    Names are unique: where an adapter finds a name again, as in two split folders, the later song gets a number.

    Args:
        root: the dataset's folder.
        name: which dataset it is, a key of `DATASETS`.
        options: what the adapter takes besides the folder, for example ``raw=True`` for MedleyDB.

    Raises:
        ArgumentError: no such dataset, or an option it does not take.
        DataError: the folder is missing or holds no song in this dataset's layout.
    """
    if name not in DATASETS:
        raise ArgumentError(f"no dataset is called {name!r}: choose one of {', '.join(DATASETS)}")
    adapter = DATASETS[name]
    known = list(inspect.signature(adapter).parameters)[1:]
    for option in options:
        if option not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ArgumentError(f"the dataset {name} has no option {option!r}: {takes}")
    folder_path = Path(root)
    if not folder_path.exists():
        what = "a folder of songs" if name == "folder" else f"that of the dataset {name}"
        raise DataError(f"there is no folder {folder_path}: give {what}")
    songs = list(_uniquely_named(song for song in adapter(folder_path, **options) if song.tracks or song.mix))
    if not songs:
        expected = _module_of(adapter).EXPECTED
        raise DataError(f"{folder_path} holds no song of the dataset {name}: expected {expected}")
    return songs


def _uniquely_named(songs: Iterable[Song]) -> Iterator[Song]:
    # Two songs under one name would become one song of a manifest, with one split for both.
    met: Counter[str] = Counter()
    for song in songs:
        met[song.name] += 1
        yield song if met[song.name] == 1 else replace(song, name=f"{song.name} ({met[song.name]})")


def _module_of(adapter: Adapter) -> ModuleType:
    module = inspect.getmodule(adapter)
    assert module is not None
    return module


__all__ = ["DATASETS", "list_datasets", "open_dataset"]
