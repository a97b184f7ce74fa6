"""A wrong call of `fxrep data normalize` is refused before the averages are fitted, which can take hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxrep.cli import data_normalize
from fxrep.data.manifest import Manifest, ManifestRow, write_manifest
from fxrep.errors import ArgumentError, FxrepError, OutputError
from fxrep.normalization import FxNormalizer


@pytest.mark.parametrize("steps", ["", ",", "loudness,"])
def test_an_empty_step_is_refused_and_not_the_default(tmp_path: Path, steps: str) -> None:
    row = ManifestRow("a.wav", "stem", "t", "a", "", "", "train", "a", "bass", 1.0, 8000, 1, -20.0, 0.0, "a")
    write_manifest(tmp_path / "m.parquet", Manifest([row], tmp_path))
    with pytest.raises(ArgumentError, match="step"):
        data_normalize.run(tmp_path / "m.parquet", tmp_path / "out", steps=steps)


def test_what_is_left_out_is_counted_as_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A short track is not averaged but normalised; a missing one is neither, and is named once."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((22050, 2))
    rows = []
    for name, samples in (("long", 22050), ("short", 3000), ("gone", 0)):
        if samples:
            soundfile.write(tmp_path / f"{name}.wav", noise[:samples], 22050)
        words = ("stem", "t", "a", "", "", "train", name, "bass")
        rows.append(ManifestRow(f"{name}.wav", *words, 1.0, 22050, 2, -20.0, 0.0, name))
    write_manifest(tmp_path / "m.parquet", Manifest(rows, tmp_path))
    data_normalize.run(tmp_path / "m.parquet", tmp_path / "out")
    told = capsys.readouterr()
    assert "2 files normalised, 0 kept from before, 1 left out" in told.out
    lines = [line for line in told.err.splitlines() if ".wav" in line]
    assert [line.count("gone.wav") for line in lines] == [1, 0]
    assert lines[0].startswith("fxrep: left out gone.wav")
    assert lines[1].startswith("fxrep: not in the averages, normalised all the same") and "short.wav" in lines[1]


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
