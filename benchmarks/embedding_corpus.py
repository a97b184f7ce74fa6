"""How near `fxrep embed` comes to the speed of its encoder alone: python benchmarks/embedding_corpus.py SONGS

The encoder alone is given windows that are in memory; the whole reads, decodes, resamples, embeds and writes Parquet.
Both in turn, several times, in one process with one thread for the encoder. Wall-clock times mean something only where
nothing else runs and the readers have cores of their own; CPU times tell which thread has how much to do: the whole is
as fast as the slower of the encoding thread and the readers.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from encoders import load_encoder
from fxrep.audio import find_audio_files
from fxrep.errors import FxrepError
from fxrep.retrieval import AS_RELEASED, Matching, embed_corpus, match_encoder
from fxrep.retrieval.read_ahead import default_readers


def timed(work: Callable[[], object]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds of this thread, and of all others."""
    wall, thread, process = time.perf_counter(), time.thread_time(), time.process_time()
    work()
    own = time.thread_time() - thread
    return time.perf_counter() - wall, own, time.process_time() - process - own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", nargs="+")
    parser.add_argument("--model", default="default")
    parser.add_argument("--files", type=int, default=40, help="how many of them")
    parser.add_argument("--readers", type=int, default=default_readers())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--as-released", action="store_true", help="loudness and bandwidth are not matched")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoder = match_encoder(load_encoder(arguments.model), AS_RELEASED if arguments.as_released else Matching())
    held, files = [], []
    for file in find_audio_files(arguments.songs)[: arguments.files]:
        try:
            held += [windows for _, windows in encoder.window_batches(file)]
            files.append(file)
        except FxrepError as error:
            print(f"left out: {error}")
    count = sum(map(len, held))
    encoder.embed_batch(held[0])
    alone, whole, serial = [], [], []
    with tempfile.TemporaryDirectory() as name:
        for turn in range(arguments.repeats):
            alone.append(timed(lambda: [encoder.embed_batch(windows) for windows in held]))
            target = Path(name) / f"{turn}.parquet"
            whole.append(
                timed(lambda: embed_corpus(files, encoder, target, level="window", readers=arguments.readers))  # noqa: B023
            )
            serial.append(timed(lambda: [encoder.embed_windows(file) for file in files]))
    print(f"{len(files)} files, {count} windows of {encoder.window_s:g} s, {arguments.readers} readers\n")
    print("| ms per window, median | wall | CPU of the encoding thread | CPU of the readers |\n|---|---|---|---|")
    rows = {"the encoder alone": alone, "fxrep embed": whole, "one after the other": serial}
    found = {
        row: [1e3 / count * statistics.median(column) for column in zip(*times, strict=True)]
        for row, times in rows.items()
    }
    for row, values in found.items():
        print(f"| {row} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
    _, own, readers = found["fxrep embed"]
    print(f"\nof the encoder's throughput, by the clock: {found['the encoder alone'][0] / found['fxrep embed'][0]:.0%}")
    slower = max(own, readers / arguments.readers)
    print(f"by CPU time, with a core for each thread: {found['the encoder alone'][1] / slower:.0%}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, windows in memory included")


if __name__ == "__main__":
    main()
