"""Reading whole files, excerpts and blocks, against what was written."""

from __future__ import annotations

import builtins
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fxrep.audio import audio_info, iter_blocks, load_audio
from fxrep.audio.sources import decode, open_source
from fxrep.errors import ArgumentError, AudioError

RATE = 48000
SUFFIXES = ("wav", "flac", "aiff", "ogg", "opus", "mp3")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_whole_file_has_the_right_length_rate_place_and_level(written, sweep, suffix):
    audio, rate = load_audio(written(suffix))
    assert rate == RATE
    assert audio.shape == sweep.shape
    assert audio.dtype == torch.float32
    error = audio.numpy() - sweep
    # Lossless to 16 bit; lossy codecs keep a sweep to better than -20 dB, and one sample of delay would give -9 dB.
    limit = 4e-5 if suffix in ("wav", "flac", "aiff") else 0.1 * np.sqrt(np.mean(sweep**2))
    assert np.sqrt(np.mean(error**2)) < limit


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("start_s", [0.0, 0.123, 2.5, 5.9])
def test_an_excerpt_is_the_same_slice_of_the_whole(written, suffix, start_s):
    whole, _ = load_audio(written(suffix))
    excerpt, _ = load_audio(written(suffix), start_s=start_s, duration_s=0.75)
    start = round(start_s * RATE)
    expected = whole[:, start : start + round(0.75 * RATE)]
    assert excerpt.shape == expected.shape
    torch.testing.assert_close(excerpt, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_header_tells_length_and_format(written, suffix):
    info = audio_info(written(suffix))
    assert (info.sample_rate, info.channels, info.frames) == (RATE, 2, 6 * RATE)
    assert info.duration_s == 6.0
    assert info.path == written(suffix)
    assert info.format


@pytest.mark.parametrize("target_rate", [None, 44100, 8000])
@pytest.mark.parametrize("suffix", ["flac", "mp3"])
def test_blocks_join_to_the_whole_file(written, suffix, target_rate):
    whole, rate = load_audio(written(suffix), sample_rate=target_rate, channels=1)
    blocks = list(iter_blocks(written(suffix), 0.7, target_rate=target_rate, channels=1))
    assert {block.shape[-1] for block in blocks[:-1]} == {round(0.7 * rate)}
    assert 0 < blocks[-1].shape[-1] <= round(0.7 * rate)
    torch.testing.assert_close(torch.cat(blocks, dim=-1), whole, atol=1e-6, rtol=0)


def test_blocks_of_decoding_leave_no_trace(written, monkeypatch):
    whole, _ = load_audio(written("mp3"))
    monkeypatch.setattr("fxrep.audio.sources._BLOCK_FRAMES", 5000)
    torch.testing.assert_close(load_audio(written("mp3"))[0], whole, atol=1e-6, rtol=0)


def test_rate_and_channels_are_converted(written, sweep):
    audio, rate = load_audio(written("wav"), sample_rate=16000, channels=1)
    assert (rate, audio.shape) == (16000, (1, 6 * 16000))
    native, _ = load_audio(written("wav"), channels=1)
    np.testing.assert_allclose(native[0].numpy(), sweep.mean(axis=0), atol=4e-5)


def test_mono_is_copied_to_both_channels(tmp_path):
    soundfile.write(tmp_path / "mono.wav", np.linspace(-0.5, 0.5, 1000), 44100, subtype="FLOAT")
    assert load_audio(tmp_path / "mono.wav")[0].shape == (1, 1000)
    stereo, _ = load_audio(tmp_path / "mono.wav", channels=2)
    assert stereo.shape == (2, 1000)
    assert torch.equal(stereo[0], stereo[1])


def test_what_is_there_comes_back_when_the_duration_passes_the_end(written):
    audio, _ = load_audio(written("flac"), start_s=5.5, duration_s=30)
    assert audio.shape[-1] == RATE // 2


def test_float_files_keep_values_beyond_full_scale(tmp_path):
    soundfile.write(tmp_path / "hot.wav", np.array([1.5, -2.25]), 44100, subtype="FLOAT")
    assert load_audio(tmp_path / "hot.wav")[0].tolist() == [[1.5, -2.25]]


@pytest.mark.parametrize("rate", [8000, 192000])
def test_extreme_rates(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", np.zeros((rate, 2)), rate)
    assert load_audio(tmp_path / "a.wav")[0].shape == (2, rate)
    assert load_audio(tmp_path / "a.wav", sample_rate=44100)[0].shape == (2, 44100)


def test_a_file_of_one_sample(tmp_path):
    soundfile.write(tmp_path / "one.wav", np.array([0.25]), 44100)
    assert load_audio(tmp_path / "one.wav")[0].tolist() == [[0.25]]
    assert load_audio(tmp_path / "one.wav", sample_rate=8000)[0].shape == (1, 1)
    assert [block.shape for block in iter_blocks(tmp_path / "one.wav", 10, target_rate=48000)] == [(1, 1)]


def _three_hours_of_wav(path: Path) -> None:
    """A sparse file: a header, silence that takes no room, and a click in the last second."""
    rate, samples = 44100, 3 * 3600 * 44100
    data_bytes = samples * 2
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16,
        b"data", data_bytes,
    )  # fmt: skip
    with path.open("wb") as file:
        file.write(header)
        file.seek(44 + 2 * (samples - 100))
        file.write(struct.pack("<h", 16384))
        file.truncate(44 + data_bytes)


def test_an_excerpt_of_a_three_hour_file_reads_only_its_part(tmp_path, monkeypatch):
    path = tmp_path / "long.wav"
    _three_hours_of_wav(path)
    read_frames = []
    read = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *a, **k: _noted(read(*a, **k), read_frames))
    audio, _ = load_audio(path, start_s=3 * 3600 - 10, duration_s=10)
    assert audio.shape == (1, 441000)
    assert audio[0, -100] == 0.5
    assert builtins.sum(read_frames) == 441000
    first = next(iter_blocks(path, 1.0))
    assert first.shape == (1, 44100)
    # One megabyte or so was decoded to give the first block, not three hours.
    assert builtins.sum(read_frames) < 2_000_000


def _noted(block, notes):
    notes.append(len(block))
    return block


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"start_s": -1}, "start_s"),
        ({"start_s": float("nan")}, "start_s"),
        ({"duration_s": 0}, "duration_s"),
        ({"sample_rate": 0}, "sample rate"),
        ({"sample_rate": 44100.5}, "sample rate"),
        ({"channels": 6}, "channels"),
    ],
)
def test_arguments_out_of_range_are_named(written, arguments, named):
    with pytest.raises(ArgumentError, match=named):
        load_audio(written("wav"), **arguments)


def test_a_start_past_the_end_is_an_error_that_tells_the_length(written):
    with pytest.raises(AudioError, match=r"lasts 6\.000 s"):
        load_audio(written("wav"), start_s=6)


def test_a_block_length_of_zero_is_refused(written):
    with pytest.raises(ArgumentError, match="block_s"):
        iter_blocks(written("wav"), 0)


@pytest.mark.parametrize(("name", "value"), [("start_s", "1"), ("start_s", None), ("duration_s", "1"), ("start_s", -1)])
def test_times_that_are_none_are_named(written, name, value):
    with pytest.raises(ArgumentError, match=f"{name} is {value!r}: expected seconds"):
        load_audio(written("wav"), **{name: value})


@pytest.mark.parametrize("end", [20_000, 20_100, 20_292])
def test_a_codec_that_counts_more_frames_than_it_holds_is_read_to_its_end(tmp_path: Path, end: int) -> None:
    # Encoders of Vorbis can state some hundred frames more than are there: a passage may end among those, too.
    path = tmp_path / "counted.ogg"
    soundfile.write(path, np.zeros((20_000, 2)), 44100, format="OGG", subtype="VORBIS")
    source = open_source(path)
    stated = replace(source, info=replace(source.info, frames=20_292))
    assert sum(len(block) for block in decode(stated, 15_000, end - 15_000)) == 5000
    far = replace(source, info=replace(source.info, frames=30_000))
    with pytest.raises(AudioError, match="truncated"):
        list(decode(far, 15_000, 10_000))
