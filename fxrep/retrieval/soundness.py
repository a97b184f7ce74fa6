"""Whether vectors are what was written: checked by CRC-32 once in a process, before they are searched."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np

from fxrep.retrieval.vector_parts import block_crc, rows_crc
from fxrep.retrieval.view import View

logger = logging.getLogger(__name__)


class Soundness:
    """Remembers what was checked; parts only grow, so what was sound once is read once.

    Args:
        folder: the index, for messages.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound: dict[int, tuple[int, int, int, int]] = {}
        self._songs: dict[int, bool] = {}
        self._said: set[int] = set()
        self._lock = threading.Lock()

    def part(self, view: View, number: int) -> bool:
        """Whether all that is committed of a part is what was written."""
        windows, songs = view.parts["window", number], view.parts["song", number]
        if windows is None or songs is None:
            return False
        with self._lock:
            rows, crc, song_rows, song_crc = self._sound.get(number, (0, 0, 0, 0))
        if rows > len(windows):  # an older view of a part that grew
            return True
        crc = rows_crc(windows[rows:], crc)
        song_crc = rows_crc(songs[song_rows:], song_crc)
        expected = view.state.parts[number]
        if (crc, song_crc) != (expected.windows_crc, expected.songs_crc):
            return False
        with self._lock:
            self._sound[number] = (len(windows), crc, len(songs), song_crc)
        return True

    def song(self, view: View, song: int) -> bool:
        """Whether the vectors of the song of a number in the view's places are what was written."""
        key = int(view.places.first_window[song])
        if key not in self._songs:
            vectors = view.vectors(song)
            self._songs[key] = vectors is not None and block_crc(*vectors) == int(view.places.vectors_crc[song])
        return self._songs[key]

    def damaged(self, view: View, songs: np.ndarray) -> np.ndarray:
        """Those of some songs, by number, whose vectors are damaged or lost; whole parts are read."""
        bad: list[int] = []
        for number in np.unique(view.places.part[songs]):
            if not self.part(view, int(number)):
                bad += [int(song) for song in songs[view.places.part[songs] == number] if not self.song(view, song)]
        self.say(view, bad)
        return np.asarray(bad, dtype=np.int64)

    def say(self, view: View, songs: list[int]) -> None:
        """Name damaged songs in the log, each once."""
        fresh = [int(view.places.id[song]) for song in songs if int(view.places.id[song]) not in self._said]
        if fresh:
            self._said.update(fresh)
            logger.warning(
                "%s: the vectors of %d songs are damaged and left out of every search (ids %s%s): embed them again "
                "with: fxrep index repair %s",
                self._folder,
                len(fresh),
                ", ".join(map(str, fresh[:5])),
                ", ..." if len(fresh) > 5 else "",
                self._folder,
            )
