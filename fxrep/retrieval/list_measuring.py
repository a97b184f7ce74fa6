"""How well inverted lists find what exact search finds, and how far one has to look for it to be enough."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from fxrep.retrieval.exact_search import SCORE_DECIMALS, pieces
from fxrep.retrieval.inverted_lists import Reach, WindowOwners, search_lists, window_rows
from fxrep.retrieval.view import View

TARGET_RECALL = 0.96
"""Of both kinds; a hundredth above what is promised, as queries are few."""
_RECALL_AT = 10
_QUERIES = 200
_PROBES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
_AGAIN = (100, 400, 1600)
_ROUNDING = 2 * 10.0**-SCORE_DECIMALS


@dataclass(frozen=True)
class Neighbors:
    """What exact search finds for some windows, their own songs left out.

    Attributes:
        songs: whose windows ask, numbers in the view, ``(Q,)``; -1 for what is not in it.
        queries: the windows, ``(Q, D)``.
        windows: scores of the nearest windows, best first, ``(Q, K)``; -inf where there are fewer.
        best: scores of the best windows of the nearest songs, likewise.
    """

    songs: np.ndarray
    queries: np.ndarray
    windows: np.ndarray
    best: np.ndarray


def measure_lists(view: View, songs: np.ndarray, index: Any, generator: np.random.Generator) -> dict[str, Any]:
    """Look further and further until recall is `TARGET_RECALL`; of what reaches it, the quickest is chosen.

    Returns:
        how many lists are looked into and how many windows compared again; recall@10 of windows and of songs, over how
        many queries, and the median seconds of a query.
    """
    own, windows = sample_windows(view, songs, _QUERIES, generator)
    truth = exact_neighbors(view, songs, window_rows(view, own, windows), own)
    owners = WindowOwners(view.places)
    tried: list[dict[str, Any]] = []
    for again in _AGAIN:
        for probes in (count for count in _PROBES if count <= max(_PROBES[0], index.nlist)):
            tried.append(_try(view, owners, index, truth, Reach(probes, again)))
            if _least(tried[-1]) >= TARGET_RECALL:
                break
    enough = [found for found in tried if _least(found) >= TARGET_RECALL]
    return min(enough, key=lambda found: float(found["median_query_s"])) if enough else max(tried, key=_least)


def sample_windows(
    view: View, songs: np.ndarray, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Some windows of some songs, drawn evenly: their songs and their numbers in them, ascending."""
    ends = np.cumsum(view.places.windows[songs])
    drawn = np.sort(generator.choice(int(ends[-1]), size=min(count, int(ends[-1])), replace=False))
    owner = np.searchsorted(ends, drawn, side="right")
    return songs[owner], drawn - (ends - view.places.windows[songs])[owner]


def exact_neighbors(view: View, songs: np.ndarray, queries: np.ndarray, own: np.ndarray) -> Neighbors:
    """Compare queries ``(Q, D)`` with all windows of songs but their `own`; all vectors are read once."""
    nearest = np.full((len(queries), _RECALL_AT), -np.inf, dtype=np.float32)
    best = nearest.copy()
    for chosen, rows in pieces(view, "window", songs):
        scores = rows @ queries.T
        counts = view.places.windows[chosen]
        starts = np.cumsum(counts) - counts
        for query in np.flatnonzero(np.isin(own, chosen)):
            place = int(np.flatnonzero(chosen == own[query])[0])
            scores[starts[place] : starts[place] + counts[place], query] = -np.inf
        _merge(nearest, scores)
        _merge(best, np.maximum.reduceat(scores, starts, axis=0))
    return Neighbors(own, queries, nearest, best)


def _merge(best: np.ndarray, scores: np.ndarray) -> None:
    """Enter scores ``(N, Q)`` into the best so far ``(Q, K)``."""
    better = scores > best[:, -1]
    for query in np.flatnonzero(better.any(axis=0)):
        both = np.concatenate([best[query], scores[better[:, query], query]])
        best[query] = np.sort(both)[::-1][: best.shape[1]]


def _try(view: View, owners: WindowOwners, index: Any, truth: Neighbors, reach: Reach) -> dict[str, Any]:
    hits, times = np.zeros(2), []
    for own, query, nearest, best in zip(truth.songs, truth.queries, truth.windows, truth.best, strict=True):
        begin = time.perf_counter()
        found = search_lists(index, view, owners, query[None], reach, None)
        times.append(time.perf_counter() - begin)
        others = found.song != own
        # By score: which of several copies is found does not matter.
        hits[0] += min(_count(nearest), int((found.score[others] >= _last(nearest)).sum()))
        firsts = found.best_per_song()
        hits[1] += min(_count(best), int((firsts.score[firsts.song != own] >= _last(best)).sum()))
    wanted = np.array([sum(map(_count, truth.windows)), sum(map(_count, truth.best))])
    recall = hits / np.maximum(wanted, 1) if wanted.all() else np.ones(2)
    return {
        "probes": reach.probes,
        "compared_again": reach.again,
        "recall_at_10": round(float(recall[0]), 4),
        "song_recall_at_10": round(float(recall[1]), 4),
        "queries_measured": len(truth.queries),
        "median_query_s": round(float(np.median(times)), 6),
    }


def _least(found: dict[str, Any]) -> float:
    return min(float(found["recall_at_10"]), float(found["song_recall_at_10"]))


def _count(scores: np.ndarray) -> int:
    return int(np.isfinite(scores).sum())


def _last(scores: np.ndarray) -> float:
    """What a match must reach to be one of the nearest."""
    finite = scores[np.isfinite(scores)]
    return float(finite[-1]) - _ROUNDING if len(finite) else np.inf
