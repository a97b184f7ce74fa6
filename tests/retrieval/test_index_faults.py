"""A flipped byte, a full disk, files that vanish: nothing acknowledged is lost, and what is damaged is named."""

from __future__ import annotations

import json
import multiprocessing
import resource
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxrep.errors import FxrepError, OutputError, ReferenceIndexError
from fxrep.retrieval import ReferenceIndex

from .killed_writers import Named, song_vectors, table

NAMES = [str(number) for number in range(10)]


@pytest.fixture
def library(tmp_path) -> Path:
    folder = tmp_path / "library.fxindex"
    with ReferenceIndex.create(folder, Named()) as index:
        index.add_embeddings(table(tmp_path, NAMES, 1))
        index.remove([3])
        index.add_embeddings(table(tmp_path, ["5"], 2))
    return folder


def _contents(index: ReferenceIndex) -> dict[str, tuple[int, bytes]]:
    held = index.embeddings("window")
    return {
        Path(song["path"]).name: (
            song["id"],
            held.vectors[[row for row, path in enumerate(held.paths) if path == song["path"]]].tobytes(),
        )
        for song in index.songs()
    }


def test_a_byte_that_flips_in_any_file_is_repaired_or_named(library, tmp_path):
    with ReferenceIndex.open(library) as index:
        expected = _contents(index)
    rng, outcomes = np.random.default_rng(0), set()
    files = [file for file in sorted(library.iterdir()) if file.stat().st_size]
    assert len(files) == 5
    for file in files:
        data = file.read_bytes()
        # Half of them where something is written: most of a small database is empty.
        written = np.flatnonzero(np.frombuffer(data, dtype=np.uint8))
        for place in [*rng.integers(len(data), size=6), *rng.choice(written, size=6)]:
            copy = tmp_path / "copy.fxindex"
            shutil.copytree(library, copy)
            flipped = bytearray(data)
            flipped[place] ^= 1 << int(rng.integers(8))
            (copy / file.name).write_bytes(flipped)
            with ReferenceIndex.open(copy) as index:
                damaged = {song["id"] for song in index.damaged()}
                index.repair()
                held = _contents(index)
                # Exactly what was acknowledged, but for the vectors that are named as damaged.
                assert {name: song_id for name, (song_id, _) in held.items()} == {
                    name: song_id for name, (song_id, _) in expected.items()
                }
                for name, (song_id, vectors) in held.items():
                    assert song_id in damaged or vectors == expected[name][1]
                assert len(damaged) <= 1 and (not damaged or file.suffix == ".f32")
                assert index.info()["damaged"] == sorted(damaged)
                outcomes.add((file.suffix, bool(index.repaired), bool(damaged)))
            with ReferenceIndex.open(copy) as index:
                assert index.repaired == [] and index.info()["faults"] == []
            shutil.rmtree(copy)
    assert {(".sqlite", True, False), (".json", True, False), (".log", True, False), (".f32", False, True)} <= outcomes


@pytest.mark.parametrize("damage", ["empty", "cut", "gone", "words"])
def test_a_lost_database_is_made_again_from_the_journal(library, damage):
    with ReferenceIndex.open(library) as index:
        expected = _contents(index)
    file = library / "index.sqlite"
    data = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes({"empty": b"", "cut": data[:5000], "words": b"not a database"}[damage])
    with ReferenceIndex.open(library) as index:
        assert "made again from the journal; no song is lost" in index.repaired[0]
        assert _contents(index) == expected and index.info()["repaired"] == index.repaired
        assert index.add_embeddings(table(library.parent, ["2"], 7)).added == [11]
    with ReferenceIndex.open(library) as index:
        assert index.repaired == []


def test_two_lost_files_are_an_error_that_says_how_to_rebuild(library):
    (library / "index.sqlite").write_bytes(b"not a database")
    (library / "journal-000001.log").write_bytes(b"no journal\n" * 50)
    with pytest.raises(ReferenceIndexError, match=r"corrupt.*rebuild it with: fxrep index build"):
        ReferenceIndex.open(library)


def test_damaged_songs_are_left_out_named_and_embedded_again(tmp_path, encoder, songs, caplog):
    with ReferenceIndex.create(tmp_path / "library.fxindex", encoder) as index:
        index.add(songs)
    file = tmp_path / "library.fxindex" / "windows-000001.f32"
    data = bytearray(file.read_bytes())
    data[4 * 24 * 3 * 2 + 5] ^= 4  # in the third song
    file.write_bytes(data)
    with ReferenceIndex.open(tmp_path / "library.fxindex", encoder) as index:
        assert songs[2].resolve() not in [hit.path for hit in index.search(songs[2])]
        assert "damaged and left out of every search (ids 3)" in caplog.text and "index repair" in caplog.text
        assert index.info()["damaged"] == [3] and index.compact().damaged == []
        report = index.repair()
        assert report.updated == [3] and report.failures == [] and index.info()["damaged"] == []
        assert index.search(songs[2], k=1)[0].song_id == 3
        assert index.compact().damaged == [] and index.search(songs[2], k=1)[0].song_id == 3


def test_compacting_leaves_damaged_songs_where_they_can_be_seen(library):
    file = library / "windows-000001.f32"
    data = bytearray(file.read_bytes())
    data[2] ^= 4
    file.write_bytes(data)
    with ReferenceIndex.open(library) as index:
        assert index.compact().damaged == [1]
        assert index.info()["damaged"] == [1] and len(index) == 9


def _add_until_full(library: Path, size: int, queue) -> None:
    # The system refuses to let any file grow beyond it, as it does on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    done = []
    try:
        with ReferenceIndex.open(library) as index:
            for number in range(100, 400):
                index.add_embeddings(table(library.parent, [str(number)], 1))
                done.append(str(number))
    except FxrepError as error:
        queue.put((type(error).__name__, str(error), done))
    else:
        queue.put(("", "", done))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process")
@pytest.mark.parametrize("size", [25_000, 40_000, 60_000])
def test_a_full_disk_keeps_exactly_what_was_acknowledged(library, size):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_add_until_full, args=(library, size, queue))
    process.start()
    kind, text, done = queue.get(timeout=60)
    process.join(60)
    assert kind == "OutputError" and "cannot write" in text and len(done) < 300
    with ReferenceIndex.open(library) as index:
        held = {name for name in _contents(index) if int(name) >= 100}
        assert held == set(done) and index.repaired == [] and index.info()["damaged"] == []
        index.add_embeddings(table(library.parent, [str(number) for number in range(100, 400)], 1))
        assert len(index) == 9 + 300 and index.search_vector(song_vectors("250", 1)[0], k=1)[0].score == 1.0


def test_a_file_that_vanishes_between_scan_and_read_is_one_failure(tmp_path, encoder, songs, monkeypatch):
    embed = encoder.embed_windows

    def vanishing(audio, *arguments):
        if Path(audio).name == songs[1].name:
            songs[2].unlink()
        if Path(audio).name == songs[4].name:
            with soundfile.SoundFile(songs[4], "r+") as stream:
                stream.seek(0, soundfile.SEEK_END)
                stream.write(np.zeros(800))
        return embed(audio, *arguments)

    monkeypatch.setattr(encoder, "embed_windows", vanishing)
    with ReferenceIndex.create(tmp_path / "library.fxindex", encoder) as index:
        report = index.add(songs)
        assert [path for path, _ in report.failures] == [str(songs[2]), str(songs[4])]
        assert "changed while it was read" in report.failures[1][1] and len(index) == 4
        monkeypatch.undo()
        assert index.add(songs[4]).added == [5]


def test_the_manifest_names_the_encoder_and_every_part(library):
    import zlib

    manifest = json.loads((library / "manifest.json").read_text())
    assert manifest["encoder"]["fingerprint"] == "vectors" and manifest["songs"] == 9
    for part in manifest["vectors"]:
        data = (library / part["file"]).read_bytes()[: part["rows"] * 16 * 4]
        assert part["crc32"] == f"{zlib.crc32(data):08x}"


def test_a_writer_that_fails_in_the_middle_leaves_nothing(library, monkeypatch):
    with ReferenceIndex.open(library) as index:
        expected, sizes = _contents(index), (library / "windows-000001.f32").stat().st_size

        def failing(*_):
            raise OutputError("cannot write: full")

        monkeypatch.setattr("fxrep.retrieval.changes.append_journal", failing)
        with pytest.raises(OutputError):
            index.add_embeddings(table(library.parent, ["90"], 1))
        monkeypatch.undo()
        assert _contents(index) == expected and (library / "windows-000001.f32").stat().st_size > sizes
        index.add_embeddings(table(library.parent, ["91"], 1))
        assert index.info()["damaged"] == [] and _contents(index).keys() == expected.keys() | {"91"}


def test_readers_keep_their_generation_while_parts_move(library):
    with ReferenceIndex.open(library) as reader, ReferenceIndex.open(library) as writer:
        before = reader._view
        windows = np.array(before.vectors(0)[0])
        writer.remove([1, 2])
        writer.compact()
        np.testing.assert_array_equal(before.vectors(0)[0], windows)
        assert len(reader) == 7 and reader._refresh().state.epoch == 1
        assert not (library / "windows-000001.f32").exists()
