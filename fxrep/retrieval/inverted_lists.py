"""Inverted lists for large libraries: which windows are worth comparing. `list_building` makes and measures them.

The lists hold compressed windows by their ids. What they find is compared again exactly, so every score is exact;
windows that came after them are compared exactly too. They are a help that can be lost: without them search is slower.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.retrieval.exact_search import SCORE_DECIMALS, Matches, search_exactly
from fxrep.retrieval.view import Places, View

EXACT_WINDOWS = 200_000
"""Up to so many windows every search is exact."""
TAIL_SHARE = 0.1
"""The lists are made again when so much of the library is not in them."""
_MOST_WIDENING = 16
"""How much further is looked where a filter leaves few windows."""


@dataclass(frozen=True)
class Reach:
    """How far a search through lists goes.

    Attributes:
        probes: lists that are looked into.
        again: windows that are compared again exactly.
    """

    probes: int
    again: int

    def widened(self, factor: float, lists: int, windows: int) -> Reach:
        """`factor` times as far, as far as there is something."""
        return Reach(min(lists, round(self.probes * factor)), min(windows, round(self.again * factor)))


class InvertedLists:
    """Open lists.

    Args:
        folder: the index.
        described: what `build_lists` returned.

    Raises:
        OSError: the file is missing.
        ValueError: it is damaged.
    """

    def __init__(self, folder: Path, described: Mapping[str, Any]) -> None:
        import faiss

        file = folder / str(described["file"])
        if file.stat().st_size != described["bytes"] or f"{file_crc(file):08x}" != described["crc32"]:
            raise ValueError("its checksum is wrong")
        # Mapped: the lists that are looked into are read, and no others.
        self._index: Any = faiss.read_index(str(file), faiss.IO_FLAG_MMAP)
        self.described = described
        self.next_window = int(described["next_window"])
        self._reach = Reach(int(described["probes"]), int(described["compared_again"]))
        self._owners: WindowOwners | None = None

    def search(
        self, view: View, queries: np.ndarray, k: int, allowed: np.ndarray | None, *, all_windows: bool
    ) -> Matches:
        """As `search_exactly` on windows; songs that the lists do not know are compared whole.

        Args:
            view: what to search.
            queries: ``(Q, D)``.
            k: how many.
            allowed: mask over the view's songs; None for all.
            all_windows: several matches of one song.
        """
        new = view.places.first_window >= self.next_window
        known = ~new
        if allowed is not None:
            new, known = new & allowed, known & allowed
        tail = search_exactly(view, queries, k, "window", np.flatnonzero(new), all_windows=all_windows)
        owners = self._owners
        if owners is None or owners.places is not view.places:
            # Other threads read meanwhile: they use the one that they have.
            owners = self._owners = WindowOwners(view.places)
        left = max(1, int(view.places.windows[known].sum()))
        # Of what is found, a filter lets through the share that it lets through of all.
        reach = Reach(self._reach.probes, max(self._reach.again, 4 * k))
        reach = self._widened(reach, min(_MOST_WIDENING, max(1.0, self._index.ntotal / left)))
        while True:
            found = search_lists(self._index, view, owners, queries, reach, known)
            if not all_windows:
                found = found.best_per_song()
            wider = self._widened(reach, 4)
            if len(found) >= min(k, int(known.sum())) or wider == reach:
                return found.joined(tail, view, k)
            reach = wider

    def _widened(self, reach: Reach, factor: float) -> Reach:
        return reach.widened(factor, self._index.nlist, self._index.ntotal)


class WindowOwners:
    """Which song a window belongs to.

    Args:
        places: of the songs of a view.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self._order = np.argsort(places.first_window)
        self._firsts = places.first_window[self._order]

    def find(self, ids: np.ndarray, allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Songs and numbers of windows of the ids that are still there and may be found."""
        if not len(self._firsts):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        song = self._order[np.maximum(np.searchsorted(self._firsts, ids, side="right") - 1, 0)]
        window = ids - self.places.first_window[song]
        there = (window >= 0) & (window < self.places.windows[song])
        if allowed is not None:
            there &= allowed[song]
        return song[there], window[there]


def search_lists(
    index: Any, view: View, owners: WindowOwners, queries: np.ndarray, reach: Reach, allowed: np.ndarray | None
) -> Matches:
    """All windows that are found and may be, best first, with their exact scores."""
    import faiss

    parameters = faiss.SearchParametersIVF(nprobe=reach.probes)  # type: ignore[call-arg]
    _, ids = index.search(np.ascontiguousarray(queries), reach.again, params=parameters)
    songs, windows = owners.find(np.unique(ids[ids >= 0]), allowed)
    if not len(songs):
        return Matches.none()
    scores = np.round((window_rows(view, songs, windows) @ queries.T).astype(np.float64), SCORE_DECIMALS)
    query = scores.argmax(axis=1)
    found = Matches(songs, windows, scores[np.arange(len(songs)), query], query)
    return found.joined(Matches.none(), view, len(found))


def window_rows(view: View, songs: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Vectors of single windows, float32 ``(N, D)``: numbers of songs in the view, and of windows in their songs."""
    found = np.empty((len(songs), view.state.dim), dtype=np.float32)
    parts = view.places.part[songs]
    places = view.places.row[songs] + windows
    for number in np.unique(parts):
        rows = view.parts["window", int(number)]
        if rows is None:
            raise AssertionError("a part that is not there was searched")
        mine = parts == number
        found[mine] = rows[places[mine]]
    return found


def file_crc(file: Path) -> int:
    """CRC-32 of a file, in constant memory."""
    crc = 0
    with file.open("rb") as stream:
        while piece := stream.read(1 << 22):
            crc = zlib.crc32(piece, crc)
    return crc
