"""The map that is kept with an index, on forty songs of four kinds."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxrep.errors import ArgumentError, DataError, FxrepError, OutputError, ReferenceIndexError
from fxrep.retrieval import ReferenceIndex
from fxrep.visualization import FEATURES, LibraryMap, map_fitting, map_keeping
from fxrep.visualization import library_map as library_map_module
from fxrep.visualization.array_file import kept_checksum
from fxrep.visualization.map_file import map_file

from .mixed_songs import GROUPS, RATE, MixEncoder, mixed_noise, write_songs


@pytest.fixture(scope="module")
def mapped(mixes: Path) -> Path:
    """The songs with an index that has a map."""
    with ReferenceIndex.open(mixes / "library.fxindex") as index:
        LibraryMap.make(index)
    return mixes


@pytest.fixture
def folder(mapped: Path, tmp_path: Path) -> Path:
    """A copy to change; the index finds the songs beside it."""
    shutil.copytree(mapped, tmp_path / "mixes")
    return tmp_path / "mixes"


def open_index(folder: Path) -> ReferenceIndex:
    return ReferenceIndex.open(folder / "library.fxindex", MixEncoder())


def kinds(library_map: LibraryMap) -> list[str]:
    return [library_map.songs[song]["metadata"].get("kind", "") for song in library_map.points.song_id.tolist()]


def test_a_group_is_called_what_was_done_to_it(mapped):
    library_map = LibraryMap.open(open_index(mapped))
    assert sorted(cluster.name for cluster in library_map.clusters) == [
        "brighter",
        "louder",
        "near the average",
        "wider",
    ]
    of = np.array(kinds(library_map))
    for cluster in library_map.clusters:
        kind = cluster.name.replace("near the average", "plain")
        assert cluster.size == 10 and set(of[library_map.points.cluster == cluster.id]) == {kind}
    louder = next(cluster for cluster in library_map.clusters if cluster.name == "louder")
    (feature,) = louder.features
    assert feature.name == "loudness" and feature.unit == "dB" and feature.difference == pytest.approx(8, abs=0.3)
    assert louder.text == f"{feature.difference:.1f} dB louder"


def test_new_songs_are_placed_and_nothing_else_moves(folder):
    index = open_index(folder)
    before = LibraryMap.open(index)
    index.add(write_songs(folder / "songs", 2, first=90))
    after = LibraryMap.open(index)
    assert len(after) == 48 and after.points.fitted.sum() == 40
    assert np.array_equal(after.points.song_id[:40], before.points.song_id)
    assert after.points.positions[:40].tobytes() == before.points.positions.tobytes()
    assert after.points.cluster[:40].tobytes() == before.points.cluster.tobytes()
    names = {cluster.id: cluster.name.replace("near the average", "plain") for cluster in after.clusters}
    assert [names[label] for label in after.points.cluster[40:]] == [kind for kind in GROUPS for _ in range(2)]
    # Kept: opened once more, it is the same to the last bit, and so it is by a reader that cannot write.
    again = LibraryMap.open(open_index(folder))
    assert again.points.positions.tobytes() == after.points.positions.tobytes()


def test_a_changed_song_is_placed_anew_and_a_removed_one_is_gone(folder):
    index = open_index(folder)
    before = LibraryMap.open(index)
    changed = folder / "songs" / "plain-03.wav"
    soundfile.write(changed, mixed_noise(5003, "wider"), RATE)
    index.add(changed)
    song = next(song["id"] for song in index.songs() if song["path"] == str(changed))
    gone = before.points.song_id[-1]
    index.remove(int(gone))
    after = LibraryMap.open(index)
    assert gone not in after.points.song_id and len(after) == 39
    rest = after.points.song_id != song
    old = np.isin(before.points.song_id, after.points.song_id[rest])
    assert after.points.positions[rest].tobytes() == before.points.positions[old].tobytes()
    now = int(after.points.cluster[~rest][0])
    assert after.clusters[now].name == "wider" and not after.points.fitted[~rest].any()
    assert sum(cluster.size for cluster in after.clusters) == 39
    assert np.isnan(after.features[~rest]).all(), "what was measured of the earlier content is forgotten"
    index.compact()
    assert LibraryMap.open(index).points.positions.tobytes() == after.points.positions.tobytes()


def test_the_same_vector_goes_to_the_same_place(mapped):
    index = open_index(mapped)
    library_map = LibraryMap.open(index)
    points = index.points()
    known = points.vectors(np.arange(len(points)))
    assert library_map.place(known).tobytes() == library_map.points.positions.tobytes()
    generator = np.random.default_rng(0)
    new = known + 0.1 * generator.normal(size=known.shape).astype(np.float32)
    new /= np.linalg.norm(new, axis=1, keepdims=True)
    together = library_map.place(new)
    alone = np.concatenate([library_map.place(vector) for vector in new])
    assert together.tobytes() == alone.tobytes()
    assert np.abs(together).max() <= 1
    with pytest.raises(ArgumentError, match="finite vectors of 19 values"):
        library_map.place(np.ones((1, 7)))


def test_the_same_seed_gives_the_same_map(folder):
    kept = map_file(folder / "library.fxindex", "song").read_bytes()
    index = open_index(folder)
    LibraryMap.make(index)
    assert map_file(index.folder, "song").read_bytes() == kept
    other = LibraryMap.make(index, seed=1, measure=False)
    assert not np.array_equal(other.points.positions, LibraryMap.make(index).points.positions)


def test_windows_have_a_map_of_their_own(folder):
    index = open_index(folder)
    library_map = LibraryMap.make(index, "window", measure=False)
    assert len(library_map) == 80 and library_map.table["start_s"].to_pylist()[:2] == [0.0, 1.0]
    assert LibraryMap.open(index, "window").level == "window" and LibraryMap.open(index).level == "song"
    assert library_map.table.column_names == ["song_id", "start_s", "duration_s", "x", "y", "cluster", "fitted"]


def test_of_a_large_library_some_are_fitted_and_the_others_placed(folder, monkeypatch):
    monkeypatch.setattr(map_fitting, "MOST_FITTED", 24)
    index = open_index(folder)
    library_map = LibraryMap.make(index, measure=False)
    assert library_map.points.fitted.sum() == 24 and len(library_map.stored.projection.landmarks) == 24
    near = np.linalg.norm(library_map.points.positions[:, None] - library_map.points.positions, axis=-1) + 9 * np.eye(
        40
    )
    of = np.array(kinds(library_map))
    assert np.mean(of[near.argmin(axis=1)] == of) > 0.9


def test_colours_are_groups_or_numbers(mapped):
    library_map = LibraryMap.open(open_index(mapped))
    by_kind = library_map.colors("kind")
    assert [by_kind.groups[value] for value in by_kind.values] == kinds(library_map)
    tempo = library_map.colors("tempo")
    assert tempo.kind == "numbers" and tempo.values.tolist() == [90.0 + n for n in range(40)]
    width = library_map.colors("width")
    wide = np.array(kinds(library_map)) == "wider"
    assert width.values[wide].min() > 0.3 > 0.2 > width.values[~wide].max()
    assert width.ticks[-1][1].endswith(" %")
    assert library_map.colors("folder").groups == ("songs",)
    with pytest.raises(ArgumentError, match="choose among cluster, folder, kind, tempo, loudness"):
        library_map.colors("mood")


def test_measuring_that_is_interrupted_goes_on(folder):
    index = open_index(folder)
    (index.folder / "features-song.safetensors").unlink()

    class EnoughError(Exception):
        pass

    def stop(_: str, done: int, __: int) -> None:
        if done == 5:
            raise EnoughError

    library_map = LibraryMap.open(index)
    with pytest.raises(EnoughError):
        library_map.measure(progress=stop)
    again = LibraryMap.open(index)
    assert len(again.unmeasured()) == 35
    (folder / "songs" / "wider-09.wav").unlink()
    assert again.measure() == [(str(folder / "songs" / "wider-09.wav"), "does not exist: check the path")]
    assert again.unmeasured().tolist() == [39] and again.features.shape == (40, len(FEATURES))


def test_what_cannot_be_opened_says_how_to_make_it(folder, caplog):
    index = open_index(folder)
    with pytest.raises(ReferenceIndexError, match=r"no map of its windows yet: make it with: fxrep map .* --level win"):
        LibraryMap.open(index, "window")
    file = map_file(index.folder, "song")
    sound = file.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(sound), 60).tolist():
        file.write_bytes(sound[:place] + bytes([sound[place] ^ 16]) + sound[place + 1 :])
        try:
            LibraryMap.open(index)
        except ReferenceIndexError as error:
            assert "make it again with: fxrep map" in str(error)
        else:
            pytest.fail(f"a flipped bit in byte {place} went unnoticed")
    file.write_bytes(sound[:1000])
    with caplog.at_level(logging.WARNING):
        made = LibraryMap.open_or_make(index, measure=False)
    assert "is damaged" in caplog.text and len(made) == 40
    with pytest.raises(ArgumentError, match="seed is -1"):
        LibraryMap.make(index, seed=-1)


def test_a_map_of_another_model_is_refused(folder):
    with ReferenceIndex.create(folder / "other.fxindex", MixEncoder("mix-2")) as other:
        other.add(folder / "songs" / "plain-00.wav")
        shutil.copy(map_file(folder / "library.fxindex", "song"), other.folder)
        with pytest.raises(ReferenceIndexError, match=r"was made with model mix-1, but .* with mix-2"):
            LibraryMap.open(other)
        other.remove(1)
        with pytest.raises(DataError, match="holds no songs"):
            LibraryMap.make(other)


def test_a_library_that_cannot_be_written_is_drawn_all_the_same(folder, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise OutputError("cannot write it: the disk is full")

    index = open_index(folder)
    index.remove(1)
    monkeypatch.setattr(map_keeping, "write_map", full)
    with caplog.at_level(logging.WARNING):
        assert len(LibraryMap.open(index)) == 39
    assert "the disk is full: the map is not kept" in caplog.text
    assert issubclass(OutputError, FxrepError)


def test_a_map_that_was_outgrown_asks_to_be_made_again(folder, caplog):
    index = open_index(folder)
    index.remove(range(4, 41))
    LibraryMap.make(index)
    index.add(folder / "songs")
    with caplog.at_level(logging.WARNING):
        library_map = LibraryMap.open(index)
    assert len(library_map) == 40 and "37 points were placed on a map that was made with 3" in caplog.text


def test_measuring_for_long_does_not_bring_an_older_map_back(folder):
    """While songs are measured, another process removes one, follows, and makes the map again."""
    index, file = open_index(folder), map_file(folder / "library.fxindex", "song")
    (index.folder / "features-song.safetensors").unlink()
    slow, made = LibraryMap.open(index), []

    def meanwhile(_: str, done: int, __: int) -> None:
        if done == 5:
            other = open_index(folder)
            other.remove(40)
            LibraryMap.open(other)
            made.append(LibraryMap.make(other, seed=7, measure=False))

    assert slow.measure(progress=meanwhile) == []
    now = LibraryMap.open(open_index(folder))
    assert len(now) == 39 and now.stored.seed == 7
    assert now.points.positions.tobytes() == made[0].points.positions.tobytes()
    assert not len(now.unmeasured()), "what was measured is kept for the newer map as well"
    assert {cluster.name for cluster in now.clusters} >= {"brighter", "louder", "wider"}
    assert len(slow) == 40 and {cluster.name for cluster in slow.clusters} >= {"brighter", "louder", "wider"}
    assert kept_checksum(file) == now.stored.checksum != slow.stored.checksum


def test_a_slow_reader_does_not_bring_an_older_map_back(folder, monkeypatch):
    index = open_index(folder)
    index.remove(40)
    follow, made = library_map_module.follow_index, []

    def slowly(stored, points):
        followed = follow(stored, points)
        if not made:
            made.append(True)
            LibraryMap.make(open_index(folder), seed=7, measure=False)
        return followed

    monkeypatch.setattr(library_map_module, "follow_index", slowly)
    assert LibraryMap.open(index).stored.seed == 0
    assert LibraryMap.open(index).stored.seed == 7


def test_two_who_measure_at_once_lose_nothing(folder):
    index = open_index(folder)
    (index.folder / "features-song.safetensors").unlink()
    one, two = LibraryMap.open(index), LibraryMap.open(open_index(folder))
    one.measure(np.arange(10))
    two.measure(np.arange(5, 20))
    assert len(LibraryMap.open(index).unmeasured()) == 20 and len(two.unmeasured()) == 20


def test_a_map_that_was_deleted_while_songs_were_measured_stays_deleted(folder):
    index = open_index(folder)
    kept = LibraryMap.open(index)
    map_file(index.folder, "song").unlink()
    kept.measure(np.arange(0))
    assert not map_file(index.folder, "song").exists()


def test_fitting_tells_its_steps_and_no_number_it_does_not_know(folder):
    told = []
    LibraryMap.make(open_index(folder), progress=lambda *step: told.append(step))
    assert [step[0] for step in told[:2]] == ["fitting 40 points", "finding clusters"]
    assert all(total == 0 for _, _, total in told[:2]) and all(total > 0 for _, _, total in told[2:])


def test_whoever_waits_for_the_map_too_long_says_so(folder, monkeypatch, caplog):
    monkeypatch.setattr(map_keeping, "_PATIENCE_S", 0.05)
    index = open_index(folder)
    index.remove(1)
    with map_keeping.map_lock(index.folder), caplog.at_level(logging.WARNING):
        assert len(LibraryMap.open(index)) == 39
    assert "another process is writing its map" in caplog.text
