"""Recordings at one loudness and bandwidth: what is altered on the way is heard as what it was."""

from __future__ import annotations

import json
import shutil
import sqlite3

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import butter, sosfilt

from encoders import load_encoder
from fxrep.audio import integrated_loudness
from fxrep.errors import ArgumentError, OccupiedError, OutputError, ReferenceIndexError
from fxrep.retrieval import (
    AS_RELEASED,
    Matching,
    ReferenceIndex,
    build_index,
    embed_corpus,
    match_encoder,
    matched_encoder,
)

RATE = 44100


def song(seed: int, seconds: float = 12.0) -> np.ndarray:
    """Noise of a spectrum, level and width of its own, louder from the middle on, ``(2, samples)``."""
    rng = np.random.default_rng(seed)
    edge = 400 * 2 ** rng.uniform(0, 4)
    noise = sosfilt(butter(2, edge, fs=RATE, output="sos"), rng.normal(size=(2, round(seconds * RATE))))
    noise = noise + rng.uniform(0, 1) * noise[::-1]
    noise[:, noise.shape[1] // 2 :] *= 4
    return 0.4 * noise / np.abs(noise).max() * rng.uniform(0.1, 1)


def write(path, audio: np.ndarray, rate: int = RATE):
    soundfile.write(path, audio.T, rate, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def tiny():
    return load_encoder("tiny")


@pytest.fixture
def recordings(tmp_path):
    (tmp_path / "songs").mkdir()
    return [write(tmp_path / "songs" / f"{seed}.wav", song(seed)) for seed in range(4)]


def test_values_are_checked_and_named() -> None:
    assert str(Matching()) == "at -16 LUFS, up to 14 kHz" and str(AS_RELEASED) == "as released"
    assert Matching() and not AS_RELEASED and Matching(None, 8000).options.endswith("none --match-bandwidth 8000")
    for wrong in ({"loudness_lufs": 3.0}, {"loudness_lufs": float("nan")}, {"bandwidth_hz": 10.0}):
        with pytest.raises(ArgumentError, match=r"give .* to .* or none"):
            Matching(**wrong)


def test_level_and_what_lies_above_the_band_are_not_heard(tiny, recordings, tmp_path) -> None:
    audio = song(0)
    tone = 0.02 * np.sin(2 * np.pi * 17000 / RATE * np.arange(audio.shape[1]))
    altered = write(tmp_path / "altered.wav", 0.25 * (audio + tone))
    hears = match_encoder(tiny, Matching())
    (_, one), (_, other) = hears.embed_windows(recordings[0]), hears.embed_windows(altered)
    assert (one * other).sum(1).min() > 0.9999
    (_, one), (_, other) = tiny.embed_windows(recordings[0]), tiny.embed_windows(altered)
    assert (one * other).sum(1).max() < 0.99
    with pytest.raises(Exception, match="silent"):
        hears.embed(np.zeros((2, RATE), np.float32), RATE)


def test_what_is_heard_is_at_the_loudness_asked_for(tiny, recordings) -> None:
    hears = match_encoder(tiny, Matching(-20.0, None))
    heard = torch.cat(list(hears._blocks(recordings[1], None)), dim=1)
    assert float(integrated_loudness(heard, RATE)) == pytest.approx(-20, abs=1e-3)
    exact = song(1).astype(np.float32)
    assert torch.allclose(heard / heard.abs().max(), torch.from_numpy(exact / np.abs(exact).max()), atol=1e-6)


def test_short_and_long_files_arrays_and_batches_are_heard_alike(tiny, recordings, monkeypatch) -> None:
    hears = match_encoder(tiny, Matching())
    starts, kept = hears.embed_windows(recordings[2])
    monkeypatch.setattr(matched_encoder, "_KEPT_S", 3.0)
    assert torch.equal(hears.embed_windows(recordings[2])[1], kept)
    monkeypatch.setattr(matched_encoder, "_BLOCK_S", 0.7)
    assert torch.allclose(hears.embed_windows(recordings[2])[1], kept, atol=1e-5)
    from_array = hears.embed_windows(song(2).astype(np.float32), RATE)
    assert torch.equal(from_array[0], starts) and torch.allclose(from_array[1], kept, atol=1e-5)
    assert torch.allclose(hears.embed(recordings[2]), torch.nn.functional.normalize(kept.mean(0), dim=0), atol=1e-6)


def test_a_part_is_heard_at_the_gain_of_its_recording(tiny, recordings, tmp_path) -> None:
    hears = match_encoder(tiny, Matching())
    part = song(3)[:, : 5 * RATE].astype(np.float32)  # the quiet half
    _, windows = hears.embed_windows(recordings[3])
    _, within = hears.embed_windows(part, RATE, whole=recordings[3])
    assert torch.allclose(windows[:1], within, atol=1e-5)
    assert not torch.allclose(windows[:1], hears.embed_windows(part, RATE)[1], atol=1e-3)
    with ReferenceIndex.create(tmp_path / "library.fxindex", hears) as index:
        index.add(recordings)
        for level in ("window", "song"):
            hits = index.search(recordings[3], 1, start_s=0, duration_s=5, level=level)
            assert hits[0].song_id == 4
        assert index.search(recordings[3], 1, duration_s=5)[0].score == pytest.approx(1, abs=1e-5)
        assert index.search(song(3).astype(np.float32), 1, sample_rate=RATE, duration_s=5)[0].score > 0.9999


def test_an_index_remembers_and_matches_by_itself(tiny, recordings, tmp_path) -> None:
    folder = tmp_path / "library.fxindex"
    build_index(folder, recordings, match_encoder(tiny, Matching(-18.0, 12000.0)), model="tiny")
    quiet = write(tmp_path / "quiet.wav", song(2) / 2)
    with ReferenceIndex.open(folder, tiny) as index:
        assert index.info()["heard"] == "at -18 LUFS, up to 12 kHz" and index.info()["format_version"] == 3
        hit = index.search(quiet, 1)[0]
        assert hit.song_id == 3 and hit.score == pytest.approx(1, abs=1e-5)
        assert index.add(quiet).added == [5]
    assert json.loads((folder / "manifest.json").read_text())["matched"]["bandwidth_hz"] == 12000
    (folder / "index.sqlite").write_bytes(b"damaged")
    with ReferenceIndex.open(folder, tiny) as index:
        assert index.repaired and index.search(quiet, 1)[0].song_id in (3, 5)
    with pytest.raises(ReferenceIndexError, match=r"hears recordings at -18 LUFS.*given hears them at -16 LUFS"):
        ReferenceIndex.open(folder, match_encoder(tiny, Matching()))


def test_an_index_of_recordings_as_they_are_is_of_the_format_before(tiny, recordings, tmp_path) -> None:
    folder = tmp_path / "plain.fxindex"
    build_index(folder, recordings[:1], tiny)
    with sqlite3.connect(folder / "index.sqlite") as connection:
        meta = dict(connection.execute("SELECT key, value FROM meta"))
    assert meta["format_version"] == "2" and "loudness" not in meta["state"] and "bandwidth" not in meta["state"]
    assert "matched" not in json.loads((folder / "manifest.json").read_text())
    with pytest.raises(ReferenceIndexError, match=r"hears recordings as released.*given hears them at"):
        ReferenceIndex.open(folder, match_encoder(tiny, Matching()))


def test_what_was_heard_otherwise_is_never_mixed(tiny, recordings, tmp_path) -> None:
    matched = match_encoder(tiny, Matching())
    files = {}
    for name, encoder in {"plain": tiny, "matched": matched}.items():
        files[name] = tmp_path / f"{name}.parquet"
        embed_corpus(recordings, encoder, files[name], level="window")
    build_index(tmp_path / "parts.fxindex", files["matched"], matched)
    build_index(tmp_path / "audio.fxindex", recordings, matched)
    build_index(tmp_path / "plain.fxindex", recordings, tiny)
    with ReferenceIndex.open(tmp_path / "parts.fxindex") as one, ReferenceIndex.open(tmp_path / "audio.fxindex") as two:
        assert np.array_equal(one.embeddings("window").vectors, two.embeddings("window").vectors)
        with pytest.raises(ReferenceIndexError, match=r"as released, but .* at -16 LUFS.*--match-loudness -16"):
            one.add_embedding_files(files["plain"])
    index = ReferenceIndex.open(tmp_path / "plain.fxindex")
    with index, pytest.raises(ReferenceIndexError, match=r"--match-loudness none --match-bandwidth none"):
        index.add_embedding_files(files["matched"])
    with pytest.raises(OutputError, match=r"of recordings as released, not at -16 LUFS"):
        embed_corpus(recordings, matched, files["plain"], level="window")


def test_an_interrupted_build_goes_on_as_it_was_begun(tiny, recordings, tmp_path) -> None:
    from fxrep.retrieval.unfinished_mark import UnfinishedMark

    folder = tmp_path / "library.fxindex"
    build_index(folder, recordings, match_encoder(tiny, Matching()))
    UnfinishedMark(folder, recordings).set()
    with pytest.raises(OccupiedError, match=r"begun with recordings at -16 LUFS.*not as released"):
        build_index(folder, recordings, tiny)
    assert len(build_index(folder, recordings, match_encoder(tiny, Matching())).unchanged) == 4


def test_encoders_of_ones_own_are_matched_in_one_piece(encoder, songs, tmp_path) -> None:
    hears = match_encoder(encoder, Matching(-16.0, None))
    quiet = tmp_path / "quiet.wav"
    audio, rate = soundfile.read(songs[1])
    soundfile.write(quiet, audio / 8, rate, subtype="FLOAT")
    assert torch.allclose(hears.embed_windows(songs[1])[1], hears.embed_windows(quiet)[1], atol=1e-4)
    assert match_encoder(hears, AS_RELEASED) is encoder and hears.fingerprint != encoder.fingerprint
    with ReferenceIndex.create(tmp_path / "own.fxindex", hears) as index:
        index.add(songs)
        assert index.search(quiet, 1)[0].song_id == 2 and len(index.search(songs[0], 1, stem=None)) == 1
        with pytest.raises(ArgumentError, match="BandEncoder hears a mixture as a whole"):
            index.search(songs[0], stem="bass")
    shutil.rmtree(tmp_path / "own.fxindex")
