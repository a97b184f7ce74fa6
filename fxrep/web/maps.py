"""The map of the library as a page draws it: opened when it is there, made when it is not, followed when songs come."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from fxrep.errors import FxrepError
from fxrep.retrieval.database import Level
from fxrep.visualization import LibraryMap
from fxrep.visualization.library_map import CLUSTER, FEATURES
from fxrep.visualization.map_file import map_file
from fxrep.web.job_board import FINISHED, Job, JobBoard
from fxrep.web.library import Library
from fxrep.web.limited_process import ProcessLimits, run_limited
from fxrep.web.map_making import make_map, measure_map

MOST_POINTS = 200_000
_LIMITS = ProcessLimits(memory_bytes=None, cpu_s=24 * 3600, wall_s=24 * 3600, open_files=None)


class Maps:
    """The maps of the songs and of the windows.

    Args:
        library: whose maps they are.
        board: makes them.
    """

    def __init__(self, library: Library, board: JobBoard) -> None:
        self.library, self.board = library, board
        self._open: dict[Level, LibraryMap] = {}
        self._jobs: dict[tuple[str, Level], Job] = {}
        self._stamps: dict[Level, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def exists(self, level: Level = "song") -> bool:
        """Whether there is a map."""
        return map_file(self.library.folder, level).exists()

    def current(self, level: Level) -> LibraryMap | None:
        """The map, with all songs of now on it; None where there is none that can be opened.

        A point does not move when it is opened again.
        """
        with self._lock:
            index = self.library.index()
            known = self._open.get(level)
            if known is not None and known.index is index:
                followed = known.stored.generation == self.library.state().generation
                if followed and self._stamps.get(level) == self._stamp(level):
                    return known
            if not self.exists(level):
                return None
            try:
                found = LibraryMap.open(index, level)
            except FxrepError:
                return None  # damaged, or of another model: it is made again
            self._open[level] = found
            self._stamps[level] = self._stamp(level)
            return found

    def draw(self, level: Level, color: str) -> dict[str, Any] | None:
        """What the page draws; None where the map has to be made first.

        Raises:
            ArgumentError: there is nothing of that name to colour by.
        """
        found = self.current(level)
        if found is None:
            return None
        points, colors = found.points, found.colors(color)
        shown = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_POINTS)).astype(np.int64))
        values = colors.values[shown]
        return {
            "level": level,
            "total": len(found),
            "points": {
                "song_id": points.song_id[shown].tolist(),
                "start_s": np.round(points.start_s[shown], 3).tolist(),
                "x": np.round(points.positions[shown, 0], 4).tolist(),
                "y": np.round(points.positions[shown, 1], 4).tolist(),
                "cluster": points.cluster[shown].tolist(),
                "value": [
                    None if isinstance(value, float) and math.isnan(value) else value for value in values.tolist()
                ],
            },
            "color": {
                "key": color,
                "title": colors.title,
                "kind": colors.kind,
                "groups": list(colors.groups),
                "ticks": [[value, text] for value, text in colors.ticks],
                "light": colors.palette(dark=False),
                "dark": colors.palette(dark=True),
            },
            "colors": _choices(found),
            "unmeasured": len(found.unmeasured()),
            "clusters": [
                {
                    "id": one.id,
                    "name": one.name,
                    "size": one.size,
                    "features": [feature.to_dict() for feature in one.features],
                }
                for one in found.clusters
            ],
        }

    def make(self, level: Level) -> Job:
        """Put the making of a map in line; a job that is under way is the answer to all who ask."""
        return self._start("map", level)

    def measure(self, level: Level) -> Job:
        """Put the measuring of audio features in line, to colour and name by."""
        return self._start("measure", level)

    def place(self, vector: np.ndarray) -> tuple[float, float] | None:
        """Where a recording lies on the map of the songs, if there is one."""
        try:
            found = self.current("song")
            if found is None:
                return None
            x, y = found.place(vector)[0].tolist()
        except FxrepError:
            return None
        return round(x, 4), round(y, 4)

    def _stamp(self, level: Level) -> tuple[int, int]:
        """Another one when the file of the map is another: made again, measured, or followed elsewhere."""
        try:
            status = map_file(self.library.folder, level).stat()
        except OSError:
            return 0, 0
        return status.st_ino, status.st_mtime_ns

    def _start(self, kind: str, level: Level) -> Job:
        with self._lock:
            known = self._jobs.get((kind, level))
            if known is not None and known.state not in FINISHED:
                return known
            arguments = {"index": str(self.library.folder), "level": level}
            work = make_map if kind == "map" else measure_map

            def run(job: Job) -> Any:
                return run_limited(work, arguments, _LIMITS, job.report, "the map")

            job = self._jobs[kind, level] = self.board.submit(kind, [("map", run)])
            return job


def _choices(found: LibraryMap) -> list[dict[str, str]]:
    keys = dict.fromkeys([CLUSTER, *found.keys, *FEATURES])
    return [{"key": key, "title": key.replace("_", " ")} for key in keys]
