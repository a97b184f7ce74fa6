"""Folders of tracks that hold finished mixes too."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from fxrep.audio import save_audio
from fxrep.errors import ArgumentError
from fxrep.mixing import TrackSet
from fxrep.mixing.song_tracks import open_tracks, warn_of_mixes

RATE = 8000


@pytest.fixture
def song(tmp_path: Path) -> Path:
    for number, name in enumerate(("bass", "mix", "vocals"), 1):
        save_audio(tmp_path / "song" / f"{name}.wav", torch.full((1, 400), 0.1 * number), RATE)
    return tmp_path / "song"


def test_a_mix_in_a_folder_of_tracks_is_none_of_them(song: Path) -> None:
    assert open_tracks(song).names == ["bass", "mix", "vocals"]
    assert open_tracks([song], None, [song / "mix.wav"]).names == ["bass", "vocals"]
    seen_elsewhere = song.parent / "link"
    seen_elsewhere.symlink_to(song)
    assert open_tracks(seen_elsewhere, None, [song / "mix.wav"]).names == ["bass", "vocals"]


def test_what_is_left_out_is_told(song: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        open_tracks(song, None, [song / "mix.wav"])
    assert [one.getMessage() for one in caplog.records] == [
        f"{song / 'mix.wav'} is the reference or target, and no track: name the file itself to mix it too"
    ]


def test_what_is_named_as_a_track_is_one(song: Path) -> None:
    assert open_tracks([song / "mix.wav"], None, [song / "mix.wav"]).names == ["mix"]
    arrays = {"a": torch.ones(1, 10)}
    assert open_tracks(arrays, RATE, [song / "mix.wav", torch.ones(2, 10)]).names == ["a"]
    tracks = TrackSet(song)
    assert open_tracks(tracks, None, [song / "mix.wav"]) is tracks


def test_a_folder_of_nothing_but_the_mix_has_no_tracks(song: Path) -> None:
    (song / "bass.wav").unlink()
    (song / "vocals.wav").unlink()
    with pytest.raises(ArgumentError, match="there are no tracks"):
        open_tracks(song, None, [song / "mix.wav"])


def test_names_of_mixes_are_told(song: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_mixes(open_tracks([song / "mix.wav"]))
        assert not caplog.records
        warn_of_mixes(open_tracks(song))
    assert [one.getMessage() for one in caplog.records] == [
        "track 'mix' has the name of a finished mix: leave it out if it is one"
    ]
