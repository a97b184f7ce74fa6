"""What can be asked for, which songs are let through, why a hit was found, and search through inverted lists."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxrep.errors import ArgumentError, ReferenceIndexError
from fxrep.retrieval import Between, ReferenceIndex, upgrade_index
from fxrep.retrieval.filters import parse_condition
from fxrep.retrieval.queries import QueryPart

from .killed_writers import DIM, Named, table

RATE = 8000


@pytest.fixture
def index(tmp_path, encoder, songs):
    with ReferenceIndex.create(tmp_path / "library.fxindex", encoder) as made:
        facts = {
            str(path): {"tempo": 80 + 10 * n, "tags": ["live", "rock"] if n % 2 else ["jazz"], "key": str(n)}
            for n, path in enumerate(songs)
        }
        made.add(songs, metadata=facts)
        yield made


def test_a_part_of_a_file_is_asked_for(index, tmp_path, noise):
    path = tmp_path / "both.wav"
    soundfile.write(path, np.concatenate([noise(40, 300, 2.0), noise(41, 2700, 2.0)]), RATE)
    hit = index.search(path, 1, start_s=2.0, duration_s=1.0)[0]
    assert hit.path.name == "song-2700.wav" and 2.0 <= hit.query_start_s < 3.0 and hit.query_duration_s == 0.5
    audio = soundfile.read(path)[0]
    assert index.search(audio, 1, sample_rate=RATE, start_s=2.0, duration_s=1.0)[0].score == hit.score
    assert index.search(path, 1, duration_s=2.0)[0].path.name == "song-0300.wav"
    with pytest.raises(ArgumentError, match="above 0"):
        index.search(path, 1, duration_s=0.0)


def test_an_id_finds_others_and_needs_no_encoder(index, songs):
    with ReferenceIndex.open(index.folder) as opened:
        hits = opened.search(3, 6)
        assert [hit.song_id for hit in hits] == [hit.song_id for hit in index.search(songs[2], 6)][1:]
        assert opened.search(3, 1, level="song", duration_s=0.5)[0].song_id != 3
        with pytest.raises(ArgumentError, match="no song with id 77"):
            opened.search(77)


def test_several_recordings_and_what_is_not_wanted(index, encoder, songs):
    both = index.search([songs[0], songs[1]], 6)
    mean = encoder.embed(songs[0]) + encoder.embed(songs[1])
    expected = index.search_vector((mean / mean.norm()).numpy(), 6)
    assert [(hit.song_id, hit.score) for hit in both] == [(hit.song_id, hit.score) for hit in expected]
    plain = {hit.song_id: hit.score for hit in index.search(songs[2], 6, level="song")}
    away = {hit.song_id: hit.score for hit in index.search(songs[2], 6, level="song", unlike=songs[3])}
    assert away[5] - away[1] < plain[5] - plain[1]
    # What is named is not found, whether by its id or as a file.
    assert set(plain) - set(away) == {4}
    for others in (4, [songs[3]], [4, 5], QueryPart(songs[3], 0.5)):
        left = {hit.song_id for hit in index.search(songs[2], 6, unlike=others)}
        assert left == set(plain) - ({4, 5} if others == [4, 5] else {4})
    assert {hit.song_id for hit in index.search([1, 2], 6, unlike=3)} == {4, 5, 6}
    with pytest.raises(ArgumentError, match="nothing is left"):
        index.search(songs[2], unlike=songs[2], dislike=1.0, level="song")


def test_a_stem_needs_an_encoder_that_takes_queries(index, songs, encoder, monkeypatch):
    with pytest.raises(ArgumentError, match="takes no stem"):
        index.search(songs[0], stem="bass")
    heard, embed = [], encoder.embed

    def listening(audio, sample_rate=None, *, query=None):
        heard.append(query)
        return embed(songs[4])

    monkeypatch.setattr(encoder, "embed", listening)
    assert index.search(songs[0], 1, stem="bass")[0].song_id == 5 and heard == ["bass"]


def test_filters_take_ranges_lists_and_folders(index, songs, tmp_path):
    def ids(**options):
        return sorted(hit.song_id for hit in index.search(songs[0], 10, **options))

    assert ids(where={"tempo": Between(90, 110)}) == [2, 3, 4] and ids(where={"tempo": Between(high=80)}) == [1]
    assert ids(where={"tags": "live"}) == [2, 4, 6] and ids(where={"tags": ["live", "jazz"]}) == [1, 2, 3, 4, 5, 6]
    assert ids(where={"key": Between(4)}) == [5, 6]  # numbers that a table holds as text
    assert ids(where={"tags": "jazz", "tempo": Between(85)}) == [3, 5]
    assert ids(folder=songs[0].parent) == [1, 2, 3, 4, 5, 6] and ids(folder=tmp_path / "son") == []
    assert parse_condition("90..110") == Between(90, 110) and parse_condition("..3") == Between(None, 3)
    assert parse_condition("a..b") == "a..b" and parse_condition("rock") == "rock"
    with pytest.raises(ArgumentError, match="lower end first"):
        ids(where={"tempo": Between(2, 1)})


def test_a_key_that_no_song_has_is_named_with_those_there_are(index, songs):
    assert index.search(songs[0], where={"tempo": 1234}) == []
    for where in ({"nokey": 1}, {"tempo": 1234, "nokey": Between(1)}):
        with pytest.raises(ArgumentError, match=r"'nokey': no song has it; known are: key, tags, tempo"):
            index.search(songs[0], where=where)


def test_the_tags_and_the_loudness_of_files_are_facts(tmp_path, encoder, noise):
    from fxrep.audio import integrated_loudness, read_audio

    path = tmp_path / "tagged.flac"
    with soundfile.SoundFile(path, "w", 44100, 2) as stream:
        stream.artist, stream.license = "Ana", "CC0"
        stream.write(
            np.random.default_rng(0).normal(size=(44100 * 62, 2)) * np.linspace(0.01, 0.1, 44100 * 62)[:, None]
        )
    with ReferenceIndex.create(tmp_path / "library.fxindex", encoder) as index:
        index.add(path, loudness=True)
        facts = index.songs()[0]["facts"]
        assert facts["artist"] == "Ana" and facts["licence"] == "CC0"
        truth = float(integrated_loudness(read_audio(path), 44100))
        assert facts["loudness_lufs"] == pytest.approx(truth, abs=0.02) and 5 < facts["loudness_range_lu"] < 25
        where = {"artist": "Ana", "loudness_lufs": Between(truth - 1, truth + 1)}
        assert len(index.search(path, where=where)) == 1 and index.search(path, where={"artist": "Bo"}) == []


def test_a_hit_says_why(tmp_path, encoder):
    rng, rate = np.random.default_rng(0), 44100
    dry = rng.normal(size=(rate * 2, 1)) * 0.05 * np.ones((1, 2))
    loud, wide = tmp_path / "loud.wav", tmp_path / "wide.wav"
    soundfile.write(loud, dry * 2, rate)
    soundfile.write(wide, dry + rng.normal(size=dry.shape) * 0.05 * [[1, -1]], rate)
    with ReferenceIndex.create(tmp_path / "library.fxindex", encoder) as index:
        index.add([loud, wide])
        hits = {hit.path.name: hit for hit in index.search(dry.T, 2, sample_rate=rate)}
        told = hits["loud.wav"].explanation
        assert told.differences[0].difference == pytest.approx(6.02, abs=0.6) and "dB louder" in told.text
        assert "alike in" in told.text and "width" in told.text.partition("alike in")[2]
        assert hits["wide.wav"].explanation.differences[0].family == "width"
        assert "wider" in hits["wide.wav"].explanation.text
        assert hits["wide.wav"].explanation.to_dict()["differences"][0]["difference"] > 0.2
        with pytest.raises(ArgumentError, match="embedding"):
            _ = index.search_vector(np.ones(24) / 24**0.5)[0].explanation


def test_inverted_lists_find_what_exact_search_finds(tmp_path, monkeypatch):
    names = [str(number) for number in range(600)]
    with ReferenceIndex.create(tmp_path / "library.fxindex", Named()) as index:
        index.add_embeddings(table(tmp_path, names, 1))
        report = index.compact(lists=True)
        assert report.inverted["recall_at_10"] >= 0.95 and report.inverted["kind"].endswith("SQ8")
        index.remove([7, 8])
        index.add_embeddings(table(tmp_path, ["600", "9"], 2))
        held, same = index.embeddings("window"), 0
        for query in held.vectors[::97]:
            fast = index.search_vector(query, 10, exact=False)
            slow = index.search_vector(query, 10)
            assert fast[0] == slow[0] and all(hit.song_id not in (7, 8) for hit in fast)
            same += len({hit.song_id for hit in fast} & {hit.song_id for hit in slow})
        assert same >= 0.95 * 10 * len(held.vectors[::97])
        found = index.search_vector(held.vectors[0], 3, exact=False, path_glob="*/60*")
        assert {Path(hit.path).name for hit in found} == {"60", "600"}
        lists = next(index.folder.glob("inverted-*.faiss"))
    data = lists.read_bytes()
    lists.unlink()  # a new file: the old one may still be mapped
    lists.write_bytes(data[:-9])
    with ReferenceIndex.open(tmp_path / "library.fxindex") as index:
        assert index.search_vector(held.vectors[0], 3, exact=False) == index.search_vector(held.vectors[0], 3)
        assert index.compact(lists=False).inverted is None and not list(index.folder.glob("*.faiss"))


def test_an_index_of_the_first_format_is_converted(tmp_path):
    folder, songs = tmp_path / "old.fxindex", table(tmp_path, ["1", "2", "3"], 1).to_songs()
    folder.mkdir()
    old = sqlite3.connect(folder / "index.sqlite")
    old.executescript(
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);"
        "CREATE TABLE songs (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT, content_hash TEXT, duration_s REAL, "
        "metadata TEXT, vector BLOB);"
        "CREATE TABLE windows (id INTEGER PRIMARY KEY AUTOINCREMENT, song_id INTEGER, start_s REAL, vector BLOB);"
    )
    meta = {"format_version": 1, "generation": 3, "fingerprint": "vectors", "model": "m", "dim": DIM}
    meta |= {"sample_rate": 8000, "window_s": 1.0}
    old.executemany("INSERT INTO meta VALUES (?, ?)", [(key, str(value)) for key, value in meta.items()])
    for number, song in enumerate(songs):
        values = (2 * number + 2, song.path.name, song.content_hash, song.duration_s, '{"a": 1}', song.song.tobytes())
        old.execute("INSERT INTO songs VALUES (?, ?, ?, ?, ?, ?)", values)
        for start, vector in zip(song.positions_s, song.windows, strict=True):
            row = (values[0], float(start), vector.tobytes())
            old.execute("INSERT INTO windows (song_id, start_s, vector) VALUES (?, ?, ?)", row)
    old.execute("INSERT INTO songs VALUES (9, 'gone', '', 1, '{}', x'00')")
    old.execute("DELETE FROM songs WHERE id = 9")
    old.commit()
    old.close()
    with pytest.raises(ReferenceIndexError, match=r"format version 1.*fxrep index upgrade"):
        ReferenceIndex.open(folder)
    assert upgrade_index(folder) == 3
    with ReferenceIndex.open(folder) as index:
        assert [song["id"] for song in index.songs()] == [2, 4, 6] and index.songs()[0]["metadata"] == {"a": 1}
        assert index.search_vector(songs[1].windows[0], 1)[0].song_id == 4
        assert index.add_embeddings(table(tmp_path, ["11"], 1)).added == [10]
    with pytest.raises(ReferenceIndexError, match="needs no conversion"):
        upgrade_index(folder)
