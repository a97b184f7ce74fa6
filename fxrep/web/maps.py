"""The map of the library as a page draws it: opened when it is there, made when it is not, followed when songs come."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np

from fxrep.errors import FxrepError
from fxrep.retrieval.database import Level
from fxrep.visualization import LibraryMap
from fxrep.visualization.array_file import kept_checksum
from fxrep.visualization.feature_file import feature_file
from fxrep.visualization.map_file import map_file
from fxrep.web.job_board import FINISHED, Job, JobBoard
from fxrep.web.library import Library
from fxrep.web.limited_process import run_limited
from fxrep.web.map_answer import map_answer
from fxrep.web.map_making import make_map, measure_map
from fxrep.web.process_limits import ProcessLimits
from fxrep.web.shared_work import SharedWork

_LIMITS = ProcessLimits(memory_bytes=None, cpu_s=24 * 3600, wall_s=24 * 3600, open_files=None)


class _OpenedMap(NamedTuple):
    """A map, and the checksum of the measured features that it was opened with; None where there were none."""

    map: LibraryMap
    features: str | None


class Maps:
    """The maps of the songs and of the windows. Nobody waits for one that is being opened: opening is a job.

    Args:
        library: whose maps they are.
        board: opens and makes them.
    """

    def __init__(self, library: Library, board: JobBoard) -> None:
        self.library, self.board = library, board
        self._open: dict[Level, _OpenedMap] = {}
        self._refused: dict[Level, tuple[int, int]] = {}
        self._jobs: dict[tuple[str, Level], Job] = {}
        self._lock = threading.Lock()
        self._opening: SharedWork[LibraryMap] = SharedWork()

    def exists(self, level: Level = "song") -> bool:
        """Whether there is a map."""
        return map_file(self.library.folder, level).exists()

    def current(self, level: Level) -> LibraryMap | None:
        """The map with all songs of now on it; None where it must be opened or made first, see `prepare`."""
        opened = self._open.get(level)
        if opened is None or opened.map.index is not self.library.index():
            return None
        stored = opened.map.stored
        followed = stored.generation == self.library.state().generation
        kept = stored.checksum == kept_checksum(map_file(self.library.folder, level))
        return opened.map if followed and kept and opened.features == self._features(level) else None

    def draw(self, level: Level, color: str) -> dict[str, Any] | None:
        """What the page draws; None where the map has to be opened or made first.

        Raises:
            ArgumentError: there is nothing of that name to colour by.
        """
        found = self.current(level)
        return None if found is None else map_answer(found, color)

    def prepare(self, level: Level) -> Job:
        """Put in line what is missing to draw a map: it is opened, or made where none can be opened."""
        if self.exists(level) and self._refused.get(level) != self._stamp(level):
            return self._start("open", level)
        return self.make(level)

    def make(self, level: Level) -> Job:
        """Put the making of a map in line; a job that is under way is the answer to all who ask."""
        return self._start("map", level)

    def measure(self, level: Level) -> Job:
        """Put the measuring of audio features in line, to colour and name by."""
        return self._start("measure", level)

    def place(self, vector: np.ndarray) -> tuple[float, float] | None:
        """Where a recording lies on the map of the songs, if there is one.

        The map that is open serves although songs were added since: places do not depend on them.
        """
        try:
            opened = self._open.get("song")
            found = None if opened is None or opened.map.index is not self.library.index() else opened.map
            if found is None and self.exists():
                found = self.open("song")
            if found is None:
                return None
            x, y = found.place(vector)[0].tolist()
        except FxrepError:
            return None
        return round(x, 4), round(y, 4)

    def open(self, level: Level) -> LibraryMap:
        """Open a map and bring it up to date; who asks meanwhile gets the same one.

        Raises:
            ReferenceIndexError: there is none that can be opened.
        """

        def work() -> LibraryMap:
            features = self._features(level)  # looked at before they are read: what comes meanwhile is read next time
            found = LibraryMap.open(self.library.index(), level)
            found.keys  # noqa: B018  # lists all songs, which the first visitor would have to wait for
            self._open[level] = _OpenedMap(found, features)
            return found

        return self._opening.do(level, work)

    def _open_for(self, job: Job, level: Level) -> dict[str, Any]:
        """Open a map for a job; what cannot be opened, as it is damaged, is remembered so that it is made again."""
        job.report("opening the map")
        stamp = self._stamp(level)
        try:
            return {"points": len(self.open(level))}
        except FxrepError:
            self._refused[level] = stamp
            return {"points": 0}

    def _features(self, level: Level) -> str | None:
        """Another one when more points were measured, which leaves the map itself as it was unless names change."""
        return kept_checksum(feature_file(self.library.folder, level))

    def _stamp(self, level: Level) -> tuple[int, int]:
        """Another one when the file of the map is another."""
        try:
            status = map_file(self.library.folder, level).stat()
        except OSError:
            return 0, 0
        return status.st_ino, status.st_mtime_ns

    def _start(self, kind: str, level: Level) -> Job:
        def in_process(job: Job) -> Any:
            job.report("starting")
            arguments = {"index": str(self.library.folder), "level": level}
            return run_limited(make_map if kind == "map" else measure_map, arguments, _LIMITS, job.report, "the map")

        def here(job: Job) -> Any:
            return self._open_for(job, level)

        with self._lock:
            known = self._jobs.get((kind, level))
            if known is not None and known.state not in FINISHED:
                return known
            stage = ("open", here) if kind == "open" else ("map", in_process)
            job = self._jobs[kind, level] = self.board.submit(kind, [stage])
            return job
