"""The manifest file, and what `check_manifest` finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet

from fxrep.data import Manifest, ManifestRow, check_manifest, read_manifest, scan, write_manifest
from fxrep.errors import ArgumentError, DataError, OutputError


def row(**changes: object) -> ManifestRow:
    values = {"path": "a/1.wav", "kind": "stem", "dataset": "folder", "song": "a", "artist": "", "licence": "CC0-1.0"}
    values |= {"split": "train", "track": "1", "instrument": "bass", "duration_s": 1.5, "sample_rate": 44100}
    values |= {"channels": 2, "loudness_lufs": -23.5, "silence_ratio": 0.25, "content_hash": "00ff", "size_bytes": 12}
    return ManifestRow(**(values | changes))  # type: ignore[arg-type]


def test_round_trip(tmp_path: Path) -> None:
    rows = [row(), row(path="ä/mix.wav", song="ä", kind="mix", instrument="mixture", split="test")]
    write_manifest(tmp_path / "m.parquet", Manifest(rows, tmp_path))
    again = read_manifest(tmp_path / "m.parquet")
    assert again.rows == rows
    assert again.root == tmp_path
    assert again.path_of(again.rows[1]) == tmp_path / "ä" / "mix.wav"
    assert len(again) == 2


def test_empty_manifest_round_trip(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.parquet", Manifest([], tmp_path))
    assert read_manifest(tmp_path / "m.parquet").rows == []


def test_root_follows_when_dataset_and_manifest_move_together(tmp_path: Path) -> None:
    (tmp_path / "old" / "data").mkdir(parents=True)
    write_manifest(tmp_path / "old" / "m.parquet", Manifest([row()], tmp_path / "old" / "data"))
    (tmp_path / "old").rename(tmp_path / "new")
    assert read_manifest(tmp_path / "new" / "m.parquet").root == tmp_path / "new" / "data"
    assert read_manifest(tmp_path / "new" / "m.parquet", tmp_path / "x").root == tmp_path / "x"


def test_filter_and_songs(tmp_path: Path) -> None:
    rows = [
        row(),
        row(path="a/2.wav", track="2", instrument="drums"),
        row(path="a/mix.wav", track="mix", kind="mix", instrument="mixture"),
        row(path="b/1.wav", song="b", split="test", artist="Ann", licence=""),
        row(path="c.wav", song="a", dataset="other", kind="mix", instrument="mixture"),
    ]
    manifest = Manifest(rows, tmp_path)
    assert [r.path for r in manifest.filter(split="train", kind="stem").rows] == ["a/1.wav", "a/2.wav"]
    assert [r.path for r in manifest.filter(instrument="bass").rows] == ["a/1.wav", "b/1.wav"]
    assert manifest.filter(dataset="other").root == tmp_path
    assert manifest.filter(split="validation").rows == []
    first, second, third = manifest.songs()
    assert [track.instrument for track in first.tracks] == ["bass", "drums"]
    assert first.mix == tmp_path / "a" / "mix.wav"
    assert (second.artist, second.licence, second.split, second.mix) == ("Ann", None, "test", None)
    assert (third.name, third.tracks) == ("a", ())


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no manifest at .*fxrep data scan"):
        read_manifest(tmp_path / "m.parquet")


@pytest.mark.parametrize("content", [b"", b"not parquet at all, only text", b"PAR1" + bytes(100) + b"PAR1"])
def test_corrupt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.parquet").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_manifest(tmp_path / "m.parquet")


def test_truncated(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    write_manifest(path, Manifest([row()] * 50, tmp_path))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_manifest(path)


def test_other_parquet(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"path": ["a"]}), tmp_path / "m.parquet")
    with pytest.raises(DataError, match="not a manifest"):
        read_manifest(tmp_path / "m.parquet")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (b'{"format": "fxrep manifest", "version": 99}', "version 99"),
        (b'{"format": "fxrep manifest", "version": 1}', "no column kind"),
        (b"[1]", "not a manifest"),
        (b"{", "not a manifest"),
    ],
)
def test_other_schema(tmp_path: Path, about: bytes, said: str) -> None:
    table = pa.table({"path": ["a"]}).replace_schema_metadata({b"fxrep": about})
    parquet.write_table(table, tmp_path / "m.parquet")
    with pytest.raises(DataError, match=said):
        read_manifest(tmp_path / "m.parquet")


def test_write_into_a_file_as_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_manifest(tmp_path / "file" / "m.parquet", Manifest([row()], tmp_path))


@pytest.fixture
def scanned(write_tree, tmp_path: Path) -> Manifest:
    root = write_tree("a/bass.wav", "a/drums.wav", "a/keys.wav", "a/vocals.wav", "b/bass.wav")
    return scan(root, tmp_path / "m.parquet", workers=1).manifest


@pytest.mark.parametrize("quick", [True, False])
def test_check_finds_nothing_on_the_untouched(scanned: Manifest, quick: bool) -> None:
    report = check_manifest(scanned, quick=quick, workers=2)
    assert (report.checked, report.problems) == (5, [])


def test_check_names_what_is_wrong(scanned: Manifest) -> None:
    folder = scanned.root / "a"
    (folder / "bass.wav").unlink()
    soundfile.write(folder / "drums.wav", np.zeros(10), 8000)
    (folder / "keys.wav").write_bytes(b"no audio")
    vocals = (folder / "vocals.wav").read_bytes()
    (folder / "vocals.wav").write_bytes(vocals[:-2] + b"\x55\x55")
    report = check_manifest(scanned, workers=2)
    assert [path for path, _ in report.missing] == [str(folder / "bass.wav")]
    assert [path for path, _ in report.unreadable] == [str(folder / "keys.wav")]
    changed = dict(report.changed)
    assert "bytes" in changed[str(folder / "drums.wav")]
    assert "content" in changed[str(folder / "vocals.wav")]
    assert len(report.problems) == 4
    quick = check_manifest(scanned, quick=True, workers=1)
    assert str(folder / "vocals.wav") not in dict(quick.problems), "quick does not read the content"
    assert len(quick.problems) == 3


def test_check_compares_the_length_where_no_size_is_known(scanned: Manifest) -> None:
    stale = Manifest(
        [ManifestRow(**(vars(r) | {"size_bytes": 0, "duration_s": 9.0})) for r in scanned.rows], scanned.root
    )
    assert len(check_manifest(stale, quick=True, workers=1).changed) == 5


def test_bad_workers(scanned: Manifest) -> None:
    with pytest.raises(ArgumentError, match="workers"):
        check_manifest(scanned, workers=0)
