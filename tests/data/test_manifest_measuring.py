"""What a scan measures, against the library's own whole-file loudness and counted silence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep.audio import LoudnessStream, integrated_loudness
from fxrep.data.measuring import measure_file
from fxrep.data.silence import SilenceMeter
from fxrep.errors import AudioError


def music(seconds: float, rate: int, channels: int, seed: int = 0) -> np.ndarray:
    """Noise under an envelope with loud, soft and silent passages, so that both gates matter."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate)
    envelope = np.interp(np.arange(count), np.linspace(0, count, 9), [0.3, 0.3, 0.001, 0, 0, 0.02, 0.3, 0.003, 0.1])
    return (rng.standard_normal((channels, count)) * envelope).astype(np.float32)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (11025, 2), (44100, 2), (48000, 1), (192000, 2)])
def test_loudness_equals_the_whole_file_measure(tmp_path: Path, rate: int, channels: int) -> None:
    audio = music(12.34, rate, channels)
    soundfile.write(tmp_path / "a.wav", audio.T, rate, subtype="FLOAT")
    measured = measure_file(tmp_path / "a.wav")
    assert measured.loudness_lufs == pytest.approx(float(integrated_loudness(torch.from_numpy(audio), rate)), abs=1e-4)
    assert (measured.sample_rate, measured.channels) == (rate, channels)
    assert measured.duration_s == pytest.approx(12.34, abs=1 / rate)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=12), st.integers(0, 3))
def test_blocks_of_any_length_measure_the_same(lengths: list[int], seed: int) -> None:
    audio = torch.from_numpy(music(sum(lengths) / 8000, 8000, 2, seed))
    readings = []
    for parts in ([audio], audio.split(lengths, dim=1)):
        loudness, silence = LoudnessStream(8000), SilenceMeter(8000)
        for part in parts:
            loudness.add(part)
            silence.add(part)
        assert loudness.frames == audio.shape[1]
        readings.append((loudness.loudness(), silence.ratio()))
    assert readings[1] == pytest.approx(readings[0], abs=1e-9)
    assert readings[0][0] == pytest.approx(float(integrated_loudness(audio, 8000)), abs=0.01)


def test_nothing_is_silent() -> None:
    assert SilenceMeter(8000).ratio() == 1


def test_silence_ratio_counts_blocks_of_100_ms(tmp_path: Path) -> None:
    quiet = 0.9e-3 * np.ones(800)  # -60.9 dBFS
    sound = 1.1e-3 * np.ones(800)  # -59.2 dBFS
    parts = [sound, quiet, np.zeros(800), sound, sound, np.zeros(400)]  # the last block is half a block
    soundfile.write(tmp_path / "a.wav", np.concatenate(parts), 8000, subtype="FLOAT")
    assert measure_file(tmp_path / "a.wav").silence_ratio == pytest.approx(3 / 6)


def test_one_loud_channel_is_not_silence(tmp_path: Path) -> None:
    audio = np.zeros((8000, 2))
    audio[:, 1] = 0.5
    soundfile.write(tmp_path / "a.wav", audio, 8000)
    assert measure_file(tmp_path / "a.wav").silence_ratio == 0


@pytest.mark.parametrize("samples", [1, 10, 800, 2400, 3199])
def test_shorter_than_a_gating_block(tmp_path: Path, samples: int) -> None:
    audio = music(1, 8000, 1)[:, :samples]
    soundfile.write(tmp_path / "a.wav", audio.T, 8000, subtype="FLOAT")
    measured = measure_file(tmp_path / "a.wav")
    assert measured.loudness_lufs == pytest.approx(float(integrated_loudness(torch.from_numpy(audio), 8000)), abs=0.01)
    assert measured.silence_ratio == (0.25 if samples == 3199 else 0), "the envelope ends in silence"


def test_silence_reads_the_floor(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(20000), 8000)
    measured = measure_file(tmp_path / "a.wav")
    assert (measured.loudness_lufs, measured.silence_ratio) == (-70.0, 1.0)


def test_content_hash_is_the_files_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, music(0.5, 8000, 1).T, 8000)
    measured = measure_file(path)
    assert measured.content_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert measured.size_bytes == path.stat().st_size


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("samples", [100, 9000])
def test_not_finite(tmp_path: Path, bad: float, samples: int) -> None:
    audio = np.full(samples, 0.1, dtype=np.float32)
    audio[samples // 2] = bad
    soundfile.write(tmp_path / "a.wav", audio, 8000, subtype="FLOAT")
    with pytest.raises(AudioError, match="finite"):
        measure_file(tmp_path / "a.wav")


def test_six_channels(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((800, 6)), 8000)
    with pytest.raises(AudioError, match="6 channels"):
        measure_file(tmp_path / "a.wav")


def test_cut_off_flac(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, music(5, 8000, 1).T, 8000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError):
        measure_file(path)
