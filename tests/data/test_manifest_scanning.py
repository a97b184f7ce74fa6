"""Scanning a dataset: rows, files left out, resuming."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxrep.data import SplitFractions, measuring, read_manifest, scan, scanning
from fxrep.errors import ArgumentError, DataError, OccupiedError, OutputError


def test_rows(write_tree, tmp_path: Path) -> None:
    root = write_tree("train/a/bass.wav", "train/a/mix.wav", "test/b/LeadVox.flac")
    result = scan(root, tmp_path / "out" / "m.parquet", fractions=SplitFractions(0, 0), workers=2)
    assert (result.failures, result.resumed) == ([], 0)
    rows = {row.path: row for row in read_manifest(tmp_path / "out" / "m.parquet").rows}
    assert list(rows) == [row.path for row in result.manifest.rows]
    assert set(rows) == {"train/a/bass.wav", "train/a/mix.wav", "test/b/LeadVox.flac"}
    vocals, mix = rows["test/b/LeadVox.flac"], rows["train/a/mix.wav"]
    assert (vocals.kind, vocals.song, vocals.split, vocals.instrument) == ("stem", "b", "test", "vocals")
    assert (mix.kind, mix.track, mix.instrument, mix.split) == ("mix", "mix", "mixture", "train")
    assert (vocals.duration_s, vocals.sample_rate, vocals.channels) == (0.5, 8000, 1)
    assert vocals.loudness_lufs < -10 and vocals.silence_ratio == 0 and len(vocals.content_hash) == 64


def test_the_manifest_of_another_folder_is_not_replaced(write_tree, tmp_path: Path) -> None:
    root = write_tree("a/bass.wav", "b/bass.wav")
    output = tmp_path / "m.parquet"
    scan(root / "a", output, workers=1)
    scan(root / "a" / ".." / "a", output, workers=1)
    before = output.read_bytes()
    with pytest.raises(
        OccupiedError, match=r"m.parquet holds the manifest of another folder, .*a \(1 files\): .*--force"
    ):
        scan(root / "b", output, workers=1)
    assert output.read_bytes() == before
    assert scan(root / "b", output, workers=1, overwrite=True).manifest.root == root / "b"


def test_a_manifest_that_moved_with_its_folder_is_replaced(write_tree, tmp_path: Path) -> None:
    root = write_tree("a/bass.wav")
    scan(root / "a", root / "m.parquet", workers=1)
    moved = root.rename(tmp_path / "moved")
    assert scan(moved / "a", moved / "m.parquet", workers=1).manifest.root == moved / "a"


def test_a_song_is_on_one_side_only(write_tree, tmp_path: Path) -> None:
    root = write_tree(*(f"song {n}/{track}.wav" for n in range(30) for track in ("bass", "drums")), duration_s=0.1)
    rows = scan(root, tmp_path / "m.parquet", fractions=SplitFractions(0.3, 0.3), workers=2).manifest.rows
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row.song, set()).add(row.split)
    assert all(len(side) == 1 for side in sides.values())
    assert {split for side in sides.values() for split in side} == {"train", "validation", "test"}


def test_copies_of_a_song_are_on_one_side(write_tree, tmp_path: Path) -> None:
    root = write_tree("train/a/bass.wav", "train/b/drums.wav", "test/c/keys.wav")
    (root / "train" / "a" / "copy.wav").write_bytes((root / "test" / "c" / "keys.wav").read_bytes())
    manifest = scan(root, tmp_path / "m.parquet", fractions=SplitFractions(0, 0), workers=1).manifest
    assert {row.song: row.split for row in manifest.rows} == {"a": "test", "b": "train", "c": "test"}


def test_bad_files_are_named_and_the_rest_goes_on(write_tree, tmp_path: Path) -> None:
    root = write_tree("a/good.wav", "a/cut.flac", duration_s=3)
    (root / "a" / "cut.flac").write_bytes((root / "a" / "cut.flac").read_bytes()[:2000])
    (root / "a" / "empty.wav").write_bytes(b"")
    (root / "a" / "text.wav").write_text("no audio")
    (root / "a" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    soundfile.write(root / "a" / "silent.wav", np.zeros(8000), 8000)
    soundfile.write(root / "a" / "six.wav", np.ones((800, 6)) * 0.1, 8000)
    soundfile.write(root / "a" / "nan.wav", np.full(8000, np.nan, dtype=np.float32), 8000, subtype="FLOAT")
    soundfile.write(root / "a" / "nothing.wav", np.zeros(0), 8000)
    soundfile.write(root / "a" / "one sample.wav", np.ones(1) * 0.5, 8000)
    soundfile.write(root / "a" / "tenth.wav", np.ones(800) * 0.5, 8000)
    result = scan(root, tmp_path / "m.parquet", workers=2)
    assert {row.track for row in result.manifest.rows} == {"good", "tenth"}
    reasons = {Path(path).name: reason for path, reason in result.failures}
    unreadable = {"cut.flac", "empty.wav", "text.wav", "six.wav", "nan.wav", "nothing.wav"}
    assert set(reasons) == {*unreadable, "silent.wav", "one sample.wav"}
    assert reasons["one sample.wav"] == "is too short: 0.125 ms, expected 100 ms or more"
    assert "silent" in reasons["silent.wav"] and "-60 dBFS" in reasons["silent.wav"]
    assert "6 channels" in reasons["six.wav"]
    assert "finite" in reasons["nan.wav"]
    assert all("\n" not in reason and str(root) not in reason for reason in reasons.values())


def test_missing_file_of_a_table_is_named(write_tree, tmp_path: Path) -> None:
    table = "path,kind,song\na.wav,stem,s\nb.wav,stem,s\n"
    root = write_tree("a.wav", texts={"manifest.csv": table})
    result = scan(root, tmp_path / "m.parquet", dataset="csv", workers=1)
    assert [row.path for row in result.manifest.rows] == ["a.wav"]
    assert result.failures[0][0] == str(root / "b.wav")
    assert scan(root / "manifest.csv", tmp_path / "n.parquet", dataset="csv").manifest.rows == result.manifest.rows


def test_nothing_usable(write_tree, tmp_path: Path) -> None:
    root = write_tree(texts={"a/text.wav": "no audio"})
    with pytest.raises(DataError, match=r"no file .* is usable \(1 tried\).*text\.wav"):
        scan(root, tmp_path / "m.parquet")
    assert not (tmp_path / "m.parquet").exists()


def test_equal_track_names_are_told_apart(write_tree, tmp_path: Path) -> None:
    rows = scan(write_tree("a/bass.wav", "a/bass.flac"), tmp_path / "m.parquet", workers=1).manifest.rows
    assert sorted(row.track for row in rows) == ["bass", "bass (2)"]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are really read."""
    seen: list[Path] = []

    def spy(path: Path) -> measuring.Measurement:
        seen.append(Path(path))
        return measuring.measure_file(path)

    monkeypatch.setattr(scanning, "measure_file", spy)
    return seen


def test_killed_scan_goes_on(write_tree, tmp_path: Path, measured: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_tree(*(f"a/{n}.wav" for n in range(6)))
    whole = scan(root, tmp_path / "whole.parquet", workers=1).manifest.rows
    measured.clear()
    reading = scanning.measure_file

    def killed_at_the_fourth(path: Path) -> measuring.Measurement:
        if len(measured) == 3:
            raise KeyboardInterrupt
        return reading(path)

    monkeypatch.setattr(scanning, "measure_file", killed_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        scan(root, tmp_path / "m.parquet", workers=1)
    assert not (tmp_path / "m.parquet").exists()
    journal = tmp_path / "m.parquet.journal.jsonl"
    lines = journal.read_text().splitlines()
    finished = sum("measurement" in line for line in lines)
    assert finished == 3
    # The line being written when the process died.
    with journal.open("a") as stream:
        stream.write('{"path": "/half/a/li')
    measured.clear()
    monkeypatch.setattr(scanning, "measure_file", reading)
    result = scan(root, tmp_path / "m.parquet", workers=1)
    assert result.resumed == finished
    assert len(measured) == 6 - finished
    assert result.manifest.rows == whole
    measured.clear()
    assert scan(root, tmp_path / "m.parquet").resumed == 6
    assert measured == []


def test_changed_and_new_files_are_measured_again(write_tree, tmp_path: Path, measured: list[Path]) -> None:
    root = write_tree("a/1.wav", "a/2.wav")
    scan(root, tmp_path / "m.parquet", workers=1)
    status = (root / "a" / "2.wav").stat()
    os.utime(root / "a" / "2.wav", ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))
    write_tree("a/3.wav")
    measured.clear()
    assert scan(root, tmp_path / "m.parquet", workers=1).resumed == 1
    assert sorted(path.name for path in measured) == ["2.wav", "3.wav"]


@pytest.mark.parametrize(
    "journal", ["", "garbage\n", json.dumps({"format": "fxrep scan journal", "version": 99}) + "\n"]
)
def test_journal_of_another_kind_is_replaced(write_tree, tmp_path: Path, journal: str) -> None:
    (tmp_path / "m.parquet.journal.jsonl").write_text(journal)
    root = write_tree("a/1.wav")
    assert scan(root, tmp_path / "m.parquet", workers=1).resumed == 0
    assert scan(root, tmp_path / "m.parquet", workers=1).resumed == 1


def test_output_that_cannot_be_written_is_known_before_reading(
    write_tree, tmp_path: Path, measured: list[Path]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        scan(write_tree("a/1.wav"), tmp_path / "file" / "m.parquet")
    assert measured == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_one_clear_error(write_tree, tmp_path: Path) -> None:
    (tmp_path / "m.parquet.journal.jsonl").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left"):
        scan(write_tree("a/1.wav", "a/2.wav"), tmp_path / "m.parquet", workers=2)
    assert not (tmp_path / "m.parquet").exists()


def test_bad_workers(write_tree, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="workers"):
        scan(write_tree("a/1.wav"), tmp_path / "m.parquet", workers=0)
