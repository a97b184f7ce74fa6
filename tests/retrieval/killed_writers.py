"""Writers that are killed by SIGKILL at random points, and what must be true of their index afterwards.

Half of them are killed at a random moment, which falls mostly into waiting for the disk; the others at a random line of
`fxrep.retrieval`, counted while they run.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fxrep.retrieval import EmbeddingTable, ReferenceIndex

DIM = 16
SONGS = 12
_PACKAGE = str(Path(sys.modules["fxrep.retrieval"].__file__ or "").parent)

Contents = dict[str, list[int]]
"""By the name of a song: its id and the seed of its vectors."""


class Named:
    """An encoder in name only: the embeddings exist already."""

    sample_rate, window_s, dim, fingerprint = 8000, 1.0, DIM, "vectors"


def table(folder: Path, names: list[str], seed: int) -> EmbeddingTable:
    """Songs of one to five windows, a function of their name and the seed."""
    paths: list[str] = []
    vectors: list[np.ndarray] = []
    for name in names:
        found = song_vectors(name, seed)
        paths += [str(folder / name)] * len(found)
        vectors.append(found)
    count = len(paths)
    starts = np.concatenate([np.arange(len(found), dtype=float) for found in vectors])
    return EmbeddingTable(
        paths, [str(seed)] * count, starts, np.ones(count), np.concatenate(vectors), "window", "vectors"
    )


def song_vectors(name: str, seed: int) -> np.ndarray:
    """The windows of a song."""
    generator = np.random.default_rng([int(name), seed])
    vectors = generator.normal(size=(1 + generator.integers(5), DIM))
    unit: np.ndarray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _work(library: Path, log: Path, seed: int, kill_line: int) -> None:
    """Change the index at random until killed; every promise is written down before it is made and when it is kept."""
    generator = np.random.default_rng(seed)
    contents: Contents = json.loads(log.read_text().splitlines()[-1])["contents"]
    stream = os.open(log, os.O_WRONLY | os.O_APPEND)
    if kill_line:
        sys.settrace(_killer(kill_line))
    with ReferenceIndex.open(library) as index:
        while True:
            action = str(generator.choice(["add", "add", "remove", "compact"]))
            names = [str(name) for name in generator.choice(SONGS, size=generator.integers(1, 4), replace=False)]
            change = int(generator.integers(1000))
            record: dict[str, Any] = {"begin": action, "names": names, "seed": change}
            os.write(stream, (json.dumps(record) + "\n").encode())
            contents = perform(index, library.parent, contents, record)
            os.write(stream, (json.dumps({"done": action, "contents": contents}) + "\n").encode())


def perform(index: ReferenceIndex, folder: Path, contents: Contents, record: dict[str, Any]) -> Contents:
    """Do one change; returns what the index must hold then."""
    after = dict(contents)
    if record["begin"] == "add":
        report = index.add_embeddings(table(folder, record["names"], record["seed"]))
        fresh = iter(report.added)
        for name in record["names"]:
            song_id = contents[name][0] if name in contents else next(fresh)
            after[name] = [song_id, record["seed"]]
    elif record["begin"] == "remove":
        there = [name for name in record["names"] if name in contents]
        index.remove([contents[name][0] for name in there])
        for name in there:
            del after[name]
    else:
        index.compact()
    return after


def _killer(kill_line: int) -> Any:
    left = [kill_line]

    def trace(frame: Any, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return None
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def run_trials(folder: Path, trials: int, seed: int) -> dict[str, int]:
    """Kill writers one after the other on one index and look after each whether all is there.

    Returns:
        how often which change was cut off, and how often it had become true nevertheless.
    """
    library, log = folder / "library.fxindex", folder / "log.jsonl"
    # Its own lock is shared with forked processes: one that is killed while it holds it would stop this one for ever.
    tqdm.set_lock(threading.RLock())
    ReferenceIndex.create(library, Named()).close()  # type: ignore[arg-type]
    log.write_text(json.dumps({"contents": {}}) + "\n")
    generator = np.random.default_rng(seed)
    counts: dict[str, int] = {}
    for trial in range(trials):
        kill_line = int(generator.integers(1, 6000)) if trial % 2 else 0
        process = multiprocessing.get_context("fork").Process(
            target=_work, args=(library, log, int(generator.integers(1 << 30)), kill_line)
        )
        process.start()
        if not kill_line:
            time.sleep(float(generator.uniform(0.01, 0.25)))
            process.kill()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, f"trial {trial}: exit code {process.exitcode}"
        outcome, contents = check(library, log)
        counts[outcome] = counts.get(outcome, 0) + 1
        log.write_text(json.dumps({"contents": contents}) + "\n")
    return counts


def check(library: Path, log: Path) -> tuple[str, Contents]:
    """The index opens, holds what was acknowledged, and the change that was cut off can be made again.

    Returns:
        what was cut off, and what the index holds.
    """
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    contents: Contents = next(line["contents"] for line in reversed(lines) if "contents" in line)
    pending = lines[-1] if "begin" in lines[-1] else None
    with ReferenceIndex.open(library) as index:
        assert index.repaired == [] and index.info()["damaged"] == [], index.repaired
        found = {Path(song["path"]).name: song["id"] for song in index.songs()}
        happened = False
        if pending and found != {name: song_id for name, (song_id, _) in contents.items()}:
            happened = True
        elif pending and pending["begin"] == "add":
            happened = _holds(index, library.parent, pending)
        if happened and pending:
            contents = _after(found, contents, pending)
        _compare(index, found, contents)
        if pending:  # the interrupted job goes on where it was
            contents = perform(index, library.parent, contents, pending) if not happened else contents
        else:
            index.add_embeddings(table(library.parent, ["0"], 5000 + len(lines)))
            found_id = next(song["id"] for song in index.songs() if Path(song["path"]).name == "0")
            contents = {**contents, "0": [found_id, 5000 + len(lines)]}
        found = {Path(song["path"]).name: song["id"] for song in index.songs()}
        _compare(index, found, contents)
        index.repair()  # as every writer does, it clears away what was left
        assert index.info()["faults"] == [] and index.repaired == []
        state = index._view.state
    # SQLite's own, which the next one that takes the lock removes.
    left = {file.name for file in library.iterdir()} - {"writer.lock-journal"}
    expected = {"index.sqlite", "manifest.json", "writer.lock", state.journal}
    expected |= {f"{level}-{number:06d}.f32" for number in state.parts for level in ("windows", "songs")}
    assert left <= expected, left - expected
    return (f"{pending['begin']}, {'done' if happened else 'undone'}" if pending else "between"), contents


def _after(found: dict[str, int], contents: Contents, pending: dict[str, Any]) -> Contents:
    """What the index must hold if the pending change is true: all of it or nothing."""
    if pending["begin"] == "add":
        return {**contents, **{name: [found[name], pending["seed"]] for name in pending["names"]}}
    return {name: entry for name, entry in contents.items() if name not in pending["names"]}


def _holds(index: ReferenceIndex, folder: Path, pending: dict[str, Any]) -> bool:
    hashes = dict(zip((t := index.embeddings()).paths, t.content_hashes, strict=True))
    return all(hashes.get(str((folder / name).resolve())) == str(pending["seed"]) for name in pending["names"])


def _compare(index: ReferenceIndex, found: dict[str, int], contents: Contents) -> None:
    assert found == {name: song_id for name, (song_id, _) in contents.items()}
    held = index.embeddings("window")
    for name, (_, seed) in contents.items():
        rows = [row for row, path in enumerate(held.paths) if Path(path).name == name]
        np.testing.assert_array_equal(held.vectors[rows], song_vectors(name, seed))
    if contents:
        name, (song_id, seed) = next(iter(contents.items()))
        assert index.search_vector(song_vectors(name, seed)[0], k=1)[0].song_id == song_id
