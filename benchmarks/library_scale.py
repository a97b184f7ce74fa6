"""A library of any size from Parquet parts: build time, size, memory, recall and latency.

fxrep embed SONGS --windows -o real.parquet
python benchmarks/library_scale.py real.parquet --windows 1000000 --folder /tmp/scale

The parts are drawn like real songs (`synthetic_embeddings.py`; drawing is not counted) and deleted once they are in
the index; so is the index, unless --keep. Queries are windows of songs that are not in it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from synthetic_embeddings import SONG_WINDOWS, LikeRealSongs, write_parts

from fxrep.retrieval import ReferenceIndex, read_embeddings
from fxrep.retrieval.inverted_lists import EXACT_WINDOWS
from fxrep.retrieval.list_building import ListPlan, build_lists
from fxrep.retrieval.list_measuring import exact_neighbors
from fxrep.retrieval.view import load_view

STEP_SONGS = 16 * 4096
_ROUNDING = 2e-6


class NamedModel:
    """The identity of an encoder, without one."""

    sample_rate, window_s, fingerprint = 44100, 5.0, "benchmark"

    def __init__(self, dim: int) -> None:
        self.dim = dim


class Watch:
    """Wall and CPU seconds by step, and the most memory that was the process's own (not of mapped files)."""

    def __init__(self) -> None:
        self.steps: dict[str, list[float]] = {}
        self.peak_mb = 0.0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.peak_mb = max(self.peak_mb, int(line.split()[1]) / 1024)
            time.sleep(0.1)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        wall, processor = time.perf_counter(), time.process_time()
        self.peak_mb = 0.0
        yield
        found = self.steps.setdefault(name, [0.0, 0.0, 0.0])
        found[0] += time.perf_counter() - wall
        found[1] += time.process_time() - processor
        found[2] = max(found[2], self.peak_mb)
        print(f"{name}: {found[0]:.1f} s, {found[1]:.1f} CPU s, {found[2]:.0f} MB", file=sys.stderr, flush=True)


def fill(folder: Path, source: LikeRealSongs, songs: int, watch: Watch) -> None:
    parts = folder / "parts"
    for first in range(0, songs, STEP_SONGS):
        parts.mkdir(parents=True, exist_ok=True)
        with watch.step("draw (not part of the work)"):
            list(write_parts(source, parts, first, min(STEP_SONGS, songs - first), NamedModel.fingerprint))
        with watch.step("add Parquet parts"), ReferenceIndex.open(folder / "library.fxindex") as index:
            report = index.add_embedding_files(parts)
            assert not report.failures
        shutil.rmtree(parts)


def ask(index: ReferenceIndex, queries: np.ndarray, **options: object) -> tuple[list[list], np.ndarray, np.ndarray]:
    hits, wall, processor = [], [], []
    for query in queries:
        begin = time.perf_counter(), time.process_time()
        hits.append(index.search_vector(query, 10, **options))
        wall.append(time.perf_counter() - begin[0])
        processor.append(time.process_time() - begin[1])
    return hits, 1e3 * np.array(wall), 1e3 * np.array(processor)


def report_queries(index: ReferenceIndex, queries: np.ndarray, watch: Watch) -> None:
    with index._database.snapshot():
        view = load_view(index._database)
    with watch.step("exact neighbours of all queries at once"):
        truth = exact_neighbors(view, np.arange(len(view.places)), queries, np.full(len(queries), -1))
    large = view.state.windows > EXACT_WINDOWS
    print("| asked for | search | recall@10 | median ms | 95% ms | median CPU ms |\n|---|---|---|---|---|---|")
    for name, nearest, options in (
        ("songs", truth.best, {}),
        ("windows", truth.windows, {"all_windows": True}),
    ):
        for kind, exact, asked in (("as chosen by size", None, queries), ("exact", True, queries[:3])):
            if exact and not large:
                continue
            hits, wall, processor = ask(index, asked, exact=exact, **options)
            least = nearest[: len(asked), -1] - _ROUNDING
            found = [sum(hit.score >= low for hit in one) for one, low in zip(hits, least, strict=True)]
            recall = sum(found) / (10 * len(asked))
            times = f"{np.median(wall):.2f} | {np.percentile(wall, 95):.2f} | {np.median(processor):.2f}"
            print(f"| 10 {name} | {kind} | {recall:.4f} | {times} |", flush=True)


def compare_plans(index: ReferenceIndex, plans: list[str], folder: Path) -> None:
    """Other numbers of lists and other codes over the same windows, each looked into as far as it has to be."""
    with index._database.snapshot():
        view = load_view(index._database)
    print("\n| lists | probes | compared again | recall@10 windows | songs | ms | bytes a window | CPU s to make |")
    print("|---|---|---|---|---|---|---|---|")
    for plan in plans:
        lists, code = plan.split(",")
        begin = time.process_time()
        told = build_lists(view, np.arange(len(view.places)), folder / "other.faiss", ListPlan(int(lists), code))
        took = time.process_time() - begin
        (folder / "other.faiss").unlink()
        print(
            f"| {told['kind']} | {told['probes']} | {told['compared_again']} | {told['recall_at_10']} | "
            f"{told['song_recall_at_10']} | {1e3 * told['median_query_s']:.2f} | "
            f"{told['bytes'] / told['windows']:.0f} | {took:.1f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("like", type=Path, help="windows of real songs")
    parser.add_argument("--windows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--folder", type=Path, required=True, help="empty folder with space for it")
    parser.add_argument("--keep", action="store_true", help="keep the index, and use one that is there")
    parser.add_argument("--plans", nargs="*", default=[], help="other lists to compare, 512,PQ64 for example")
    arguments = parser.parse_args()
    source, watch = LikeRealSongs(read_embeddings(arguments.like)), Watch()
    songs, library = arguments.windows // SONG_WINDOWS, arguments.folder / "library.fxindex"
    if not library.exists():
        ReferenceIndex.create(library, NamedModel(source.dim)).close()
        fill(arguments.folder, source, songs, watch)
        with watch.step("compact: make and measure the lists"), ReferenceIndex.open(library) as index:
            index.compact()
    with watch.step("open, and a first query"):
        index = ReferenceIndex.open(library)
        index.search_vector(source.draw(1, 1, songs + 1)[0, 0])
    # One window a song: windows of songs that are not in the library.
    queries = source.draw(arguments.queries, 1, 10**9)[:, 0]
    print(f"{len(index)} songs, {index._view.state.windows} windows of {source.dim} values\n")
    report_queries(index, queries, watch)
    print("\n| step | wall s | CPU s | peak of own memory MB |\n|---|---|---|---|")
    for step, values in watch.steps.items():
        print(f"| {step} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    sizes = {kind: sum(f.stat().st_size for f in library.glob(kind)) / 1e6 for kind in ("*.f32", "*.faiss", "*.*")}
    print(f"\nvectors {sizes['*.f32']:.0f} MB, lists {sizes['*.faiss']:.0f} MB, all {sizes['*.*']:.0f} MB")
    print(f"lists: {dict(index._view.state.inverted or {})}")
    compare_plans(index, arguments.plans, arguments.folder)
    index.close()
    if not arguments.keep:
        shutil.rmtree(library)


if __name__ == "__main__":
    main()
