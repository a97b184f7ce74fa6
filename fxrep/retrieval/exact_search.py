"""Exact search: every vector that may be found is compared, a piece of a file at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fxrep.retrieval.database import Level
from fxrep.retrieval.view import View

SCORE_DECIMALS = 6
_MOST_ROWS = 1 << 14
_MOST_SCORES = 1 << 22
"""Held in memory at once; bounds what a long query takes."""


@dataclass(frozen=True)
class Matches:
    """What was found, best first; equal scores in the order of songs and windows.

    Attributes:
        song: number in the view's places, int64 ``(K,)``.
        window: number of the window in its song; 0 where whole songs were compared.
        score: inner product with the best vector of the query, float64, rounded to what float32 knows.
        query: which vector of the query that was.
    """

    song: np.ndarray
    window: np.ndarray
    score: np.ndarray
    query: np.ndarray

    def __len__(self) -> int:
        return len(self.song)

    @staticmethod
    def none() -> Matches:
        """Nothing found."""
        return Matches(*(np.empty(0, dtype) for dtype in (np.int64, np.int64, np.float64, np.int64)))

    def joined(self, other: Matches, view: View, k: int) -> Matches:
        """The best `k` of both."""
        song, window, score, query = (
            np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("song", "window", "score", "query")
        )
        order = np.lexsort((window, view.places.id[song], -score))[:k]
        return Matches(song[order], window[order], score[order], query[order])

    def best_per_song(self) -> Matches:
        """The first match of every song."""
        firsts = np.sort(np.unique(self.song, return_index=True)[1])
        return Matches(self.song[firsts], self.window[firsts], self.score[firsts], self.query[firsts])


def search_exactly(
    view: View, queries: np.ndarray, k: int, level: Level, songs: np.ndarray, *, all_windows: bool = False
) -> Matches:
    """Compare queries with every window, or every whole song, of some songs.

    Args:
        view: what to search.
        queries: ``(Q, D)`` float32; a match scores by the best of them.
        k: how many matches.
        level: what to compare with.
        songs: numbers in the view's places, ascending; their vectors must be there.
        all_windows: several matches of one song, instead of its best.
    """
    best = Matches.none()
    for chosen, rows in pieces(view, level, songs):
        scores, query = _best_query(rows, queries)
        counts = view.places.windows[chosen] if level == "window" else np.ones(len(chosen), dtype=np.int64)
        starts = np.cumsum(counts) - counts
        owner = np.repeat(np.arange(len(chosen)), counts)
        window = np.arange(len(rows)) - starts[owner]
        if all_windows:
            places = _best_places(scores, k)
        else:
            # The first row of every song that reaches the song's best score.
            reach = np.flatnonzero(scores == np.maximum.reduceat(scores, starts)[owner])
            firsts = reach[np.unique(owner[reach], return_index=True)[1]]
            places = firsts[_best_places(scores[firsts], k)]
        found = Matches(chosen[owner[places]], window[places], scores[places], query[places])
        best = best.joined(found, view, k)
    return best


def _best_query(rows: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best score of every row over the queries, rounded, and which query gave it."""
    best = np.full(len(rows), -np.inf)
    which = np.zeros(len(rows), dtype=np.int64)
    step = max(1, _MOST_SCORES // max(1, len(rows)))
    for start in range(0, len(queries), step):
        # Copies score alike, in whatever order their products were added up.
        scores = np.round((rows @ queries[start : start + step].T).astype(np.float64), SCORE_DECIMALS)
        found = scores.argmax(axis=1)
        values = scores[np.arange(len(rows)), found]
        better = values > best
        best[better], which[better] = values[better], found[better] + start
    return best, which


def _best_places(scores: np.ndarray, k: int) -> np.ndarray:
    """Where the best scores stand, and all that equal the last of them."""
    if len(scores) <= k:
        return np.arange(len(scores))
    return np.flatnonzero(scores >= np.partition(scores, -k)[-k])


def pieces(view: View, level: Level, songs: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Songs with their rows, as many at a time as may be held, at least one."""
    places = view.places
    counts = places.windows[songs] if level == "window" else np.ones(len(songs), dtype=np.int64)
    firsts = (places.row if level == "window" else places.song_row)[songs]
    start = 0
    while start < len(songs):
        part = places.part[songs[start]]
        same = start + int(np.searchsorted(places.part[songs[start:]], part, side="right"))
        total = np.cumsum(counts[start:same])
        end = start + max(1, int(np.searchsorted(total, _MOST_ROWS, side="right")))
        rows = view.parts[level, int(part)]
        if rows is None:
            raise AssertionError("a part that is not there was searched")
        chosen, length = slice(start, end), int(total[end - start - 1])
        if int(firsts[end - 1] + counts[end - 1] - firsts[start]) == length and np.all(np.diff(firsts[chosen]) > 0):
            yield songs[chosen], rows[firsts[start] : firsts[start] + length]
        else:
            offsets = np.repeat(firsts[chosen] - (total[: end - start] - counts[chosen]), counts[chosen])
            yield songs[chosen], rows[offsets + np.arange(length)]
        start = end
