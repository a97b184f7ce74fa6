from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from fxrep.audio import load_audio, save_audio
from fxrep.cli import data_normalize
from fxrep.data.manifest import Manifest, ManifestRow, read_manifest, write_manifest
from fxrep.data.measuring import measure_file
from fxrep.errors import ArgumentError, DataError, OutputError
from fxrep.normalization import FxNormalizer, normalize_dataset, track_loudness
from fxrep.normalization.journal import FinishedFiles

RATE = 22050
STEPS = ("eq", "loudness")
Maker = Callable[..., np.ndarray]


@pytest.fixture
def manifest(tmp_path: Path, pink_noise: Maker) -> Manifest:
    """Two training songs and a test song, each with bass and keys, and one mono mix."""
    root = tmp_path / "source"
    rows = []
    for number, split in enumerate(("train", "train", "test")):
        for instrument in ("bass", "keys", "mixture"):
            path = f"song{number}/{instrument}.wav"
            audio = pink_noise(1.0, rate=RATE, seed=number, level=0.05 * (number + 1))
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            save_audio(root / path, audio[:1] if instrument == "mixture" else audio, RATE)
            about = measure_file(root / path)
            kind = "mix" if instrument == "mixture" else "stem"
            rows.append(
                ManifestRow(
                    path, kind, "made", f"song{number}", "", "CC0", split, instrument, instrument, **vars(about)
                )
            )
    return Manifest(rows, root)


@pytest.fixture
def fitted(manifest: Manifest) -> FxNormalizer:
    return FxNormalizer.fit(manifest.filter(split="train"), steps=STEPS)


@pytest.mark.parametrize("audio_format", ["flac", "wav"])
def test_files_mirror_the_manifest(manifest: Manifest, fitted: FxNormalizer, tmp_path: Path, audio_format: str) -> None:
    made = normalize_dataset(manifest, tmp_path / "out", fitted, audio_format=audio_format)
    assert (made.written, made.skipped, made.failures) == (9, 0, [])
    again = read_manifest(made.path)
    assert again.rows == made.manifest.rows
    for before, after in zip(manifest.rows, again.rows, strict=True):
        assert after.path == before.path.replace(".wav", f".{audio_format}")
        assert (after.song, after.split, after.instrument, after.kind) == (
            before.song,
            before.split,
            before.instrument,
            before.kind,
        )
        assert after.channels == 2
        audio, rate = load_audio(again.path_of(after))
        assert rate == RATE
        target = fitted.targets(before.instrument)["loudness"][0]
        assert track_loudness(audio, rate) == pytest.approx(target, abs=0.05)
        assert after.loudness_lufs == pytest.approx(target, abs=0.05)
    assert soundfile.info(again.path_of(again.rows[0])).subtype == {"flac": "PCM_24", "wav": "FLOAT"}[audio_format]


def test_finished_files_are_kept_and_changed_ones_made_again(
    manifest: Manifest, fitted: FxNormalizer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = normalize_dataset(manifest, out, fitted)
    times = {row.path: (out / row.path).stat().st_mtime_ns for row in first.manifest.rows}
    (out / first.manifest.rows[1].path).unlink()
    (out / first.manifest.rows[2].path).write_bytes(b"cut off")
    changed = replace_source(manifest, 0)
    rows = [replace(manifest.rows[0], **vars(measure_file(changed))), *manifest.rows[1:]]
    second = normalize_dataset(replace(manifest, rows=rows), out, fitted)
    assert (second.written, second.skipped) == (3, 6)
    for row in first.manifest.rows[3:]:
        assert (out / row.path).stat().st_mtime_ns == times[row.path]
    assert [row.path for row in second.manifest.rows] == [row.path for row in first.manifest.rows]
    other = FxNormalizer.fit(manifest.filter(split="train"), steps=["loudness"])
    assert normalize_dataset(replace(manifest, rows=rows), out, other).written == 9


def replace_source(manifest: Manifest, index: int) -> Path:
    """Other audio of the same length under the name of a source."""
    path = manifest.path_of(manifest.rows[index])
    audio, rate = load_audio(path)
    save_audio(path, audio.flip(-1), rate)
    return path


@pytest.mark.parametrize("how", ["replaced", "truncated"])
def test_a_source_that_no_longer_matches_the_manifest_is_reported(
    manifest: Manifest, fitted: FxNormalizer, tmp_path: Path, how: str
) -> None:
    out = tmp_path / "out"
    normalize_dataset(manifest, out, fitted)
    if how == "replaced":
        size = manifest.rows[0].size_bytes
        assert replace_source(manifest, 0).stat().st_size == size
    else:
        path = manifest.path_of(manifest.rows[0])
        path.write_bytes(path.read_bytes()[:3000])
    second = normalize_dataset(manifest, out, fitted)
    assert (second.written, second.skipped) == (0, 8)
    assert [path for path, _ in second.failures] == ["song0/bass.wav"]
    assert "has changed since it was scanned" in second.failures[0][1]
    assert "song0/bass.flac" not in [row.path for row in second.manifest.rows]
    # Scanned again, it is made again, unless it cannot be read.
    if how == "replaced":
        row = replace(manifest.rows[0], **vars(measure_file(manifest.path_of(manifest.rows[0]))))
        third = normalize_dataset(replace(manifest, rows=[row, *manifest.rows[1:]]), out, fitted)
        assert (third.written, third.skipped, third.failures) == (1, 8, [])


def test_a_source_with_another_date_or_gone_is_no_other_source(
    manifest: Manifest, fitted: FxNormalizer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    normalize_dataset(manifest, out, fitted)
    os.utime(manifest.path_of(manifest.rows[0]), (1, 1))
    manifest.path_of(manifest.rows[1]).unlink()
    second = normalize_dataset(manifest, out, fitted)
    assert (second.written, second.skipped, second.failures) == (0, 9, [])


def test_a_line_cut_off_by_a_kill_is_passed_over(manifest: Manifest, fitted: FxNormalizer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    normalize_dataset(manifest, out, fitted)
    journal = out / "normalized.jsonl"
    journal.write_text(journal.read_text()[:-40])
    assert normalize_dataset(manifest, out, fitted).written == 1
    assert normalize_dataset(manifest, out, fitted).written == 0


def test_one_bad_file_is_reported_and_the_rest_goes_on(
    manifest: Manifest, fitted: FxNormalizer, tmp_path: Path
) -> None:
    manifest.path_of(manifest.rows[0]).unlink()
    manifest.path_of(manifest.rows[1]).write_bytes(b"RIFF")
    rows = [*manifest.rows, replace(manifest.rows[4], path="../source/song1/keys.wav")]
    made = normalize_dataset(replace(manifest, rows=rows), tmp_path / "out", fitted)
    assert made.written == 7
    assert {path: reason.split(":")[0] for path, reason in made.failures} == {
        "../source/song1/keys.wav": "lies outside the manifest's folder",
        "song0/bass.wav": "does not exist",
        "song0/keys.wav": "has changed since it was scanned",
    }


@pytest.mark.slow
def test_processes_make_the_same_files(manifest: Manifest, fitted: FxNormalizer, tmp_path: Path) -> None:
    small = replace(manifest, rows=manifest.rows[:2])
    alone = normalize_dataset(small, tmp_path / "one", fitted)
    together = normalize_dataset(small, tmp_path / "two", fitted, workers=2)
    assert alone.manifest.rows == together.manifest.rows


def test_names_that_differ_in_the_suffix_stay_apart(manifest: Manifest, fitted: FxNormalizer, tmp_path: Path) -> None:
    source = manifest.path_of(manifest.rows[0])
    audio, rate = load_audio(source)
    save_audio(source.with_suffix(".flac"), 0.5 * audio, rate)
    twin = replace(manifest.rows[0], path="song0/bass.flac", track="bass 2")
    twin = replace(twin, **vars(measure_file(source.with_suffix(".flac"))))
    made = normalize_dataset(replace(manifest, rows=[manifest.rows[0], twin]), tmp_path / "out", fitted)
    assert [row.path for row in made.manifest.rows] == ["song0/bass.wav.flac", "song0/bass.flac.flac"]


def test_flac_over_full_scale_is_brought_down_and_named(manifest: Manifest, tmp_path: Path) -> None:
    loud = FxNormalizer.fit(manifest, steps=["loudness"])
    for entry in loud.statistics.instruments.values():
        entry.features["loudness"][0] = -3.0
    made = normalize_dataset(manifest, tmp_path / "out", loud)
    assert len(made.reduced) == 9
    again = normalize_dataset(manifest, tmp_path / "out", loud)
    assert again.written == 0 and again.reduced == made.reduced
    audio, _ = load_audio(made.manifest.path_of(made.manifest.rows[0]))
    assert 0.99 < audio.abs().max() <= 1.0
    kept = normalize_dataset(manifest, tmp_path / "wav", loud, audio_format="wav")
    assert kept.reduced == []
    assert load_audio(kept.manifest.path_of(kept.manifest.rows[0]))[0].abs().max() > 1.0


def test_impossible_calls_are_refused(manifest: Manifest, fitted: FxNormalizer, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="sources are never replaced"):
        normalize_dataset(manifest, manifest.root, fitted)
    with pytest.raises(ArgumentError, match="flac, wav"):
        normalize_dataset(manifest, tmp_path / "out", fitted, audio_format="mp3")
    with pytest.raises(ArgumentError, match="workers"):
        normalize_dataset(manifest, tmp_path / "out", fitted, workers=0)
    with pytest.raises(DataError, match="no rows"):
        normalize_dataset(replace(manifest, rows=[]), tmp_path / "out", fitted)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        normalize_dataset(manifest, tmp_path / "file", fitted)
    for row in manifest.rows:
        manifest.path_of(row).unlink()
    with pytest.raises(DataError, match="none of the 9 files"):
        normalize_dataset(manifest, tmp_path / "out", fitted)


def run_command(*arguments: object) -> tuple[dict, str]:
    app = typer.Typer()
    app.command()(data_normalize.run)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


def test_command_fits_on_train_then_resumes(manifest: Manifest, tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.parquet", manifest)
    call = (tmp_path / "m.parquet", "-o", tmp_path / "out", "--steps", "eq,loudness", "--json")
    first, _ = run_command(*call)
    assert (first["fitted"], first["written"], first["steps"]) == (True, 9, ["eq", "loudness"])
    about = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert about["instruments"]["bass"]["tracks"] == 2
    assert about["provenance"]["splits"] == ["train"]
    second, _ = run_command(*call)
    assert (second["fitted"], second["written"], second["skipped"]) == (False, 0, 9)


def test_command_reads_statistics_and_names_failures(manifest: Manifest, fitted: FxNormalizer, tmp_path: Path) -> None:
    manifest.path_of(manifest.rows[8]).unlink()
    write_manifest(tmp_path / "m.parquet", manifest)
    fitted.save(tmp_path / "stats.npz")
    call = (tmp_path / "m.parquet", "-o", tmp_path / "out", "--statistics", tmp_path / "stats.npz", "--json")
    result, errors = run_command(*call)
    assert result["written"] == 8
    assert result["failures"][0]["path"] == "song2/mixture.wav"
    assert "song2/mixture.wav" in errors


def test_command_refuses_missing_statistics_and_splits(manifest: Manifest, tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.parquet", manifest.filter(split="test"))
    with pytest.raises(ArgumentError, match="add --fit"):
        run_command(tmp_path / "m.parquet", "-o", tmp_path / "out", "--statistics", tmp_path / "none.json")
    with pytest.raises(DataError, match="split train"):
        run_command(tmp_path / "m.parquet", "-o", tmp_path / "out")


def test_a_full_disk_is_told_once_and_clearly(manifest: Manifest, tmp_path: Path, monkeypatch) -> None:
    class FullDisk(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        close = flush

    monkeypatch.setattr(Path, "open", lambda *_, **__: FullDisk())
    with pytest.raises(OutputError, match="No space left"), FinishedFiles(tmp_path / "out", "print") as finished:
        finished.add(manifest.rows[0], manifest.path_of(manifest.rows[0]), manifest.rows[0])
