"""Tracks as people keep them: in a folder, with the finished mix beside them."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from fxrep.audio import AudioInput, find_audio_files
from fxrep.data.instruments import is_mixture_name
from fxrep.mixing.tracks import Tracks, TrackSet

_LOGGER = logging.getLogger(__name__)


def open_tracks(tracks: Tracks, sample_rate: int | None = None, mixes: Sequence[AudioInput] = ()) -> TrackSet:
    """Return tracks as a set; of a folder's files, those that are finished mixes are left out.

    Args:
        tracks: as `TrackSet` takes them, or one that is there already, which is returned as it is.
        sample_rate: Hz of the set; None: what most files have.
        mixes: recordings that are no tracks, such as a reference or a target. One that is named as a track itself
            stays a track; arrays are ignored.

    Raises:
        ArgumentError: there are no tracks, or as `TrackSet` says.
        AudioError: a track cannot be read, or a folder holds no audio.
    """
    if isinstance(tracks, TrackSet):
        return tracks
    paths = [tracks] if isinstance(tracks, (str, os.PathLike)) else tracks
    files = {Path(mix).resolve() for mix in mixes if isinstance(mix, (str, os.PathLike))}
    if files and isinstance(paths, (list, tuple)) and all(isinstance(one, (str, os.PathLike)) for one in paths):
        return TrackSet(_without(paths, files), sample_rate)
    return TrackSet(tracks, sample_rate)


def warn_of_mixes(song: TrackSet) -> None:
    """Tell in the log of tracks that are called as a finished mix is; a track alone may be one."""
    if len(song) > 1:
        for name in filter(is_mixture_name, song.names):
            _LOGGER.warning("track %r has the name of a finished mix: leave it out if it is one", name)


def _without(paths: Sequence[str | os.PathLike[str]], mixes: set[Path]) -> list[Path]:
    """Return files, and those of folders that are no mixes."""
    found: list[Path] = []
    for path in map(Path, paths):
        inside = find_audio_files([path]) if path.is_dir() else []
        tracks = [one for one in inside if one.resolve() not in mixes]
        for one in (one for one in inside if one not in tracks):
            _LOGGER.warning("%s is the reference or target, and no track: name the file itself to mix it too", one)
        found += tracks if inside else [path]
    return found
