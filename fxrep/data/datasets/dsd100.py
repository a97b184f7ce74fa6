"""DSD100: 100 songs as four stems and the mixture, the SiSEC 2015 set.

    Mixtures/{Dev,Test}/051 - Artist - Title/mixture.wav
    Sources/{Dev,Test}/051 - Artist - Title/{bass,drums,other,vocals}.wav

`Dev` is the training split; a validation split is carved from it by song name when a manifest is made. Nearly all of
these songs are in MUSDB18 as well, split another way: do not train on one and test on the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fxrep.data.datasets.tree import audio_files, dataset_folder, named_tracks, subfolders
from fxrep.data.multitrack import Song

EXPECTED = "Mixtures/ and Sources/, each with Dev/ and Test/ and a folder 'Number - Artist - Title' for each song"


def read_dsd100(root: Path) -> Iterator[Song]:
    """Yield the songs of DSD100; instruments are the stems' names."""
    base = dataset_folder(root, "Mixtures", "Sources")
    for part, split in (("Dev", "train"), ("Test", "test")):
        mixtures = {folder.name: folder for folder in subfolders(base / "Mixtures" / part)}
        sources = {folder.name: folder for folder in subfolders(base / "Sources" / part)}
        for name in sorted(mixtures.keys() | sources.keys()):
            _, _, artist_and_title = name.partition(" - ")
            mixes = audio_files(mixtures[name]) if name in mixtures else []
            yield Song(
                name=name,
                tracks=named_tracks(audio_files(sources[name])) if name in sources else (),
                mix=mixes[0] if mixes else None,
                artist=artist_and_title.partition(" - ")[0] or None,
                licence="academic use; per song, see dsd100.xlsx",
                split=split,
            )
