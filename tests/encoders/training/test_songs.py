"""Passages of songs: their levels, that they come again, and what cannot be drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encoders.training.songs import SongDataset
from fxrep.audio import integrated_loudness, load_audio
from fxrep.data import read_manifest
from fxrep.errors import ArgumentError, DataError

from ...noise_songs import RATE, write_songs


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("songs"))


def test_items(manifest: Path) -> None:
    options = {"segment_s": 1.0, "max_tracks": 4, "length": 8, "seed": 3}
    songs = SongDataset([read_manifest(manifest)], "train", **options)  # type: ignore[arg-type]
    item, again = songs[2], songs[2]
    assert item["tracks"].shape == (4, 2, 2 * RATE)
    assert item["mask"].tolist() == sorted(item["mask"].tolist(), reverse=True)
    assert 2 <= int(item["mask"].sum()) <= 3
    assert bool((item["tracks"][~item["mask"]] == 0.0).all())
    assert item["start_ms"] % 500 == 0 and len(set(item["stem"][item["mask"]].tolist())) == int(item["mask"].sum())
    torch.testing.assert_close(item["tracks"], again["tracks"], rtol=0, atol=0)
    songs.set_epoch(1)
    assert not torch.equal(songs[2]["tracks"], item["tracks"])


def test_levels(manifest: Path) -> None:
    """Noise is as loud in a passage as in the whole; the mono track too, as it sounds on two sides."""
    songs = SongDataset([read_manifest(manifest)], None, "other_song", 8, 1.5, 3, 3, -24.0)
    for index in range(4):
        item = songs[index]
        assert item["tracks"].shape == (3, 2, round(1.5 * RATE)) and bool(item["mask"].all())
        torch.testing.assert_close(integrated_loudness(item["tracks"], RATE), torch.full((3,), -24.0), rtol=0, atol=0.3)
        torch.testing.assert_close(integrated_loudness(item["reference"], RATE), torch.tensor(-16.0), rtol=0, atol=0.1)


def test_what_cannot_be_drawn(manifest: Path) -> None:
    known = read_manifest(manifest)
    with pytest.raises(DataError, match="4 or more stems"):
        SongDataset([known], None, min_tracks=4, segment_s=1.0)
    with pytest.raises(DataError, match="no mix of another song"):
        SongDataset([known], "validation", "other_song", segment_s=1.0)
    with pytest.raises(ArgumentError, match="choose same_song"):
        SongDataset([known], None, "nothing", segment_s=1.0)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="1 <= min_tracks"):
        SongDataset([known], None, min_tracks=5, max_tracks=4)


def test_own_mix(manifest: Path) -> None:
    """Without a mix on file it is the sum of the stems as they lie; with one, that one, and all stems are there."""
    known = read_manifest(manifest)
    options = {"segment_s": 1.0, "min_tracks": 2, "max_tracks": 3, "length": 6}
    stems_only = SongDataset([known.filter(kind="stem")], None, "own_mix", **options)  # type: ignore[arg-type]
    for index in range(6):
        item = stems_only[index]
        start = round(item["start_ms"] * RATE / 1000)
        lying = torch.zeros(2, RATE)
        for number in item["stem"][item["mask"]].tolist():
            row = [row for row in known.rows if row.kind == "stem"][number]
            lying += load_audio(known.path_of(row), channels=2)[0][:, start : start + RATE]
        torch.testing.assert_close(item["target"], lying, rtol=0, atol=1e-4)
        again = (item["tracks"] * (10.0 ** (item["gain_db"] / 20.0))[:, None, None]).sum(0)
        torch.testing.assert_close(again, lying, rtol=0, atol=1e-4)
        assert item["gains_known"]
    mixed = SongDataset([known], None, "own_mix", **options)  # type: ignore[arg-type]
    item = mixed[0]
    assert bool(item["mask"].all()) and not item["gains_known"]
    first = known.rows[int(item["stem"][0])]
    mix = next(row for row in known.rows if row.song == first.song and row.kind == "mix")
    start = round(item["start_ms"] * RATE / 1000)
    torch.testing.assert_close(item["target"], load_audio(known.path_of(mix))[0][:, start : start + RATE])
    with pytest.raises(DataError, match="no song"):
        SongDataset([known], None, "own_mix", segment_s=1.0, max_tracks=2)
