"""Writing generated songs: complete folders, resumed where they stopped, read back by the adapter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
import torch

from fxrep.audio import integrated_loudness, load_audio
from fxrep.data import open_dataset
from fxrep.data.synthesis import dataset as module
from fxrep.data.synthesis.dataset import generate_dataset
from fxrep.data.synthesis.song import generate_song
from fxrep.errors import ArgumentError, OutputError

SETTINGS = {"duration_s": 5.0, "sample_rate": 16000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated") / "songs"
    summary = generate_dataset(root, songs=2, seed=3, mix=True, **SETTINGS)  # type: ignore[arg-type]
    assert (summary.made, summary.kept) == (2, 0)
    return root


def test_the_adapter_reads_what_was_written(folder: Path) -> None:
    songs = open_dataset(folder)
    assert [song.name for song in songs] == ["song-000001", "song-000002"]
    for song in songs:
        assert song.artist == "fxrep generator" and song.licence == "CC0-1.0"
        assert song.mix is not None and song.mix.name == "mix.flac"
        about = json.loads((folder / song.name / "song.json").read_text())
        made = generate_song(about["seed"], duration_s=5.0, sample_rate=16000)
        assert about["tempo_bpm"] == made.tempo_bpm and about["key"] == made.key
        assert {track.name: track.instrument for track in song.tracks} == made.instruments
        for track in song.tracks:
            audio, rate = load_audio(track.path)
            assert rate == 16000
            assert torch.allclose(audio, made.tracks[track.name], atol=2**-22)


def test_files_are_24_bit_and_the_mix_is_safe(folder: Path) -> None:
    path = folder / "song-000001" / "mix.flac"
    assert soundfile.info(path).subtype == "PCM_24"
    audio, rate = load_audio(path)
    assert float(audio.abs().max()) <= 10 ** (-1 / 20) + 1e-6
    assert float(integrated_loudness(audio, rate)) <= -13.9


def test_finished_songs_are_left_alone_and_broken_ones_are_made_again(folder: Path) -> None:
    before = (folder / "song-000001" / "kick.flac").stat().st_mtime_ns
    leftover = folder / ".song-000003.0badc0de.partial"
    leftover.mkdir()
    summary = generate_dataset(folder, songs=3, seed=3, mix=True, **SETTINGS)  # type: ignore[arg-type]
    assert (summary.made, summary.kept) == (1, 2)
    assert (folder / "song-000001" / "kick.flac").stat().st_mtime_ns == before


def test_a_crash_leaves_no_half_song(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_audio", fail)
    with pytest.raises(OutputError, match="No space left"):
        generate_dataset(tmp_path / "out", songs=1, **SETTINGS)  # type: ignore[arg-type]
    assert list((tmp_path / "out").iterdir()) == []


def test_other_settings_and_foreign_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"song-000001 was made with seed 3, not 4:"):
        generate_dataset(folder, songs=2, seed=4, mix=True, **SETTINGS)  # type: ignore[arg-type]
    (tmp_path / "song-000001").mkdir()
    (tmp_path / "song-000001" / "my take.wav").write_bytes(b"keep me")
    with pytest.raises(OutputError, match="choose another folder"):
        generate_dataset(tmp_path, songs=1, **SETTINGS)  # type: ignore[arg-type]
    assert (tmp_path / "song-000001" / "my take.wav").read_bytes() == b"keep me"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"songs": 0}, "songs is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"suffix": "mp3"}, "mp3"),
        ({"seed": -2}, "-2"),
        ({"seed": 2**64}, "64 bits"),
        ({"sample_rate": 44099}, "44099 Hz"),
    ],
)
def test_bad_arguments(tmp_path: Path, wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        generate_dataset(tmp_path / "out", **{**SETTINGS, **wrong})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_workers_do_not_change_the_songs(folder: Path, tmp_path: Path) -> None:
    generate_dataset(tmp_path / "two", songs=2, seed=3, mix=True, workers=2, **SETTINGS)  # type: ignore[arg-type]
    for path in sorted(folder.glob("song-00000[12]/*")):
        assert (tmp_path / "two" / path.parent.name / path.name).read_bytes() == path.read_bytes(), path
