"""How fast a reference index adds, opens, searches and removes: `python benchmarks/index.py`.

Vectors are random unit vectors; the time to embed audio is left out.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fxrep.retrieval import EmbeddingTable, ReferenceIndex


class NamedModel:
    """The identity of an encoder, without one."""

    sample_rate, window_s, fingerprint = 44100, 10.0, "benchmark"

    def __init__(self, dim: int) -> None:
        self.dim = dim


def random_songs(songs: int, windows: int, dim: int, folder: Path, first: int = 0) -> EmbeddingTable:
    vectors = np.random.default_rng(first).normal(size=(songs * windows, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    numbers = np.repeat(np.arange(first, first + songs), windows)
    return EmbeddingTable(
        paths=[str(folder / f"{number:06d}.wav") for number in numbers],
        content_hashes=[str(number) for number in numbers],
        start_s=np.tile(10.0 * np.arange(windows), songs),
        duration_s=np.full(songs * windows, 10.0),
        vectors=vectors,
        level="window",
        fingerprint=NamedModel.fingerprint,
    )


def seconds(work: Callable[[], object], repeats: int = 1) -> tuple[float, float]:
    """Median wall clock and processor time; the second says more on a shared machine."""
    times = []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - wall, time.process_time() - processor))
    return statistics.median(time[0] for time in times), statistics.median(time[1] for time in times)


def measure(vectors: int, windows: int, dim: int) -> tuple[list[tuple[str, tuple[float, float]]], float]:
    songs = vectors // windows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "library.fxindex"
        index = ReferenceIndex.create(folder, NamedModel(dim))
        table = random_songs(songs, windows, dim, Path(name))
        extra = random_songs(1, windows, dim, Path(name), first=songs)
        query = table.vectors[12345 % len(table)]
        rows = [
            (f"add {songs} songs ({vectors} windows)", seconds(lambda: index.add_embeddings(table))),
            ("add one song more", seconds(lambda: index.add_embeddings(extra))),
            ("remove two songs", seconds(lambda: index.remove([1, 2]))),
            ("search, best window of 10 songs (median of 20)", seconds(lambda: index.search_vector(query), 20)),
            ("search, whole songs, first", seconds(lambda: index.search_vector(query, level="song"))),
            ("search, whole songs (median of 20)", seconds(lambda: index.search_vector(query, level="song"), 20)),
        ]
        index.close()
        rows.append(("open and first search", seconds(lambda: ReferenceIndex.open(folder).search_vector(query))))
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    return rows, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--windows", type=int, default=20, help="windows per song")
    parser.add_argument("--dim", type=int, default=128)
    arguments = parser.parse_args()
    rows, size = measure(arguments.vectors, arguments.windows, arguments.dim)
    print(f"{arguments.vectors} x {arguments.dim}, {size:.0f} MB on disk\n")
    print("| step | wall s | CPU s |\n|---|---|---|")
    for step, (wall, processor) in rows:
        print(f"| {step} | {wall:.3g} | {processor:.3g} |")


if __name__ == "__main__":
    main()
