"""Killed while lists are made, two writers of which one dies, a disk that is full, any byte of any file flipped."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from fxrep.errors import OutputError, ReferenceIndexError
from fxrep.retrieval import ReferenceIndex, embed_corpus

from .killed_writers import Named, song_vectors, table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked and killed by SIGKILL")
_fork = multiprocessing.get_context("fork")
Contents = dict[str, tuple[int, bytes]]


@pytest.fixture(autouse=True)
def _quiet(caplog):
    # The songs of these tests are names only.
    caplog.set_level("ERROR")
    # The lock of progress bars is shared with forked processes: one that is killed while it holds it would stop all.
    tqdm.set_lock(threading.RLock())
    yield
    # Open lists have threads, which a process that is forked later must not try to end.
    gc.collect()


def _made(folder: Path, songs: int) -> Path:
    library = folder / "library.fxindex"
    with ReferenceIndex.create(library, Named()) as index:
        index.add_embeddings(table(folder, [str(number) for number in range(songs)], 1))
        index.remove([3, 8])
    return library


def _contents(index: ReferenceIndex) -> Contents:
    """By the name of a song: its id and its vectors."""
    held = index.embeddings("window")
    paths = np.array(held.paths)
    return {
        Path(song["path"]).name: (song["id"], held.vectors[paths == song["path"]].tobytes()) for song in index.songs()
    }


def _compact_with_lists(library: Path, seed: int) -> None:
    import faiss

    faiss.omp_set_num_threads(1)  # the threads of the process that was forked are not there
    with ReferenceIndex.open(library) as index:
        # Something to give back, so that vectors move too.
        index.add_embeddings(table(library.parent, ["5"], seed))
        (library.parent / "added").touch()
        index.compact(lists=True)


@pytest.mark.parametrize("code", ["SQ8", pytest.param("PQ8", marks=pytest.mark.slow)])
def test_killed_while_lists_are_made(tmp_path, monkeypatch, code):
    if code == "PQ8":
        monkeypatch.setattr("fxrep.retrieval.list_building.SCALAR_BYTES", 0)
    library, generator = _made(tmp_path, 200), np.random.default_rng(1)
    started = time.monotonic()
    _compact_with_lists(library, 2)
    duration_s, ends = time.monotonic() - started, set()
    for trial in range(int(os.environ.get("FXREP_LIST_KILLS", "4"))):
        with ReferenceIndex.open(library) as index:
            before = _contents(index)
        (tmp_path / "added").unlink()
        gc.collect()
        process = _fork.Process(target=_compact_with_lists, args=(library, 10 + trial))
        process.start()
        time.sleep(float(generator.uniform(0.02, 1.1 * duration_s)))
        process.kill()
        process.join(60)
        ends.add(process.exitcode)
        with ReferenceIndex.open(library) as index:
            assert index.repaired == [] and index.info()["faults"] == [] and index.info()["damaged"] == []
            held = _contents(index)
            changed = (before["5"][0], song_vectors("5", 10 + trial).tobytes())
            after = {**before, "5": changed}
            assert held == after if (tmp_path / "added").exists() else held in (before, after)
            (tmp_path / "added").touch()
            for name in ("17", "199"):
                assert index.search_vector(song_vectors(name, 1)[0], 1, exact=False)[0].song_id == held[name][0]
            index.repair()
            kept = {file.name for file in library.glob("inverted-*")}
            named = index.info()["search"]
            assert kept == (set() if named == "exact" else {named["file"]})
    with ReferenceIndex.open(library) as index:
        assert index.compact(lists=True).inverted["kind"].endswith(code) and _contents(index) == held
    assert -signal.SIGKILL in ends


def _add_and_say_so(library: Path, first: int, stop: Path) -> None:
    with ReferenceIndex.open(library) as index, (library.parent / f"said-{first}").open("a") as said:
        number = first
        while not stop.exists():
            try:
                (song_id,) = index.add_embeddings(table(library.parent, [str(number)], 1)).added
            except ReferenceIndexError:  # the other one is writing
                continue
            said.write(json.dumps([str(number), song_id]) + "\n")
            said.flush()
            number += 1


def test_one_of_two_writers_is_killed_and_the_other_goes_on(tmp_path):
    library, generator = _made(tmp_path, 10), np.random.default_rng(2)
    for trial in range(3):
        stop = tmp_path / f"stop-{trial}"
        firsts = [10000 * (trial + 1), 10000 * (trial + 1) + 5000]
        writers = [_fork.Process(target=_add_and_say_so, args=(library, first, stop)) for first in firsts]
        for writer in writers:
            writer.start()
        until = time.monotonic() + 60
        while not all((tmp_path / f"said-{first}").exists() for first in firsts) and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(float(generator.uniform(0.05, 0.3)))
        writers[0].kill()
        writers[0].join(60)
        heard = len((tmp_path / f"said-{firsts[1]}").read_text().splitlines())
        while len((tmp_path / f"said-{firsts[1]}").read_text().splitlines()) < heard + 3:
            assert writers[1].is_alive() and time.monotonic() < until
            time.sleep(0.01)
        stop.touch()
        writers[1].join(60)
        assert writers[0].exitcode == -signal.SIGKILL and writers[1].exitcode == 0
        with ReferenceIndex.open(library) as index:
            held = _contents(index)
            assert index.repaired == [] and index.info()["faults"] == [] and index.info()["damaged"] == []
        said = [json.loads(line) for first in firsts for line in (tmp_path / f"said-{first}").read_text().splitlines()]
        assert {(name, held[name][0]) for name, _ in said} == {(name, song_id) for name, song_id in said}
        assert all(held[name][1] == song_vectors(name, 1).tobytes() for name, _ in said)
        # What the killed one had done and not yet said may be there, and no more than that.
        mine = {name for name in held if int(name) >= firsts[0]}
        assert len(mine) - len(said) in (0, 1)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_full(small_disk):
    library, ballast = _made(small_disk, 200), small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - (200 << 10)))
    with ReferenceIndex.open(library) as index:
        expected, number = _contents(index), 1000
        with pytest.raises(OutputError, match=r"cannot write .*library.fxindex"):
            while number < 20000:
                names = [str(number + offset) for offset in range(5)]
                added = index.add_embeddings(table(small_disk, names, 1)).added
                expected |= {n: (i, song_vectors(n, 1).tobytes()) for n, i in zip(names, added, strict=True)}
                number += 5
        assert _contents(index) == expected
        with pytest.raises(OutputError):
            index.compact()
        assert _contents(index) == expected
    with ReferenceIndex.open(library) as index:
        assert _contents(index) == expected and index.repaired == [] and index.info()["damaged"] == []
        assert index.search_vector(song_vectors("17", 1)[0], 1)[0].score == pytest.approx(1.0)
        ballast.unlink()
        # The job that was cut off goes on where it was.
        assert len(index.add_embeddings(table(small_disk, [str(number + offset) for offset in range(5)], 1)).added) == 5
        index.compact(lists=True)
        assert len(_contents(index)) == len(expected) + 5 and index.info()["faults"] == []


def _flip(library: Path, copy: Path, expected: Contents, generator: np.random.Generator) -> None:
    """Flip one bit anywhere: all that was acknowledged is there, or is named as damaged."""
    files = [file for file in sorted(library.iterdir()) if file.stat().st_size]
    file = files[int(generator.integers(len(files)))]
    data = bytearray(file.read_bytes())
    place, bit = int(generator.integers(len(data))), int(generator.integers(8))
    shutil.copytree(library, copy)
    data[place] ^= 1 << bit
    (copy / file.name).write_bytes(data)
    said = f"{file.name}, byte {place}, bit {bit}"
    with ReferenceIndex.open(copy) as index:
        damaged = {song["id"] for song in index.damaged()}
        assert len(damaged) <= 1 and (not damaged or file.suffix == ".f32"), said
        sound = next(name for name, (song_id, _) in expected.items() if song_id not in damaged)
        vector = np.frombuffer(expected[sound][1], dtype=np.float32)[: Named.dim]
        assert index.search_vector(vector, 1, exact=False)[0].song_id == expected[sound][0], said
        index.repair()
        kept = {name: entry for name, entry in expected.items() if entry[0] not in damaged}
        held = _contents(index)
        assert {name: held[name] for name in kept} == kept and held.keys() == expected.keys(), said
        index.compact(lists=True)
        assert index.search_vector(vector, 1, exact=False)[0].song_id == expected[sound][0], said
    with ReferenceIndex.open(copy) as index:
        assert index.repaired == [] and index.info()["faults"] == [], said
        assert set(index.info()["damaged"]) == damaged, said
    shutil.rmtree(copy)


def test_any_bit_of_any_file_may_flip(tmp_path):
    # Every file and every position in a night: FXREP_FLIPS=20000
    library = _made(tmp_path, 40)
    with ReferenceIndex.open(library) as index:
        index.compact(lists=True)
        index.remove([12])
        index.add_embeddings(table(tmp_path, ["50"], 1))
        expected = _contents(index)
    assert sorted({file.suffix for file in library.iterdir() if file.stat().st_size}) == [
        *(".f32", ".faiss", ".json", ".log", ".sqlite"),
    ]
    generator = np.random.default_rng(int(os.environ.get("FXREP_SEED", "5")))
    for _ in range(int(os.environ.get("FXREP_FLIPS", "20"))):
        _flip(library, tmp_path / "copy.fxindex", expected, generator)


def _add_many(library: Path) -> None:
    def memory() -> int:
        return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 1024

    with ReferenceIndex.open(library) as index:
        found = []
        for first in range(1000, 1000 * 13, 1000):
            names = [str(number) for number in range(first, first + 300)]
            index.add_embeddings(table(library.parent, names, 1))
            found.append(memory())
    (library.parent / "memory").write_text(json.dumps(found))


def test_memory_stays_bounded_while_songs_are_added(tmp_path):
    library = _made(tmp_path, 10)
    process = _fork.Process(target=_add_many, args=(library,))
    process.start()
    process.join(300)
    assert process.exitcode == 0
    found = json.loads((tmp_path / "memory").read_text())
    # Eight times 300 songs of about three windows later: what is kept of a song is its place, about sixty bytes.
    assert max(found[4:]) - found[3] < 2 << 20


def test_a_file_that_vanishes_before_it_is_embedded_is_one_failure(tmp_path, encoder, songs):
    embed = encoder.embed_windows

    def vanishing(audio, *arguments):
        songs[4].unlink(missing_ok=True)
        return embed(audio, *arguments)

    encoder.embed_windows = vanishing
    report = embed_corpus(songs, encoder, tmp_path / "out.parquet")
    assert [Path(path).name for path, _ in report.failures] == [songs[4].name] and report.files == len(songs) - 1
