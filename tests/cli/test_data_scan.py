"""`fxrep data scan` and `fxrep data check` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from fxrep.cli.data import app
from fxrep.data import read_manifest
from fxrep.errors import ArgumentError, DataError, OccupiedError

runner = CliRunner()


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a/bass.wav", "a/drums.wav", "b/vocals.wav"):
        path = tmp_path / "songs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(4000), 8000)
    soundfile.write(tmp_path / "songs" / "b" / "silent.wav", np.zeros(4000), 8000)
    return tmp_path / "songs"


def test_scan_for_people(songs: Path, tmp_path: Path) -> None:
    result = runner.invoke(app, ["scan", str(songs), "-o", str(tmp_path / "m.parquet"), "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    assert "3 files" in result.stdout and "2 songs" in result.stdout and "1 files left out" in result.stdout
    assert "silent.wav: is silent" in result.stderr
    assert len(read_manifest(tmp_path / "m.parquet")) == 3


def test_scan_for_machines(songs: Path, tmp_path: Path) -> None:
    result = runner.invoke(
        app, ["scan", str(songs), "-o", str(tmp_path / "m.parquet"), "--validation", "0", "--test", "0", "--json"]
    )
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["files"] == 3
    assert document["songs_by_split"] == {"train": 2}
    assert document["files_by_instrument"] == {"bass": 1, "drums": 1, "vocals": 1}
    assert [Path(failure["path"]).name for failure in document["failures"]] == ["silent.wav"]


def test_check(songs: Path, tmp_path: Path) -> None:
    manifest = str(tmp_path / "m.parquet")
    runner.invoke(app, ["scan", str(songs), "-o", manifest])
    good = runner.invoke(app, ["check", manifest, "--json"])
    assert (good.exit_code, json.loads(good.stdout)["ok"]) == (0, True)
    (songs / "a" / "bass.wav").unlink()
    bad = runner.invoke(app, ["check", manifest])
    assert bad.exit_code == 1
    assert "1 missing" in bad.stdout
    assert "missing: " in bad.stderr and "bass.wav" in bad.stderr
    document = json.loads(runner.invoke(app, ["check", manifest, "--quick", "--json"]).stdout)
    assert document["ok"] is False and document["checked"] == 3 and len(document["missing"]) == 1


def test_check_where_the_audio_has_moved(songs: Path, tmp_path: Path) -> None:
    manifest = str(tmp_path / "m.parquet")
    runner.invoke(app, ["scan", str(songs), "-o", manifest])
    songs.rename(tmp_path / "moved")
    for arguments, words in (([], "with --root"), (["--root", str(tmp_path / "nope")], "give --root the folder")):
        result = runner.invoke(app, ["check", manifest, *arguments])
        assert result.exit_code == 1 and not result.output
        assert isinstance(result.exception, DataError) and words in str(result.exception)
    assert runner.invoke(app, ["check", manifest, "--root", str(tmp_path / "moved")]).exit_code == 0


@pytest.mark.parametrize(
    ("dataset", "words"), [("folder", "a folder of songs"), ("dsd100", "that of the dataset dsd100")]
)
def test_a_folder_that_is_missing_is_named(tmp_path: Path, dataset: str, words: str) -> None:
    result = runner.invoke(app, ["scan", str(tmp_path / "nope"), "-d", dataset, "-o", str(tmp_path / "m.parquet")])
    assert str(result.exception) == f"there is no folder {tmp_path / 'nope'}: give {words}"


@pytest.mark.parametrize(
    ("arguments", "error", "code"),
    [
        (["scan", "nowhere", "-o", "m.parquet"], DataError, 1),
        (["scan", ".", "-o", "m.parquet", "-d", "musdb"], ArgumentError, 2),
        (["scan", ".", "-o", "m.parquet", "--raw"], ArgumentError, 2),
        (["scan", ".", "-o", "m.parquet", "--test", "2"], ArgumentError, 2),
        (["check", "nowhere.parquet"], DataError, 1),
    ],
)
def test_errors_carry_the_exit_code(
    arguments: list[str], error: type, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, arguments)
    assert isinstance(result.exception, error)
    assert result.exception.exit_code == code  # type: ignore[attr-defined]


def test_another_manifest_is_replaced_by_force_only(songs: Path, tmp_path: Path) -> None:
    runner.invoke(app, ["scan", str(songs), "-o", str(tmp_path / "m.parquet")])
    other = songs.rename(tmp_path / "others")
    songs.mkdir()
    again = ["scan", str(other), "-o", str(tmp_path / "m.parquet")]
    refused = runner.invoke(app, again)
    assert isinstance(refused.exception, OccupiedError) and refused.exception.exit_code == 2
    assert str(songs) in str(refused.exception)
    assert runner.invoke(app, [*again, "--force"]).exit_code == 0


@pytest.mark.parametrize("verb", ["scan", "check"])
def test_help_has_an_example(verb: str) -> None:
    result = runner.invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert f"fxrep data {verb}" in result.stdout
