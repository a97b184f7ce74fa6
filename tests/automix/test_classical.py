"""The linear model: normal equations, what is left out, what is written, and the mixer that asks it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from automix import automix
from automix.classical import ClassicalMixer, fit_classical
from automix.classical.features import FEATURES, SOUND_FEATURES, measure_track
from automix.classical.fitting import collect_songs, stems_without_mix
from automix.classical.linear_model import LinearModel, center_by_song, fit_ridge, leave_one_song_out
from automix.methods import ConsoleMethod
from fxrep.audio import save_audio
from fxrep.data import Manifest, ManifestRow, read_manifest, write_manifest
from fxrep.errors import ArgumentError, CheckpointError, DataError
from fxrep.mixing import TrackSet

from .sounds import RATE, played, sine


def random_songs(seed: int = 0, tracks: int = 40, columns: int = 5) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(tracks, columns)) * rng.uniform(0.1, 10.0, columns)
    songs = [f"song {number % 8}" for number in range(tracks)]
    return features, rng.normal(size=tracks), songs


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_normal_equations(ridge: float) -> None:
    """Against the stacked least-squares problem [X; sqrt(ridge R) I] w = [y; 0] with a column for every song."""
    features, gains, songs = random_songs()
    scale, weights = fit_ridge(features, gains, songs, ridge)
    own = np.array([[float(one == song) for song in sorted(set(songs))] for one in songs])
    standard = features / center_by_song(features, songs).std(0)
    penalty = math.sqrt(ridge * len(songs)) * np.hstack([np.eye(5), np.zeros((5, own.shape[1]))])
    stacked = np.vstack([np.hstack([standard, own]), penalty])
    exact = np.linalg.lstsq(stacked, np.concatenate([gains, np.zeros(5)]), rcond=None)[0]
    np.testing.assert_allclose(weights, exact[:5], rtol=1e-9)
    np.testing.assert_allclose(scale, center_by_song(features, songs).std(0))


def test_what_is_linear_is_found() -> None:
    """Exactly, whatever level a song has; a column that is one within each song has no say."""
    features, _, songs = random_songs(1)
    levels = {song: 7.0 * number for number, song in enumerate(sorted(set(songs)))}
    features = np.hstack([features, [[levels[song]] for song in songs]])
    truth = np.array([1.0, -2.0, 0.5, 0.0, 3.0, 100.0])
    gains = features @ truth
    scale, weights = fit_ridge(features, gains, songs, 0.0)
    np.testing.assert_allclose(weights / scale, [*truth[:5], 0.0], atol=1e-9)
    left_out = leave_one_song_out(features, gains, songs, 0.0)
    np.testing.assert_allclose(left_out, center_by_song(gains, songs), atol=1e-9)


def test_left_out_song_has_no_influence_on_its_model() -> None:
    features, gains, songs = random_songs(2)
    changed = gains + np.where(np.asarray(songs) == "song 3", 1000.0 * features[:, 0], 0.0)
    before, after = (leave_one_song_out(features, one, songs, 0.1) for one in (gains, changed))
    out = np.asarray(songs) == "song 3"
    np.testing.assert_array_equal(before[out], after[out])
    assert np.abs(before[~out] - after[~out]).max() > 1.0
    with pytest.raises(ArgumentError, match="all tracks are of one song"):
        leave_one_song_out(features, gains, ["a"] * len(songs), 0.1)


def test_features_of_known_sounds() -> None:
    tone = dict(zip(SOUND_FEATURES, measure(sine(640.0, 0.5).expand(2, -1)), strict=True))
    assert tone["centroid (octaves)"] == pytest.approx(5.0, abs=0.02)
    assert tone["crest factor (dB)"] == pytest.approx(10 * math.log10(2), abs=0.4)
    assert tone["level 300 to 1000 Hz (dB)"] == pytest.approx(0.0, abs=0.01)
    assert tone["level of side (dB)"] == -60.0 and tone["flux"] < 0.05
    wide = torch.cat((played(1), -played(1)))
    noise = dict(zip(SOUND_FEATURES, measure(wide), strict=True))
    assert noise["level of side (dB)"] == pytest.approx(0.0, abs=0.01)
    assert noise["flatness (dB)"] > -5.0 > tone["flatness (dB)"] and noise["flux"] > 0.1
    np.testing.assert_allclose(measure(0.1 * wide), measure(wide), atol=1e-6)  # free of level
    assert measure_track(torch.zeros(2, RATE), RATE) is None


def measure(audio: torch.Tensor) -> np.ndarray:
    found = measure_track(audio, RATE)
    assert found is not None and len(found) == len(SOUND_FEATURES) and np.isfinite(found).all()
    return found


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Songs in which bright tracks lie 6 dB under dark ones, and one with a mix that is left out."""
    root = tmp_path_factory.mktemp("songs")
    rows = []
    for song in range(4):
        for number, (name, level) in enumerate((("bass", 0.2), ("lead", 0.1), ("drums", 0.1))):
            audio = played(number, 6.0, 44100) if name == "drums" else sine(100.0 * 10**number, level, 6.0, 44100)
            rows.append(write_row(root, f"s{song}", name, audio, "test" if song == 3 else "train"))
    rows += [write_row(root, "mixed", name, played(9, 6.0, 44100), "train") for name in ("keys", "mix")]
    write_manifest(root / "manifest.parquet", Manifest(rows, root))
    return root / "manifest.parquet"


def write_row(root: Path, song: str, name: str, audio: torch.Tensor, split: str) -> ManifestRow:
    path = f"{song}/{name}.wav"
    (root / song).mkdir(exist_ok=True)
    save_audio(root / path, audio, 44100)
    kind, instrument = ("mix", "mixture") if name == "mix" else ("stem", name)
    level = 20 * math.log10(float(audio.std()))
    return ManifestRow(path, kind, "test", song, "", "", split, name, instrument, 6.0, 44100, 1, level, 0.0, path)


def test_songs_with_known_gains(manifest: Path) -> None:
    read = stems_without_mix(read_manifest(manifest))
    features, gains, songs = collect_songs([read], "train", 2, 0)
    assert features.shape[1] == len(FEATURES) and set(songs) <= {"test/s0", "test/s1", "test/s2"}
    for song in set(songs):
        assert len(set(np.round(gains[np.asarray(songs) == song], 3))) > 1
    again = collect_songs([read], "train", 2, 0)
    np.testing.assert_array_equal(again[0], features)
    with pytest.raises(DataError, match="no song in split 'validation'"):
        collect_songs([read], "validation", 2, 0)


def test_fit_and_mix(manifest: Path, tmp_path: Path) -> None:
    about = fit_classical([manifest], tmp_path / "model", passages=3)
    assert about["left_out"]["model"]["rms_db"] < 0.5 * about["left_out"]["equal_loudness"]["rms_db"]
    assert about["test"]["songs"] == 1 and about["data"]["songs"] == 3
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert f"{about['left_out']['model']['rms_db']:.2f}" in card and "songs left out in turn" in card
    method = ClassicalMixer(tmp_path / "model", {"a": "bass"})
    assert isinstance(method, ConsoleMethod)
    song = TrackSet({"a": sine(100.0), "b": sine(1000.0), "off": torch.zeros(1, RATE)}, RATE)
    found = method.estimate(song, [0.0])
    faders = [found.settings.tracks[name]["fader"]["gain_db"] for name in song.names]
    assert faders[2] == 0.0 and faders[0] == pytest.approx(-faders[1]) and faders[0] > 1.0
    assert any(said.startswith(f"a, bass: {faders[0]:+.1f} dB: ") for said in found.decisions)


def test_model_that_ships() -> None:
    song = TrackSet({"kick": played(1), "bass": sine(80.0), "vocals": played(2)}, RATE)
    made = automix(song, "classical")
    faders = [strip["fader"]["gain_db"] for strip in made.console.settings.tracks.values()]
    assert sum(faders) == pytest.approx(0.0, abs=1e-6) and max(faders) > 0.1


def test_models_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no classical mixer 'nowhere'"):
        ClassicalMixer("nowhere")
    path = tmp_path / "model.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match="is no model of a classical mixer"):
        ClassicalMixer(path)
    LinearModel(["one"], [1.0], [1.0], 0.0, 12.0).save(path)
    with pytest.raises(CheckpointError, match="fitted to other features"):
        ClassicalMixer(tmp_path)
    assert json.loads(path.read_text(encoding="utf-8"))["features"] == ["one"]
