"""Cambridge-MT ("Mixing Secrets" free multitrack library): raw tracks of several hundred songs.

Each song is one archive that unpacks to a folder of numbered tracks, sometimes one level deeper; the mix is an MP3
preview that is fetched separately:

    StreetNoise_Revelations_Full/01_Kick.wav
    StreetNoise_Revelations_Full/02_Snare.wav
    StreetNoiseRevelations_Full_Preview.mp3          (beside the folder, or in it)

The archives' names are `Artist_Title_Full` or, for excerpts, `Artist_Title_Short`. Instruments are read from the
tracks' names. There are no splits. A preview is the mix as its engineer made it and does not start with the tracks
to the sample: compare features, not samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fxrep.data.datasets.tree import audio_files, named_tracks, subfolders
from fxrep.data.multitrack import Song

EXPECTED = "a folder 'Artist_Title_Full' of numbered tracks (01_Kick.wav, …) for each song"

_PREVIEW = re.compile(r"_?(full|short)?_?preview$", re.IGNORECASE)
_VERSION = re.compile(r"_(full|short)$", re.IGNORECASE)


def read_cambridge_mt(root: Path) -> Iterator[Song]:
    """Yield the songs of a folder of unpacked Cambridge-MT archives."""
    previews = {_key(path.stem): path for path in audio_files(root) if _PREVIEW.search(path.stem)}
    for folder in subfolders(root):
        files = _audio_below(folder)
        own = [path for path in files if _PREVIEW.search(path.stem)]
        tracks = [path for path in files if path not in own]
        if not tracks:
            continue
        yield Song(
            name=folder.name,
            tracks=named_tracks(tracks),
            mix=own[0] if own else previews.get(_key(folder.name)),
            artist=_VERSION.sub("", folder.name).partition("_")[0],
            licence="educational use, see the library's terms",
        )


def _audio_below(folder: Path) -> list[Path]:
    return [*audio_files(folder), *(path for child in subfolders(folder) for path in _audio_below(child))]


def _key(name: str) -> str:
    """The same for an archive's name and its preview's, which lacks the underscore between artist and title."""
    bare = _VERSION.sub("", _PREVIEW.sub("", name))
    return re.sub(r"[\W_]", "", bare).lower()
