"""The adapters for people's own data, and what `open_dataset` says about wrong calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fxrep.data import DATASETS, Song, open_dataset
from fxrep.errors import ArgumentError, DataError


def instruments(song: Song) -> dict[str, str]:
    return {track.name: track.instrument for track in song.tracks}


def test_folder_of_songs(write_tree) -> None:
    root = write_tree("one/01 Kick.wav", "one/Mix.wav", "two/vocals.flac", "album/three/bass.wav", "loose.ogg")
    songs = {song.name: song for song in open_dataset(root)}
    assert set(songs) == {"one", "two", "album/three", "loose"}
    assert instruments(songs["one"]) == {"01 Kick": "drums"}
    assert songs["one"].mix == root / "one" / "Mix.wav"
    assert instruments(songs["album/three"]) == {"bass": "bass"}
    assert songs["loose"].tracks == () and songs["loose"].mix == root / "loose.ogg"
    assert {song.split for song in songs.values()} == {None}


def test_folder_with_split_folders(write_tree) -> None:
    root = write_tree("train/a/bass.wav", "valid/b/bass.wav", "test/c/bass.wav")
    assert {song.name: song.split for song in open_dataset(root)} == {"a": "train", "b": "validation", "c": "test"}


def test_folder_where_a_song_is_called_test(write_tree) -> None:
    """One folder that is no split makes all of them songs."""
    root = write_tree("test/bass.wav", "other song/bass.wav")
    assert {song.name: song.split for song in open_dataset(root)} == {"test": None, "other song": None}


def test_folder_with_tracks_json(write_tree) -> None:
    about = {
        "artist": "Somebody",
        "licence": "CC0-1.0",
        "split": "val",
        "mix": "final.wav",
        "tracks": {"a01.wav": "Electric Bass", "a02.wav": {"instrument": "vocals", "name": "lead vocal"}},
    }
    files = [f"song/{name}" for name in ("a01.wav", "a02.wav", "guitar.wav", "final.wav", "mix.wav")]
    (song,) = open_dataset(write_tree(*files, texts={"song/tracks.json": json.dumps(about)}))
    assert (song.artist, song.licence, song.split) == ("Somebody", "CC0-1.0", "validation")
    assert song.mix is not None and song.mix.name == "final.wav"
    assert instruments(song) == {"a01": "bass", "lead vocal": "vocals", "guitar": "guitar", "mix": "mixture"}


@pytest.mark.parametrize("text", ["{broken", "[1, 2]", '{"tracks": ["a"]}', '{"tracks": {"bass.wav": 7}}'])
def test_folder_with_bad_tracks_json_goes_on(write_tree, text: str) -> None:
    (song,) = open_dataset(write_tree("song/bass.wav", texts={"song/tracks.json": text}))
    assert instruments(song) == {"bass": "bass"}


def test_hidden_files_are_skipped(write_tree) -> None:
    root = write_tree("song/bass.wav", "song/._bass.wav", ".hidden/bass.wav", "__MACOSX/song/bass.wav")
    (song,) = open_dataset(root)
    assert instruments(song) == {"bass": "bass"}


HEADER = "path,kind,split,source,song,track,instrument,artist,licence\n"
ROWS = """\
m/a/1.ogg,stem,train,src,a,1,bass,Ann,CC0-1.0
m/a/2.ogg,stem,train,src,a,2-voice,,Ann,CC0-1.0
m/a/mix.ogg,song mix,train,src,a,mix,mix,Ann,CC0-1.0
x/menu.ogg,mix,test,p,menu,mix,mix,,GPL
y/menu.ogg,mix,train,q,menu,mix,mix,,GPL
i/snare.ogg,isolated,train,r,,snare,drums,,CC0-1.0
ir/hall.ogg,impulse response,train,s,,hall,,,
"""


def test_csv(write_tree) -> None:
    root = write_tree(texts={"manifest.csv": HEADER + ROWS})
    songs = {song.name: song for song in open_dataset(root, "csv")}
    assert set(songs) == {"src/a", "p/menu", "q/menu"}
    song = songs["src/a"]
    assert instruments(song) == {"1": "bass", "2-voice": "vocals"}
    assert (song.mix, song.artist, song.licence, song.split) == (root / "m/a/mix.ogg", "Ann", "CC0-1.0", "train")
    assert songs["p/menu"].split == "test" and songs["q/menu"].split == "train"
    assert songs["p/menu"].tracks == ()
    with_isolated = {song.name: song for song in open_dataset(root, "csv", isolated=True)}
    assert instruments(with_isolated["r/snare"]) == {"snare": "drums"}
    assert not any("hall" in name for name in with_isolated)


def test_csv_finished_mix_is_not_taken_for_a_songs_mix(write_tree) -> None:
    rows = "a/1.ogg,stem,,s,a,1,,,\nb/a.ogg,mix,,s,a,mix,,,\n"
    songs = {song.name: song for song in open_dataset(write_tree(texts={"manifest.csv": HEADER + rows}), "csv")}
    assert set(songs) == {"s/a", "s/a (mix)"}
    assert songs["s/a"].mix is None


@pytest.mark.parametrize(
    ("text", "said"), [("", "no column"), ("path,song\na,b\n", "no column kind"), ("path,kind\n", "holds no song")]
)
def test_csv_bad_tables(write_tree, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        open_dataset(write_tree(texts={"manifest.csv": text}), "csv")


def test_unknown_dataset_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"'musdb'.*musdb18hq"):
        open_dataset(tmp_path, "musdb")


def test_unknown_option_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"medleydb has no option 'isolated': it takes raw"):
        open_dataset(tmp_path, "medleydb", isolated=True)
    with pytest.raises(ArgumentError, match="it takes none"):
        open_dataset(tmp_path, "folder", raw=True)


@pytest.mark.parametrize("name", DATASETS)
def test_missing_and_empty_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        open_dataset(tmp_path / "nowhere", name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="expected"):
        open_dataset(tmp_path / "empty", name)


def test_songs_of_one_name_in_two_splits_stay_two_songs(write_tree) -> None:
    """Generated songs are numbered alike in every folder; joined, a song of the test set would be trained on."""
    root = write_tree("train/song-000001/bass.wav", "test/song-000001/bass.wav")
    songs = open_dataset(root)
    assert {song.tracks[0].path.parts[-3]: song.split for song in songs} == {"train": "train", "test": "test"}
    assert len({song.name for song in songs}) == 2
