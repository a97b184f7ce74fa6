"""Inverted lists for large libraries: which windows are worth comparing; how well that works is measured when built.

The lists hold compressed windows by their ids. What they find is compared again exactly, so every score is exact;
windows that came after them are compared exactly too. They are a help that can be lost: without them search is slower.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.retrieval.exact_search import Matches, search_exactly
from fxrep.retrieval.view import View

EXACT_WINDOWS = 200_000
"""Up to so many windows every search is exact."""
_SCALAR_WINDOWS = 2_000_000
"""Up to so many, eight bits a value; beyond, product quantisation."""
TAIL_SHARE = 0.1
"""The lists are made again when so much of the library is not in them."""
_TARGET_RECALL = 0.95
_RECALL_AT = 10
_QUERIES = 100
_PROBES = (8, 16, 32, 64, 128, 256, 512, 1024)
_TRAINING_PER_LIST = 64
_ADD_ROWS = 1 << 16


@dataclass(frozen=True)
class ListPlan:
    """What is built for a number of windows.

    Attributes:
        lists: number of inverted lists.
        code: ``"SQ8"`` or ``"PQ<m>"``, in faiss's words.
    """

    lists: int
    code: str

    @property
    def factory(self) -> str:
        """For `faiss.index_factory`."""
        return f"IVF{self.lists},{self.code}"


def plan_lists(windows: int, dim: int) -> ListPlan:
    """Choose by size: about four times the square root of the number of windows, as faiss advises."""
    lists = int(2 ** np.clip(np.round(np.log2(4 * np.sqrt(max(windows, 1)))), 2, 16))
    pieces = next(m for m in (64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1) if dim % m == 0 and m <= max(1, dim // 2))
    return ListPlan(lists, "SQ8" if windows <= _SCALAR_WINDOWS else f"PQ{pieces}")


def build_lists(view: View, songs: np.ndarray, file: Path, plan: ListPlan | None = None) -> dict[str, Any]:
    """Build lists over the windows of some songs, measure them, and write them to `file`.

    Memory: the compressed windows, and `_TRAINING_PER_LIST` windows a list while it is trained.

    Returns:
        what the state remembers: the file, its CRC-32 and size, its kind, how many lists are looked into, how much is
        compared again, recall@10 against exact search (over `_QUERIES` windows with noise as queries) and the median
        seconds of a query.
    """
    import faiss

    windows = int(view.places.windows[songs].sum())
    plan = plan or plan_lists(windows, view.state.dim)
    generator = np.random.default_rng(0)
    training = _sample(view, songs, min(windows, plan.lists * _TRAINING_PER_LIST), generator)
    index = faiss.index_factory(view.state.dim, plan.factory, faiss.METRIC_INNER_PRODUCT)
    index.train(training)
    for ids, rows in _windows(view, songs):
        index.add_with_ids(rows, ids)
    measured = _measure(view, songs, index, generator)
    faiss.write_index(index, str(file))
    return {
        "file": file.name,
        "crc32": f"{file_crc(file):08x}",
        "bytes": file.stat().st_size,
        "kind": plan.factory,
        "windows": windows,
        "next_window": view.state.next_window,
        **measured,
    }


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
        self._index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP)
        self.described = described
        self.next_window = int(described["next_window"])
        self._probes, self._again = int(described["probes"]), int(described["compared_again"])

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
        if allowed is not None:
            new &= allowed
        tail = search_exactly(view, queries, k, "window", np.flatnonzero(new), all_windows=all_windows)
        wanted = max(self._again, 4 * k)
        while True:
            ids = find_ids(self._index, queries, wanted, self._probes)
            songs, windows = _owners(view, ids, allowed)
            enough = (len(songs) if all_windows else len(np.unique(songs))) >= k
            if enough or wanted >= self._index.ntotal or len(ids) < wanted:
                break
            wanted *= 4
        found = _compare(view, queries, songs, windows)
        found = found.joined(Matches.none(), view, len(found))
        if not all_windows:
            found = found.best_per_song()
        return found.joined(tail, view, k)


def file_crc(file: Path) -> int:
    """CRC-32 of a file, in constant memory."""
    crc = 0
    with file.open("rb") as stream:
        while piece := stream.read(1 << 22):
            crc = zlib.crc32(piece, crc)
    return crc


def find_ids(index: Any, queries: np.ndarray, wanted: int, probes: int) -> np.ndarray:
    """Ids of the windows that the lists think best for any of the queries, each once."""
    import faiss

    parameters = faiss.SearchParametersIVF(nprobe=probes)  # type: ignore[call-arg]
    _, ids = index.search(np.ascontiguousarray(queries), wanted, params=parameters)
    found: np.ndarray = np.unique(ids[ids >= 0])
    return found


def _owners(view: View, ids: np.ndarray, allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Songs and numbers of windows of the ids that are still there and may be found."""
    order = np.argsort(view.places.first_window)
    firsts = view.places.first_window[order]
    if not len(firsts):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    song = order[np.maximum(np.searchsorted(firsts, ids, side="right") - 1, 0)]
    window = ids - view.places.first_window[song]
    there = (window >= 0) & (window < view.places.windows[song])
    if allowed is not None:
        there &= allowed[song]
    return song[there], window[there]


def _compare(view: View, queries: np.ndarray, songs: np.ndarray, windows: np.ndarray) -> Matches:
    """Exact scores of single windows."""
    if not len(songs):
        return Matches.none()
    rows = np.stack([_window(view, int(song), int(window)) for song, window in zip(songs, windows, strict=True)])
    scores = np.round((rows @ queries.T).astype(np.float64), 6)
    query = scores.argmax(axis=1)
    return Matches(songs, windows, scores[np.arange(len(rows)), query], query)


def _window(view: View, song: int, window: int) -> np.ndarray:
    rows = view.parts["window", int(view.places.part[song])]
    if rows is None:
        raise AssertionError("a part that is not there was searched")
    vector: np.ndarray = rows[int(view.places.row[song]) + window]
    return vector


def _windows(view: View, songs: np.ndarray) -> Any:
    """Ids and vectors of all windows, some songs at a time."""
    ids: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    for song in songs:
        vectors = view.vectors(int(song))
        if vectors is None:
            continue
        first = int(view.places.first_window[song])
        ids.append(np.arange(first, first + len(vectors[0]), dtype=np.int64))
        rows.append(np.asarray(vectors[0]))
        if sum(map(len, rows)) >= _ADD_ROWS:
            yield np.concatenate(ids), np.concatenate(rows)
            ids, rows = [], []
    if rows:
        yield np.concatenate(ids), np.concatenate(rows)


def _sample(view: View, songs: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Some windows, drawn evenly."""
    ends = np.cumsum(view.places.windows[songs])
    drawn = np.sort(generator.choice(int(ends[-1]), size=count, replace=False))
    owner = np.searchsorted(ends, drawn, side="right")
    window = drawn - (ends - view.places.windows[songs])[owner]
    return np.stack([_window(view, int(songs[o]), int(w)) for o, w in zip(owner, window, strict=True)])


def _measure(view: View, songs: np.ndarray, index: Any, generator: np.random.Generator) -> dict[str, Any]:
    """Look into more and more lists until recall is what it should be; say what it is then."""
    queries = _sample(view, songs, min(_QUERIES, int(view.places.windows[songs].sum())), generator)
    # As far from a window as another window of its kind: a query that is stored would be too easy.
    queries = queries + generator.normal(scale=0.3 / np.sqrt(queries.shape[1]), size=queries.shape).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    truth = [search_exactly(view, query[None], _RECALL_AT, "window", songs, all_windows=True) for query in queries]
    recall, seconds, probes, again = 0.0, 0.0, 0, 0
    for again in (10 * _RECALL_AT, 40 * _RECALL_AT):
        for probes in (count for count in _PROBES if count <= max(_PROBES[0], index.nlist)):
            recall, seconds = _try(view, index, queries, truth, probes, again)
            if recall >= _TARGET_RECALL:
                break
        if recall >= _TARGET_RECALL:
            break
    return {
        "probes": probes,
        "compared_again": again,
        "recall_at_10": round(recall, 4),
        "queries_measured": len(queries),
        "median_query_s": round(seconds, 6),
    }


def _try(
    view: View, index: Any, queries: np.ndarray, truth: list[Matches], probes: int, again: int
) -> tuple[float, float]:
    hits, times = 0, []
    for query, best in zip(queries, truth, strict=True):
        begin = time.perf_counter()
        songs, windows = _owners(view, find_ids(index, query[None], again, probes), None)
        found = _compare(view, query[None], songs, windows).joined(Matches.none(), view, _RECALL_AT)
        times.append(time.perf_counter() - begin)
        # By score: which of several copies is found does not matter.
        hits += int((found.score >= best.score[-1]).sum())
    wanted = sum(len(best) for best in truth)
    return min(1.0, hits / wanted), float(np.median(times))
