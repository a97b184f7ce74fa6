"""A wrong call of `fxrep data normalize` is refused before the averages are fitted, which can take hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxrep.cli import data_normalize, data_shard
from fxrep.data import SplitFractions, scan
from fxrep.data.manifest import Manifest, ManifestRow, write_manifest
from fxrep.errors import ArgumentError, DataError, FxrepError, OutputError
from fxrep.normalization import FxNormalizer


@pytest.mark.parametrize("steps", ["", ",", "loudness,"])
def test_an_empty_step_is_refused_and_not_the_default(tmp_path: Path, steps: str) -> None:
    (tmp_path / "a.wav").touch()
    row = ManifestRow("a.wav", "stem", "t", "a", "", "", "train", "a", "bass", 1.0, 8000, 1, -20.0, 0.0, "a")
    write_manifest(tmp_path / "m.parquet", Manifest([row], tmp_path))
    with pytest.raises(ArgumentError, match="step"):
        data_normalize.run(tmp_path / "m.parquet", tmp_path / "out", steps=steps)


def test_a_dataset_that_has_moved_is_one_line_and_makes_no_folder(tmp_path: Path) -> None:
    row = ManifestRow("a.wav", "stem", "t", "a", "", "", "train", "a", "bass", 1.0, 8000, 1, -20.0, 0.0, "a")
    for root, words in (("gone", "gone, is not there"), (".", "holds none of its files")):
        write_manifest(tmp_path / "m.parquet", Manifest([row], tmp_path / root))
        with pytest.raises(DataError, match=rf"m\.parquet: .*{words}: move it back, or scan .*check --root") as caught:
            data_normalize.run(tmp_path / "m.parquet", tmp_path / "out")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()


def test_what_is_left_out_is_counted_as_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A short track is not averaged but normalised; a missing one is neither, and is named once."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((22050, 2))
    (tmp_path / "songs" / "a").mkdir(parents=True)
    for name, samples in (("long", 22050), ("short", 3000), ("gone", 22049)):
        soundfile.write(tmp_path / "songs" / "a" / f"{name}.wav", noise[:samples], 22050)
    scan(tmp_path / "songs", tmp_path / "m.parquet", fractions=SplitFractions(0, 0), workers=1)
    (tmp_path / "songs" / "a" / "gone.wav").unlink()
    data_normalize.run(tmp_path / "m.parquet", tmp_path / "out")
    told = capsys.readouterr()
    assert "2 files normalised, 0 kept from before, 1 left out" in told.out
    lines = [line for line in told.err.splitlines() if ".wav" in line]
    assert [line.count("gone.wav") for line in lines] == [1, 0]
    assert lines[0].startswith("fxrep: left out a/gone.wav")
    assert lines[1].startswith("fxrep: not in the averages, normalised all the same") and "short.wav" in lines[1]


def test_audio_that_has_moved_is_read_where_it_is_named(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(22050)
    (tmp_path / "songs" / "a").mkdir(parents=True)
    soundfile.write(tmp_path / "songs" / "a" / "bass.wav", noise, 22050)
    scan(tmp_path / "songs", tmp_path / "m.parquet", fractions=SplitFractions(0, 0), workers=1)
    moved = (tmp_path / "songs").rename(tmp_path / "moved")
    data_normalize.run(tmp_path / "m.parquet", tmp_path / "out", root=moved)
    assert (tmp_path / "out" / "a" / "bass.flac").is_file()
    data_shard.run(tmp_path / "m.parquet", tmp_path / "shards", root=moved, passage=0.5)
    assert (tmp_path / "shards" / "index.json").is_file()


@pytest.mark.parametrize(
    ("output", "audio_format", "error", "words"),
    [
        ("out", "mp3", ArgumentError, "choose from flac, wav"),
        (".", "flac", ArgumentError, "holds the files to normalise"),
        ("file", "flac", OutputError, "cannot write"),
    ],
)
def test_wrong_targets_are_refused_before_the_fit(
    tmp_path: Path, monkeypatch, output: str, audio_format: str, error: type[FxrepError], words: str
) -> None:
    monkeypatch.setattr(FxNormalizer, "fit", lambda *_, **__: pytest.fail("fitted first"))
    (tmp_path / "file").touch()
    write_manifest(tmp_path / "m.parquet", Manifest([], tmp_path))
    with pytest.raises(error, match=words):
        data_normalize.run(tmp_path / "m.parquet", tmp_path / output, audio_format=audio_format)
