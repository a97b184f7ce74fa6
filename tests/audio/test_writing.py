"""Writing: what comes back, what is refused, and that nothing half-written stays behind."""

from __future__ import annotations

import os

import numpy as np
import pytest
import soundfile
import torch

from fxrep.audio import audio_info, load_audio, save_audio
from fxrep.errors import ArgumentError, AudioError, OutputError


@pytest.fixture
def audio() -> torch.Tensor:
    return 0.5 * torch.randn(2, 48000, generator=torch.Generator().manual_seed(0)).clamp(-1.9, 1.9)


@pytest.mark.parametrize(("suffix", "tolerance"), [("wav", 2e-7), ("flac", 2e-7), ("aiff", 2e-7)])
def test_lossless_formats_keep_24_bits(tmp_path, audio, suffix, tolerance):
    save_audio(tmp_path / f"a.{suffix}", audio, 48000)
    assert soundfile.info(tmp_path / f"a.{suffix}").subtype == "PCM_24"
    result, rate = load_audio(tmp_path / f"a.{suffix}")
    assert rate == 48000
    torch.testing.assert_close(result, audio, atol=tolerance, rtol=0)


@pytest.mark.parametrize("suffix", ["ogg", "opus", "mp3"])
def test_lossy_formats_keep_length_and_rate(tmp_path, audio, suffix):
    save_audio(tmp_path / f"a.{suffix}", audio.numpy() * 0.5, 48000)
    result, rate = load_audio(tmp_path / f"a.{suffix}")
    assert (result.shape, rate) == (audio.shape, 48000)


@pytest.mark.parametrize("rate", [8000, 192000])
def test_extreme_rates_and_one_sample(tmp_path, rate):
    save_audio(tmp_path / "a.flac", torch.tensor([0.5]), rate)
    assert load_audio(tmp_path / "a.flac")[0].tolist() == [[0.5]]


def test_double_precision_survives(tmp_path):
    audio = torch.tensor([[1 / 3, -0.1]], dtype=torch.float64)
    save_audio(tmp_path / "a.wav", audio, 44100, subtype="double")
    assert soundfile.read(tmp_path / "a.wav", always_2d=True)[0].T.tolist() == audio.tolist()


def test_nothing_is_clipped_in_silence(tmp_path, audio):
    loud = audio * 4
    save_audio(tmp_path / "a.wav", loud, 48000)
    assert soundfile.info(tmp_path / "a.wav").subtype == "FLOAT"
    torch.testing.assert_close(load_audio(tmp_path / "a.wav")[0], loud, atol=0, rtol=0)
    for name, subtype in (("a.flac", None), ("b.wav", "PCM_16"), ("a.mp3", None)):
        with pytest.raises(AudioError, match="would be clipped"):
            save_audio(tmp_path / name, loud, 48000, subtype=subtype)
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("name", "rate", "subtype", "named"),
    [
        ("a.xyz", 44100, None, "ends in .wav"),
        ("a.flac", 44100, "FLOAT", "choose one of PCM"),
        ("a.opus", 44100, None, "resample to one of 8000"),
        ("a.mp3", 96000, None, "resample to one of"),
        ("a.wav", 0, None, "sample rate"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, audio, name, rate, subtype, named):
    with pytest.raises(ArgumentError, match=named):
        save_audio(tmp_path / name, audio, rate, subtype=subtype)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused_and_an_existing_file_stays(tmp_path, audio, bad):
    save_audio(tmp_path / "a.wav", audio, 48000)
    before = (tmp_path / "a.wav").read_bytes()
    with pytest.raises(AudioError, match=r"audio for a\.wav holds NaN or infinite"):
        save_audio(tmp_path / "a.wav", torch.full((2, 10), bad), 48000)
    assert (tmp_path / "a.wav").read_bytes() == before


def test_six_channels_are_refused(tmp_path):
    with pytest.raises(AudioError, match="6 channels"):
        save_audio(tmp_path / "a.wav", torch.zeros(6, 100), 48000)
    with pytest.raises(AudioError, match="shape"):
        save_audio(tmp_path / "a.wav", torch.zeros(3, 2, 100), 48000)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path, audio, suffix):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A limit on the size of files fails the same system call as a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*has space") as caught:
            save_audio(tmp_path / f"a.{suffix}", audio, 48000)
        assert "System error" not in str(caught.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder that refuses the superuser too")  # noqa: PTH112
def test_a_read_only_folder_is_one_clear_line(audio):
    with pytest.raises(OutputError, match=r"cannot write /proc/a\.wav"):
        save_audio("/proc/a.wav", audio, 48000)


def test_a_folder_in_the_way(tmp_path, audio):
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        save_audio(tmp_path / "a.wav", audio, 48000)


@pytest.mark.parametrize("audio", [None, "noise", [0.0, 0.1]])
def test_what_is_no_audio_is_named(tmp_path, audio):
    with pytest.raises(AudioError, match=f"audio for x.wav is a {type(audio).__name__}"):
        save_audio(tmp_path / "x.wav", audio, 44100)


@pytest.mark.parametrize(
    ("suffix", "rate", "advice"),
    [
        ("flac", 65537, "65535 Hz or less, or to tens of Hz"),
        ("flac", 700000, "up to 655350"),
        ("ogg", 200001, "200000 Hz or less"),
    ],
)
def test_a_rate_that_a_format_cannot_hold_is_refused_before_the_encoder_fails(tmp_path, suffix, rate, advice):
    with pytest.raises(ArgumentError, match=f"cannot hold {rate} Hz: resample to .*{advice}"):
        save_audio(tmp_path / f"a.{suffix}", np.zeros((2, 100)), rate)
    held = 200000 if suffix == "ogg" else 192010
    save_audio(tmp_path / f"b.{suffix}", np.zeros((2, 100)), held)
    assert audio_info(tmp_path / f"b.{suffix}").sample_rate == held
