"""MUSDB18-HQ: 150 songs as four stems and the mixture.

    {train,test}/Artist - Title/{mixture,vocals,drums,bass,other}.wav

As published (Zenodo 3338373, `musdb18hq.zip`). The dataset has no validation folder: the 14 training songs that its
own tools hold out (`musdb`, configs/mus.yaml) are the validation split here too. The compressed MUSDB18
(`.stem.mp4`) is another dataset and is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fxrep.data.datasets.tree import audio_files, dataset_folder, named_tracks, subfolders
from fxrep.data.multitrack import Song

EXPECTED = "train/ and test/ with a folder 'Artist - Title' of mixture.wav and four stems for each song"
LICENCE = "academic use; per song, see the dataset's tracklist"

VALIDATION_SONGS = frozenset(
    {
        "Actions - One Minute Smile",
        "Clara Berry And Wooldog - Waltz For My Victims",
        "Johnny Lokke - Promises & Lies",
        "Patrick Talbot - A Reason To Leave",
        "Triviul - Angelsaint",
        "Alexander Ross - Goodbye Bolero",
        "Fergessen - Nos Palpitants",
        "Leaf - Summerghost",
        "Skelpolu - Human Mistakes",
        "Young Griffo - Pennies",
        "ANiMAL - Rockshow",
        "James May - On The Line",
        "Meaxic - Take A Step",
        "Traffic Experiment - Sirens",
    }
)


def read_musdb18hq(root: Path) -> Iterator[Song]:
    """Yield the songs of MUSDB18-HQ; instruments are the stems' names."""
    base = dataset_folder(root, "train", "test")
    for split in ("train", "test"):
        for folder in subfolders(base / split):
            files = audio_files(folder)
            stems = [path for path in files if path.stem != "mixture"]
            if files:
                yield Song(
                    name=folder.name,
                    tracks=named_tracks(stems),
                    mix=next((path for path in files if path.stem == "mixture"), None),
                    artist=folder.name.partition(" - ")[0],
                    licence=LICENCE,
                    split="validation" if split == "train" and folder.name in VALIDATION_SONGS else split,
                )
