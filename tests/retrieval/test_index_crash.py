"""Whatever happens to the process or the files, vectors and metadata stay in step and finished work stays."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep.errors import OutputError, ReferenceIndexError
from fxrep.retrieval import EmbeddingTable, ReferenceIndex, build_index
from fxrep.retrieval.database import IndexDatabase
from fxrep.retrieval.writer_lock import writer_lock


@pytest.fixture
def folder(tmp_path, encoder, songs) -> Path:
    with ReferenceIndex.create(tmp_path / "library.fxindex", encoder) as index:
        index.add(songs[:4])
    return tmp_path / "library.fxindex"


def test_an_interrupt_keeps_what_was_finished(folder, encoder, songs, monkeypatch):
    embed, calls = encoder.embed_windows, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return embed(*arguments)

    monkeypatch.setattr(encoder, "embed_windows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ReferenceIndex.open(folder, encoder).add(songs)
    monkeypatch.undo()
    with ReferenceIndex.open(folder, encoder) as index:
        assert len(index) == 5 and len(index.add(songs).added) == 1


def _add_and_die(folder: Path, encoder, songs: list[Path]) -> None:
    embed, calls = encoder.embed_windows, []

    def dying(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            os._exit(9)
        return embed(*arguments)

    encoder.embed_windows = dying
    ReferenceIndex.open(folder, encoder).add(songs, commit_every=1)


def test_a_killed_writer_leaves_a_sound_index_and_no_lock(folder, encoder, songs):
    process = multiprocessing.get_context("fork").Process(target=_add_and_die, args=(folder, encoder, songs))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    with ReferenceIndex.open(folder, encoder) as index:
        assert len(index) == 5 and index.info()["windows"] == 15
        assert index.search(songs[4], k=1)[0].path == songs[4].resolve()
        assert len(index.add(songs).added) == 1


def test_missing_index_and_newer_format(folder, encoder, tmp_path):
    with pytest.raises(ReferenceIndexError, match=r"not a reference index.*fxrep index build"):
        ReferenceIndex.open(tmp_path / "nowhere.fxindex", encoder)
    with sqlite3.connect(folder / "index.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '4' WHERE key = 'format_version'")
        connection.execute("DELETE FROM meta WHERE key = 'state'")
    with pytest.raises(ReferenceIndexError, match=r"format version 4.*reads 3.*newer"):
        ReferenceIndex.open(folder, encoder)


def test_a_second_writer_is_told_to_wait(folder, encoder, songs):
    index = ReferenceIndex.open(folder, encoder)
    with writer_lock(folder), pytest.raises(ReferenceIndexError, match=r"another process.*try again"):
        index.add(songs[5])
    assert len(index.add(songs[5]).added) == 1


def test_an_open_reader_sees_what_another_wrote(folder, encoder, songs):
    reader, writer = ReferenceIndex.open(folder, encoder), ReferenceIndex.open(folder, encoder)
    assert songs[5].resolve() not in [hit.path for hit in reader.search(songs[5])]
    writer.add(songs[5])
    first = reader.search(songs[5], k=1)[0]
    assert first.path == songs[5].resolve()
    writer.remove(first.song_id)
    assert songs[5].resolve() not in [hit.path for hit in reader.search(songs[5])]
    reader.add(songs[4])
    assert writer.search(songs[4], k=1)[0].path == songs[4].resolve()


def test_a_full_disk_keeps_the_finished_songs(folder, encoder, noise, tmp_path):
    import soundfile

    paths = [tmp_path / f"{n}.wav" for n in range(60)]
    for n, path in enumerate(paths):
        soundfile.write(path, noise(n, 50 * n, 1.5), 8000)
    index = ReferenceIndex.open(folder, encoder)
    pages = index._database.connection.execute("PRAGMA page_count").fetchone()[0]
    # SQLite reports the same error as on a full disk.
    index._database.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(OutputError, match=r"full.*kept"):
        index.add(paths, commit_every=4)
    kept = len(index)
    assert kept > 4
    with ReferenceIndex.open(folder, encoder) as opened:
        assert len(opened) == kept and opened.search(paths[0], k=1)[0].path == paths[0].resolve()
        assert len(opened.add(paths).added) == 64 - kept


def test_a_database_that_cannot_be_written_can_be_searched(folder, encoder, songs):
    index = ReferenceIndex.open(folder, encoder)
    index._database.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(OutputError, match="cannot write"):
        index.add(songs[5])
    assert index.search(songs[0], k=1)[0].path == songs[0].resolve()


CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "compact", "reopen"]), st.integers(0, 7), st.integers(0, 99)),
    max_size=12,
)


class _Vectors:
    """An encoder in name only: these tests add embeddings that exist already."""

    sample_rate, window_s, dim, fingerprint = 8000, 1.0, 6, "vectors"


@settings(max_examples=25, deadline=None)
@given(changes=CHANGES)
def test_any_series_of_changes_finds_what_a_plain_comparison_finds(changes):
    with tempfile.TemporaryDirectory() as name:
        index = ReferenceIndex.create(Path(name) / "library.fxindex", _Vectors())
        truth: dict[str, tuple[int, np.ndarray]] = {}
        highest = 0
        for action, number, seed in changes:
            path = str(Path(name).resolve() / f"{number}.wav")
            if action == "add":
                table = _table(path, seed)
                report = index.add_embeddings(table)
                if report.added:
                    assert path not in truth and report.added[0] > highest
                    highest = report.added[0]
                    truth[path] = (highest, table.vectors)
                elif report.updated:
                    assert report.updated == [truth[path][0]]
                    truth[path] = (report.updated[0], table.vectors)
            elif action == "remove" and path in truth:
                index.remove(truth.pop(path)[0])
            elif action == "compact":
                index.compact()
            elif action == "reopen":
                index.close()
                index = ReferenceIndex.open(Path(name) / "library.fxindex")
        query = _table("query", 1000).vectors[0]
        scores = {path: float((vectors @ query).max()) for path, (_, vectors) in truth.items()}
        hits = index.search_vector(query, k=20)
        # Songs that score alike stand in the order of their ids, whatever the order they were added in at first.
        best_first = sorted(scores, key=lambda path: (-round(scores[path], 6), truth[path][0]))
        assert [str(hit.path) for hit in hits] == best_first
        np.testing.assert_allclose([hit.score for hit in hits], sorted(scores.values(), reverse=True), atol=1e-6)
        index.close()


def _table(path: str, seed: int) -> EmbeddingTable:
    vectors = np.random.default_rng(seed).normal(size=(1 + seed % 3, 6))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    count = len(unit)
    return EmbeddingTable(
        [path] * count, [f"{seed}"] * count, np.arange(count, dtype=float), np.ones(count), unit, "window", "vectors"
    )


def test_a_damaged_lock_is_named(folder, encoder, songs):
    (folder / "writer.lock").write_bytes(b"no lock" * 500)
    with (
        ReferenceIndex.open(folder, encoder) as index,
        pytest.raises(ReferenceIndexError, match=r"writer.lock is damaged: delete it"),
    ):
        index.remove(1)
    (folder / "writer.lock").unlink()
    with ReferenceIndex.open(folder, encoder) as index:
        assert index.remove(1) == 1


def test_a_full_disk_while_replacing_names_the_index_that_was_asked_for(folder, encoder, songs, monkeypatch):
    def full(self: IndexDatabase, *_: object) -> None:
        with self.errors():
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(IndexDatabase, "put", full)
    with pytest.raises(OutputError, match=r"cannot write .*/library.fxindex: database or disk is full") as caught:
        build_index(folder, songs, encoder, overwrite=True)
    assert "partial" not in str(caught.value)
