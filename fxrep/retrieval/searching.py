"""Searching one generation of an index: which songs, exactly or through the inverted lists, and nothing damaged."""

from __future__ import annotations

import logging
from collections import OrderedDict
from pathlib import Path

import numpy as np

from fxrep.retrieval.database import IndexDatabase, Level
from fxrep.retrieval.exact_search import Matches, search_exactly
from fxrep.retrieval.filters import Filter
from fxrep.retrieval.inverted_lists import EXACT_WINDOWS, InvertedLists
from fxrep.retrieval.soundness import Soundness
from fxrep.retrieval.view import View

logger = logging.getLogger(__name__)
_KEPT_FILTERS = 8


class Searcher:
    """What a reader keeps between searches: open lists, the answers of filters, what was found sound.

    Args:
        folder: the index.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.soundness = Soundness(folder)
        self._lists: tuple[str, InvertedLists | None] = ("", None)
        self._filters: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()

    def allowed(self, view: View, database: IndexDatabase, base: Path, wanted: Filter) -> np.ndarray | None:
        """Mask over the view's songs; None where all may be found. Call inside the view's snapshot."""
        if wanted.is_empty:
            return None
        key = (view.state.generation, repr(wanted))
        if key not in self._filters:
            self._filters[key] = np.isin(view.places.id, wanted.song_ids(database, base))
            while len(self._filters) > _KEPT_FILTERS:
                self._filters.popitem(last=False)
        return self._filters[key]

    def search(
        self,
        view: View,
        queries: np.ndarray,
        k: int,
        level: Level,
        allowed: np.ndarray | None,
        *,
        all_windows: bool = False,
        exact: bool | None = None,
    ) -> Matches:
        """The best matches among the songs that are allowed and sound.

        Args:
            view: what to search.
            queries: ``(Q, D)``.
            k: how many.
            level: what to compare with.
            allowed: mask over the view's songs; None for all.
            all_windows: several matches of one song.
            exact: compare everything; None decides by size.
        """
        songs = np.arange(len(view.places)) if allowed is None else np.flatnonzero(allowed)
        large = int(view.places.windows[songs].sum()) > EXACT_WINDOWS
        if level == "window" and exact is not True and (large or exact is False):
            lists = self._open_lists(view)
            if lists is not None:
                return self._through_lists(view, lists, queries, k, allowed, all_windows)
        sound = np.setdiff1d(songs, self.soundness.damaged(view, songs))
        return search_exactly(view, queries, k, level, sound, all_windows=all_windows)

    def _through_lists(
        self,
        view: View,
        lists: InvertedLists,
        queries: np.ndarray,
        k: int,
        allowed: np.ndarray | None,
        all_windows: bool,
    ) -> Matches:
        """Songs are checked as they are met: reading everything is what the lists are there to avoid."""
        mask = np.ones(len(view.places), dtype=bool) if allowed is None else allowed.copy()
        tail = np.flatnonzero(mask & (view.places.first_window >= lists.next_window))
        mask[self.soundness.damaged(view, tail)] = False
        for number in view.state.parts:
            if view.parts["window", number] is None or view.parts["song", number] is None:
                mask[view.places.part == number] = False
        while True:
            found = lists.search(view, queries, k, mask, all_windows=all_windows)
            bad = [int(song) for song in np.unique(found.song) if not self.soundness.song(view, int(song))]
            if not bad:
                return found
            self.soundness.say(view, bad)
            mask[bad] = False

    def _open_lists(self, view: View) -> InvertedLists | None:
        described = view.state.inverted
        name = str(described["file"]) if described else ""
        if name != self._lists[0]:
            lists = None
            if described:
                try:
                    lists = InvertedLists(self._folder, described)
                except (OSError, ValueError, RuntimeError) as error:
                    logger.warning(
                        "%s is not used (%s): searching exactly, which is slower; make it again with: "
                        "fxrep index compact %s",
                        self._folder / name,
                        error,
                        self._folder,
                    )
            self._lists = (name, lists)
        return self._lists[1]
