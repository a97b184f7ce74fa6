from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fxrep.data import Manifest, ManifestRow, check_splits, hold_out, read_manifest, write_manifest
from fxrep.errors import ArgumentError, DataError


def row(split: str, song: str, instrument: str, kind: str = "stem", dataset: str = "mine") -> ManifestRow:
    name = f"{dataset}-{song}-{instrument}-{kind}.wav"
    return ManifestRow(
        name, kind, dataset, song, "", "", split, instrument, instrument, 10.0, 44100, 2, -20.0, 0.0, name
    )


SONGS = Manifest(
    [
        *(row("train", song, instrument) for song in ("a", "b") for instrument in ("bass", "drums")),
        row("train", "a", "mixture", "mix"),
        row("validation", "c", "drums"),
        row("validation", "c", "bass"),
        row("test", "d", "drums"),
        row("test", "d", "mixture", "mix"),
        row("train", "e", "keys", dataset="theirs"),
    ],
    Path(),
)


def test_an_instrument_is_met_in_test_songs_only() -> None:
    held = hold_out(SONGS, instruments=["drums"])
    assert {one.split for one in held.rows if one.instrument == "drums"} == {"test"}
    # A mix of a training song holds its drums; that of a test song stays.
    assert [one.split for one in held.rows if one.kind == "mix"] == ["test"]
    assert [one for one in held.rows if one.split == "test"] == [one for one in SONGS.rows if one.split == "test"]
    assert sum(one.instrument == "bass" for one in held.rows) == 3


def test_a_source_moves_as_a_whole() -> None:
    held = hold_out(SONGS, sources=["theirs/*"])
    assert [one.song for one in held.rows if one.split == "test"] == ["d", "d", "e"]
    assert len(held) == len(SONGS)
    check_splits(held)
    assert hold_out(SONGS, sources=["mine/b", "theirs/*"]).rows[3].split == "test"


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({}, ArgumentError, "nothing to hold out"),
        ({"instruments": ["zither"]}, DataError, "there are bass, drums, keys"),
        ({"sources": ["yours/*"]}, DataError, "yours/"),
        ({"sources": ["*"]}, DataError, "nothing is left to train on"),
        ({"instruments": ["keys"]}, DataError, "no test song has keys"),
    ],
)
def test_what_cannot_be_held_out(asked: dict[str, list[str]], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        hold_out(SONGS, **asked)


def test_a_song_or_a_file_on_both_sides_is_refused() -> None:
    check_splits(SONGS)
    with pytest.raises(DataError, match="song mine/a is in the splits test and train"):
        check_splits(replace(SONGS, rows=[*SONGS.rows, row("test", "a", "keys")]))
    copy = replace(row("test", "f", "keys"), content_hash=SONGS.rows[0].content_hash)
    with pytest.raises(DataError, match=r"the content of mine-.*wav is in the splits"):
        check_splits(replace(SONGS, rows=[*SONGS.rows, copy]))


def test_command(tmp_path: Path) -> None:
    from fxrep.cli.data import app

    write_manifest(tmp_path / "all.parquet", replace(SONGS, root=tmp_path))
    words = ["hold-out", str(tmp_path / "all.parquet"), "-o", str(tmp_path / "held.parquet"), "--instrument", "drums"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0 and "left out" in result.stdout
    assert len(read_manifest(tmp_path / "held.parquet")) == len(hold_out(SONGS, ["drums"]))
