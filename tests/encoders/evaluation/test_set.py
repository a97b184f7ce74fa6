from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from encoders import load_encoder
from encoders.evaluation.recording_sets import open_recordings, vector_set
from fxrep.errors import ArgumentError, AudioError, DataError, FxrepError
from fxrep.metrics import kernel_distance
from fxrep.retrieval import embed_corpus

RATE = 44100


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Noise: two folders of one kind, and one that is softer and one-sided."""
    root = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(0)
    for name, gains in {"plain": (0.1, 0.1), "alike": (0.1, 0.1), "other": (0.05, 0.01)}.items():
        (root / name).mkdir()
        for n in range(9):
            noise = rng.standard_normal((int(4.5 * RATE), 2)) * gains * rng.uniform(0.7, 1.4)
            soundfile.write(root / name / f"{n}.wav", noise, RATE, subtype="FLOAT")
    return {folder.name: folder for folder in root.iterdir()}


def test_sets_alike_are_near_and_others_far(evaluate, folders, model) -> None:
    options = ("--model", model, "--model", "production", "--resamples", "50", "--json")
    near, far = (json.loads(evaluate("set", folders[name], folders["plain"], *options)) for name in ("alike", "other"))
    assert list(near["systems"]) == [str(model), "production"]
    for name, found in far["systems"].items():
        assert found["vectors"] == found["groups"] == [9, 9]
        for kind in ("kernel_rbf", "kernel_polynomial"):
            assert found[kind]["interval"][0] <= found[kind]["value"] <= found[kind]["interval"][1]
            assert found[kind]["value"] > abs(near["systems"][name][kind]["value"])
        assert found["frechet"] > near["systems"][name]["frechet"]
        assert found["frechet_infinite"]["value"] < found["frechet"]
        assert found["curves"]["frechet"]["sizes"][-1] == [9, 9]
        assert found["curves"]["frechet"]["means"][-1] == pytest.approx(found["frechet"])
    assert json.loads(evaluate("set", folders["other"], folders["plain"], *options)) == far
    assert "fewer than two vectors per dimension" in far["table"]


def test_tables_are_read_as_they_were_written(evaluate, folders, model, tmp_path) -> None:
    encoder = load_encoder(model)
    for name in ("plain", "other"):
        embed_corpus([folders[name]], encoder, tmp_path / f"{name}.parquet", level="window")
    tables = [tmp_path / f"{name}.parquet" for name in ("other", "plain")]
    by_table = json.loads(evaluate("set", *tables, "--resamples", "20", "--json"))["systems"]["embeddings"]
    by_folder = json.loads(
        evaluate("set", folders["other"], folders["plain"], "-m", model, "--resamples", "20", "--json")
    )["systems"][str(model)]
    for kind in ("kernel_rbf", "kernel_polynomial"):
        assert by_table[kind]["value"] == pytest.approx(by_folder[kind]["value"], rel=1e-4)
    mixed = evaluate("set", folders["other"], tables[1], "-m", model, "--resamples", "20")
    assert "| 9, 9 of 8 |" in mixed
    windows = json.loads(evaluate("set", *tables, "--windows", "--resamples", "20", "--json"))["systems"]["embeddings"]
    assert windows["vectors"] == [27, 27]
    assert windows["groups"] == [9, 9]


def test_windows_of_features_average_to_the_file(folders) -> None:
    recordings = open_recordings(folders["plain"])
    whole, _ = vector_set(recordings, "production", windows=False)
    parts, _ = vector_set(recordings, "production", windows=True)
    means = np.stack([parts.vectors[parts.groups == group].mean(0) for group in range(9)])
    np.testing.assert_allclose(means, whole.vectors, rtol=1e-12)


def test_songs_of_a_manifest_are_groups(evaluate, manifest_path, model) -> None:
    found = json.loads(
        evaluate("set", manifest_path, manifest_path, "-m", model, "--split", "test", "--resamples", "20", "--json")
    )["systems"][str(model)]
    assert found["vectors"] == [8, 8]
    assert found["groups"] == [4, 4]
    assert found["frechet_infinite"] is None
    assert found["frechet"] == pytest.approx(0.0, abs=1e-9)
    recordings = open_recordings(manifest_path, "test")
    first, second = (vector_set(recordings, "mfcc", windows=False)[0] for _ in range(2))
    assert found["kernel_rbf"]["value"] < 0.0
    assert kernel_distance(first, second) < 0.0


def test_bad_files_are_named_and_left_out(evaluate, folders, model, tmp_path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in folders["plain"].iterdir():
        (broken / path.name).symlink_to(path)
    (broken / "bad.wav").write_text("no audio")
    soundfile.write(broken / "silent.wav", np.zeros((3 * RATE, 2)), RATE)
    found = json.loads(evaluate("set", broken, folders["plain"], "-m", model, "-m", "mfcc", "--json").splitlines()[-1])
    assert [Path(one["path"]).name for one in found["failures"]] == ["bad.wav", "silent.wav"]
    assert {found["systems"][name]["vectors"][0] for name in (str(model), "mfcc")} == {9}


def test_wrong_calls_are_refused(evaluate, folders, model, manifest_path, tmp_path) -> None:
    encoder = load_encoder(model)
    embed_corpus([folders["plain"]], encoder, tmp_path / "songs.parquet")
    songs, empty, single = tmp_path / "songs.parquet", tmp_path / "empty", tmp_path / "single"
    empty.mkdir()
    single.mkdir()
    (single / "one.wav").symlink_to(folders["plain"] / "0.wav")
    (single / "bad.wav").write_text("no audio")
    plain = folders["plain"]
    cases: list[tuple[type[FxrepError], str, tuple[object, ...]]] = [
        (AudioError, "does not exist", (tmp_path / "nothing", plain)),
        (AudioError, "no audio files", (empty, plain)),
        (ArgumentError, "has 1 vectors", (single, plain, "-m", "mfcc")),
        (ArgumentError, "one group", (single, plain, "-m", model, "--windows")),
        (ArgumentError, "mfcc needs the recordings", (songs, plain, "-m", "mfcc")),
        (DataError, "was not embedded with default", (songs, plain)),
        (DataError, "holds whole songs", (songs, songs, "--windows")),
        (DataError, "no recordings in split 'nowhere'", (manifest_path, plain, "--split", "nowhere")),
        (ArgumentError, "no device 'nope'", (plain, plain, "--device", "nope")),
    ]
    for error, message, arguments in cases:
        with pytest.raises(error, match=message):
            evaluate("set", *arguments)
