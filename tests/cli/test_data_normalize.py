"""A wrong call of `fxrep data normalize` is refused before the averages are fitted, which can take hours."""

from __future__ import annotations

from pathlib import Path

import pytest

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
