"""ENST-Drums (public part): drum kits by three drummers, one file for each microphone, a dry and a wet mix.

    drummer_{1,2,3}/audio/{kick,snare,hi-hat,tom_1,tom_2,...,overhead_L,overhead_R}/036_phrase_disco_simple_slow_sticks.wav
    drummer_{1,2,3}/audio/{dry_mix,wet_mix,accompaniment}/036_phrase_disco_simple_slow_sticks.wav
    drummer_{1,2,3}/annotation/*.txt

A song is one take: the file of the same name in every microphone's folder. The accompaniment of the minus-one takes
was played to the drummer and is no part of the mixes. The dataset has no splits.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fxrep.data.datasets.tree import audio_files, dataset_folder, subfolders
from fxrep.data.multitrack import Song, Track

EXPECTED = "drummer_1/, drummer_2/, drummer_3/, each with audio/ and a folder for each microphone"

_NOT_TRACKS = frozenset({"dry_mix", "wet_mix", "accompaniment"})


def read_enst_drums(root: Path, *, dry_mix: bool = False, hits: bool = True) -> Iterator[Song]:
    """Yield the takes of ENST-Drums; every track's instrument is `"drums"`.

    Args:
        root: the dataset's folder.
        dry_mix: take the dry mix (levels and pans only) for the song's mix instead of the wet one (equaliser,
            compression and reverberation).
        hits: keep the takes of single hits.
    """
    base = dataset_folder(root, "drummer_1", "drummer_2", "drummer_3")
    for drummer in subfolders(base):
        audio = drummer / "audio"
        microphones = [folder for folder in subfolders(audio) if folder.name not in _NOT_TRACKS]
        takes: dict[str, list[Track]] = {}
        for microphone in microphones:
            for path in audio_files(microphone):
                takes.setdefault(path.name, []).append(Track(microphone.name, "drums", path))
        for take in sorted(takes):
            mix = audio / ("dry_mix" if dry_mix else "wet_mix") / take
            if hits or "_hits_" not in take:
                yield Song(
                    name=f"{drummer.name}/{Path(take).stem}",
                    tracks=tuple(takes[take]),
                    mix=mix if mix.is_file() else None,
                    artist=drummer.name,
                    licence="research use, see the dataset's terms",
                )
