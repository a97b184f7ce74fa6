from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fxrep.errors import ArgumentError, AudioError, OutputError, ReferenceIndexError
from fxrep.retrieval import ReferenceIndex, build_index, embed_corpus

RATE = 8000


@pytest.fixture
def index(tmp_path, encoder, songs):
    with ReferenceIndex.create(tmp_path / "library.fxindex", encoder) as made:
        made.add(songs[0].parent)
        yield made


@pytest.mark.parametrize("most_scores", [1 << 22, 20, 1])
def test_order_and_scores_are_those_of_a_direct_comparison(index, encoder, songs, noise, monkeypatch, most_scores):
    monkeypatch.setattr("fxrep.retrieval.exact_search._MOST_SCORES", most_scores)
    query = np.concatenate([noise(100, 1700), noise(101, 800)])
    vectors = encoder.embed_windows(query, RATE)[1].double()
    expected = {}
    for path in songs:
        positions, windows = encoder.embed_windows(path)
        scores = (windows.double() @ vectors.T).amax(dim=1)
        expected[path.name] = (float(scores.max()), float(positions[scores.argmax()]))
    hits = index.search(query, k=6, sample_rate=RATE)
    assert [hit.path.name for hit in hits] == sorted(expected, key=lambda name: -expected[name][0])
    for hit in hits:
        assert (hit.score, hit.start_s) == pytest.approx(expected[hit.path.name], abs=1e-6)


def test_a_recording_whose_effects_change_finds_itself_first(tmp_path, encoder, noise):
    changing, between = tmp_path / "changing.wav", tmp_path / "between.wav"
    soundfile.write(changing, np.concatenate([noise(0, 300, 1.0), noise(1, 3300, 1.0)]), RATE)
    # What the average of the other sounds like.
    soundfile.write(between, noise(2, 300, 2.0) + noise(3, 3300, 2.0), RATE)
    index = ReferenceIndex.create(tmp_path / "library.fxindex", encoder)
    index.add([between, changing])
    mean = encoder.embed(changing).numpy()
    assert index.search_vector(mean, k=1)[0].path.name == "between.wav"
    for level in ("window", "song"):
        hit = index.search(changing, k=1, level=level)[0]
        assert (hit.path.name, hit.score) == ("changing.wav", pytest.approx(1, abs=1e-6))


def test_same_equalisation_on_other_noise_is_found_first(index, noise):
    for centre in (300, 1500, 3300):
        assert index.search(noise(50, centre), k=1, sample_rate=RATE)[0].path.name == f"song-{centre:04d}.wav"


def test_the_part_of_a_song_that_matches_is_named(tmp_path, encoder, noise):
    path = tmp_path / "two-halves.wav"
    soundfile.write(path, np.concatenate([noise(0, 300, 1.0), noise(1, 3300, 1.0)]), RATE)
    index = ReferenceIndex.create(tmp_path / "library.fxindex", encoder)
    index.add(path)
    assert index.search(noise(2, 300), k=1, sample_rate=RATE)[0].start_s in (0.0, 0.5)
    assert index.search(noise(2, 3300), k=1, sample_rate=RATE)[0].start_s in (1.0, 1.5)


def test_all_windows_returns_several_positions_of_a_song(index, songs):
    hits = index.search(songs[2], k=18, all_windows=True)
    assert len(hits) == 18
    assert sorted(hit.start_s for hit in hits if hit.path == songs[2].resolve()) == [0.0, 0.5, 1.0]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_song_level_compares_whole_songs(index, encoder, songs):
    hits = index.search(songs[3], k=6, level="song")
    query = encoder.embed(songs[3])
    assert hits[0].score == pytest.approx(1.0, abs=1e-6)
    for hit in hits:
        assert hit.score == pytest.approx(float(encoder.embed(hit.path) @ query), abs=1e-6)
        assert (hit.start_s, hit.duration_s) == (0.0, 1.5)


def test_best_window_per_song_reaches_past_a_song_with_many_windows(tmp_path, encoder, noise):
    long, short = tmp_path / "long.wav", tmp_path / "short.wav"
    soundfile.write(long, noise(0, 900, 60.0), RATE)
    soundfile.write(short, noise(1, 3300, 1.0), RATE)
    index = ReferenceIndex.create(tmp_path / "library.fxindex", encoder)
    index.add([long, short])
    assert [hit.path.name for hit in index.search(noise(2, 900), k=2, sample_rate=RATE)] == ["long.wav", "short.wav"]


def test_fewer_songs_than_asked_and_an_empty_index(index, tmp_path, encoder, songs):
    assert len(index.search(songs[0], k=100)) == 6
    empty = ReferenceIndex.create(tmp_path / "empty.fxindex", encoder)
    assert empty.search(songs[0]) == [] and empty.search(songs[0], level="song") == []


def test_adding_again_changes_nothing(index, encoder, songs):
    before, calls = index.songs(), len(encoder.embedded)
    report = index.add(songs[0].parent)
    assert report.added == [] and len(report.unchanged) == 6
    assert index.songs() == before and len(encoder.embedded) == calls


def test_a_changed_file_replaces_its_entry_and_keeps_its_metadata(index, songs, noise):
    index.add(songs[0], metadata={str(songs[0]): {"genre": "rock"}})
    old = next(entry["id"] for entry in index.songs() if entry["path"] == str(songs[0].resolve()))
    soundfile.write(songs[0], noise(77, 3900), RATE)
    report = index.add(songs[0])
    assert report.updated == [old] and not report.added
    best = index.search(noise(78, 3900), k=1, sample_rate=RATE)[0]
    assert best.path == songs[0].resolve() and best.metadata == {"genre": "rock"} and len(index) == 6


def test_ids_are_never_used_again(tmp_path, index, encoder, songs):
    assert index.remove(6) == 1
    index.remove([5, 4])
    index.close()
    with ReferenceIndex.open(tmp_path / "library.fxindex", encoder) as opened:
        assert opened.add(songs[5]).added == [7]
        assert {entry["id"] for entry in opened.songs()} == {1, 2, 3, 7}


def test_removed_songs_are_not_found(index, songs):
    index.remove(index.search(songs[1], k=1)[0].song_id)
    assert songs[1].resolve() not in [hit.path for hit in index.search(songs[1], k=6)]
    assert len(index.embeddings("window")) == 15 and index.info()["windows"] == 15


def test_an_unknown_id_removes_nothing(index):
    with pytest.raises(ArgumentError, match="no song with id 99"):
        index.remove([1, 99])
    assert len(index) == 6


def test_a_copy_is_not_embedded_twice(index, encoder, songs):
    copy = songs[0].with_name("copy.wav")
    shutil.copy(songs[0], copy)
    calls = len(encoder.embedded)
    assert len(index.add(copy).added) == 1 and len(encoder.embedded) == calls
    first, second = index.search(songs[0], k=2)
    assert first.score == second.score and first.song_id < second.song_id


def test_a_link_and_its_target_are_one_song(tmp_path, encoder, songs):
    link = tmp_path / "link.wav"
    link.symlink_to(songs[0])
    index = ReferenceIndex.create(tmp_path / "library.fxindex", encoder)
    assert len(index.add([songs[0], link]).added) == 1
    assert len(index.search(songs[0], k=5, all_windows=True)) == 3


def test_filters(index, songs):
    index.add(songs, metadata={str(path): {"loud": n > 2, "year": 2000 + n} for n, path in enumerate(songs)})
    names = [hit.path for hit in index.search(songs[0], where={"loud": True})]
    assert sorted(names) == [path.resolve() for path in songs[3:]]
    assert [hit.path for hit in index.search(songs[0], where={"loud": "true", "year": 2004})] == [songs[4].resolve()]
    assert [hit.path for hit in index.search(songs[0], path_glob="*-2?00.wav", level="song")] == [
        path.resolve() for path in (songs[3], songs[4])
    ]
    assert index.search(songs[0], where={"year": 1999}) == []


@pytest.mark.parametrize("values", [{"a": [1]}, {"a": float("nan")}, {1: "a"}])
def test_metadata_that_cannot_be_stored_is_refused(index, songs, values):
    with pytest.raises(ArgumentError, match="metadata"):
        index.add(songs, metadata={str(songs[0]): values})


def test_bad_files_are_named_and_the_rest_goes_on(tmp_path, encoder, songs, bad_files):
    index = ReferenceIndex.create(tmp_path / "library.fxindex", encoder)
    report = index.add([*bad_files.values(), songs[0].parent])
    assert {path for path, _ in report.failures} == {str(path) for path in bad_files.values()}
    assert all(reason and "\n" not in reason and "bad/" not in reason for _, reason in report.failures)
    assert len(report.added) == len(index) == 6


def test_a_vector_that_is_not_finite_is_a_failure(tmp_path, encoder, songs, monkeypatch):
    index = ReferenceIndex.create(tmp_path / "library.fxindex", encoder)
    broken = torch.full((2, encoder.dim), float("nan"))
    monkeypatch.setattr(encoder, "embed_windows", lambda *_: (torch.zeros(2), broken))
    assert "no finite direction" in index.add(songs[0]).failures[0][1]


def test_another_model_is_refused_by_both_names(index, other_encoder):
    with pytest.raises(ReferenceIndexError, match=r"bands-1.*bands-2.*rebuild"):
        ReferenceIndex.open(index.folder, other_encoder)


def test_without_an_encoder_it_lists_but_does_not_search(index, songs):
    with ReferenceIndex.open(index.folder) as opened:
        assert len(opened.embeddings()) == len(opened) == 6
        assert opened.search_vector(index.embeddings().vectors[2], k=1)[0].path == songs[2].resolve()
        with pytest.raises(ArgumentError, match="without an encoder"):
            opened.search(songs[0])


def test_wrong_calls(index, songs, tmp_path, encoder):
    with pytest.raises(ArgumentError, match="k is 0"):
        index.search(songs[0], k=0)
    with pytest.raises(ArgumentError, match="choose song or window"):
        index.search(songs[0], level="bar")
    with pytest.raises(ArgumentError, match="24 values"):
        index.search_vector(np.zeros(3))
    with pytest.raises(ArgumentError, match="24 values"):
        index.search_vector(np.zeros((0, 24)))
    with pytest.raises(AudioError, match="does not exist"):
        index.search(tmp_path / "missing.wav")
    with pytest.raises(AudioError, match="no audio"):
        (tmp_path / "nothing").mkdir()
        index.add(tmp_path / "nothing")
    with pytest.raises(OutputError, match="exists already"):
        ReferenceIndex.create(index.folder, encoder)


def test_a_library_that_moves_with_its_index_is_found(tmp_path, encoder):
    old = tmp_path / "old"
    old.mkdir()
    soundfile.write(old / "a.wav", np.random.default_rng(0).normal(size=RATE) * 0.1, RATE)
    build_index(old / "library.fxindex", old / "a.wav", encoder)
    old.rename(tmp_path / "new")
    with ReferenceIndex.open(tmp_path / "new" / "library.fxindex", encoder) as index:
        hit = index.search(tmp_path / "new" / "a.wav")[0]
        assert hit.path == (tmp_path / "new" / "a.wav").resolve() and hit.path.exists()
        assert len(index.add(tmp_path / "new" / "a.wav").unchanged) == 1


def test_an_index_that_was_moved_alone_says_so_once(tmp_path, encoder, songs, caplog):
    build_index(tmp_path / "library.fxindex", songs, encoder)
    with ReferenceIndex.open(tmp_path / "library.fxindex", encoder) as index:
        index.search(songs[0])
        index.songs()
    assert not caplog.records
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "library.fxindex").rename(tmp_path / "elsewhere" / "library.fxindex")
    with ReferenceIndex.open(tmp_path / "elsewhere" / "library.fxindex", encoder) as index:
        hit = index.search(songs[0])[0]
        index.search(songs[1])
        index.songs()
    assert len(caplog.records) == 1 and str(hit.path) in caplog.text and "move both together" in caplog.text


def test_building_over_an_index_keeps_the_old_one_when_it_fails(index, encoder, songs, bad_files):
    with pytest.raises(OutputError, match="exists already"):
        build_index(index.folder, songs, encoder)
    with pytest.raises(AudioError, match="none of the 1 files"):
        build_index(index.folder, bad_files["text"], encoder, overwrite=True)
    assert len(ReferenceIndex.open(index.folder, encoder)) == 6
    build_index(index.folder, songs[:2], encoder, overwrite=True)
    assert len(ReferenceIndex.open(index.folder, encoder)) == 2


def test_a_build_that_was_interrupted_goes_on_when_it_is_repeated(tmp_path, encoder, other_encoder, songs, monkeypatch):
    embed, calls, made = encoder.embed_windows, [], tmp_path / "new.fxindex"

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return embed(*arguments)

    monkeypatch.setattr(encoder, "embed_windows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_index(made, songs[0].parent, encoder)
    with pytest.raises(OutputError, match=r"begun with other files.*index add .*new\.fxindex"):
        build_index(made, songs[0], encoder)
    with pytest.raises(ReferenceIndexError, match="was made with model"):
        build_index(made, songs[0].parent, other_encoder)
    monkeypatch.chdir(tmp_path)
    report = build_index(made, "songs", encoder)
    assert (len(report.unchanged), len(report.added), len(calls)) == (3, 3, 7)
    with pytest.raises(OutputError, match=r"exists already.*index add .*new\.fxindex"):
        build_index(made, "songs", encoder)


def test_a_dead_link_in_a_folder_is_one_bad_file_of_a_build(tmp_path, encoder, songs):
    dead = songs[0].parent / "dead.wav"
    dead.symlink_to(tmp_path / "nothing.wav")
    report = build_index(tmp_path / "new.fxindex", songs[0].parent, encoder)
    assert len(report.added) == 6 and [path for path, _ in report.failures] == [str(dead)]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take UTF-8 names only")
def test_a_name_that_is_not_utf8_is_one_bad_file(tmp_path, encoder, songs):
    odd = songs[0].rename(songs[0].parent / os.fsdecode(b"caf\xe9.wav"))
    report = build_index(tmp_path / "new.fxindex", odd.parent, encoder)
    assert len(report.added) == 5 and report.failures[0] == (str(odd), "has a name that is not UTF-8: rename it")


@pytest.mark.parametrize("ids", [["x"], "12", [1, 2.0], [None]])
def test_ids_are_integers(index, ids):
    with pytest.raises(ArgumentError, match="is not the id of a song"):
        index.remove(ids)
    assert len(index) == 6 and index.remove(index.embeddings().start_s.astype(int)[:1] + 1) == 1


@pytest.mark.parametrize("song_id", [-1, 0, 999, 1 << 63, 10**30])
def test_removing_an_id_that_no_song_has_is_refused(index, song_id):
    with pytest.raises(ArgumentError, match=f"no song with id {song_id}"):
        index.remove([1, song_id])
    assert len(index) == 6


def test_building_never_replaces_another_folder(tmp_path, encoder, songs):
    with pytest.raises(OutputError, match="not a reference index"):
        build_index(songs[0].parent, songs, encoder, overwrite=True)
    # Nor does it advise to.
    (tmp_path / "q.fxindex").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="not a reference index and will not be replaced: choose another name"):
            build_index(tmp_path / "q.fxindex", songs, encoder, overwrite=overwrite)
    assert (tmp_path / "q.fxindex").read_text() == "mine"
    (tmp_path / "made-before.fxindex").mkdir()
    assert len(build_index(tmp_path / "made-before.fxindex", songs, encoder).added) == 6
    with pytest.raises(AudioError, match="none of"):
        (tmp_path / "empty.wav").write_bytes(b"")
        build_index(tmp_path / "new.fxindex", tmp_path / "empty.wav", encoder)
    assert not (tmp_path / "new.fxindex").exists() and Path(songs[0]).exists()


def test_embeddings_tables_agree_with_the_encoder(index, encoder, songs):
    windows, whole = index.embeddings("window"), index.embeddings("song")
    assert windows.paths[:3] == [str(songs[0].resolve())] * 3 and windows.start_s[:3].tolist() == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(whole.vectors, np.stack([encoder.embed(path) for path in songs]), atol=1e-6)
    np.testing.assert_allclose(windows.songs().vectors, whole.vectors, atol=1e-6)


def test_an_index_is_built_of_embeddings_too(tmp_path, encoder, other_encoder, songs):
    embed_corpus(songs[:4], encoder, tmp_path / "windows.parquet", level="window")
    embed_corpus(songs[:4], encoder, tmp_path / "songs.parquet")
    encoder.embedded.clear()
    report = build_index(tmp_path / "made.fxindex", [tmp_path / "windows.parquet", songs[4]], encoder)
    assert len(report.added) == 5 and encoder.embedded == [str(songs[4])]
    with ReferenceIndex.open(tmp_path / "made.fxindex", encoder) as made:
        assert made.search(songs[2], k=1)[0].path == songs[2].resolve()
    with pytest.raises(ArgumentError, match="--windows"):
        build_index(tmp_path / "other.fxindex", tmp_path / "songs.parquet", encoder)
    with pytest.raises(ReferenceIndexError, match="were made with model"):
        build_index(tmp_path / "other.fxindex", tmp_path / "windows.parquet", other_encoder)
    assert not (tmp_path / "other.fxindex").exists()
