"""Making inverted lists: how many and how coded is chosen by size, how far to look by measuring recall."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.retrieval.inverted_lists import file_crc, window_rows
from fxrep.retrieval.list_measuring import measure_lists, sample_windows
from fxrep.retrieval.view import View

SCALAR_BYTES = 4 << 30
"""Up to so many bytes, one for each value of each window; beyond, product quantisation."""
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
    """Choose by size: half the square root of it as lists; to build costs windows x lists, and more are not quicker."""
    lists = int(2 ** np.clip(np.round(np.log2(np.sqrt(max(windows, 1)) / 2)), 2, 16))
    pieces = next(m for m in (64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1) if dim % m == 0 and m <= max(1, dim // 2))
    return ListPlan(lists, "SQ8" if windows * dim <= SCALAR_BYTES else f"PQ{pieces}")


def build_lists(view: View, songs: np.ndarray, file: Path, plan: ListPlan | None = None) -> dict[str, Any]:
    """Build lists over the windows of some songs, measure them, and write them to `file`.

    Memory: the compressed windows, and `_TRAINING_PER_LIST` windows a list while it is trained.

    Returns:
        what the state remembers: the file, its CRC-32 and size, its kind, and what `measure_lists` found.
    """
    import faiss

    windows = int(view.places.windows[songs].sum())
    plan = plan or plan_lists(windows, view.state.dim)
    generator = np.random.default_rng(0)
    index = faiss.index_factory(view.state.dim, plan.factory, faiss.METRIC_INNER_PRODUCT)
    index.train(window_rows(view, *sample_windows(view, songs, plan.lists * _TRAINING_PER_LIST, generator)))
    for ids, rows in _windows(view, songs):
        index.add_with_ids(rows, ids)
    measured = measure_lists(view, songs, index, generator)
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


def _windows(view: View, songs: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ids and vectors of all windows, some songs at a time."""
    counts = view.places.windows[songs]
    ends = np.cumsum(counts)
    start = 0
    while start < len(songs):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _ADD_ROWS, side="right")))
        chosen, each = songs[start:stop], counts[start:stop]
        owner = np.repeat(chosen, each)
        window = np.arange(len(owner)) - np.repeat(np.cumsum(each) - each, each)
        yield view.places.first_window[owner] + window, window_rows(view, owner, window)
        start = stop
