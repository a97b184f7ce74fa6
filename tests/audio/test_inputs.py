"""The one definition of an audio input, and finding files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fxrep.audio import (
    audio_info,
    check_audio,
    find_audio_files,
    iter_blocks,
    load_audio,
    normalize_loudness,
    read_audio,
    resample,
    resample_differentiable,
    save_audio,
    save_blocks,
)
from fxrep.errors import ArgumentError, AudioError


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
@pytest.mark.parametrize("shape", [(4410,), (1, 4410), (2, 4410)])
def test_arrays_come_in_as_stereo_at_the_target_rate(make, shape):
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, shape)
    result = read_audio(make(audio), 44100)
    assert (result.shape, result.dtype) == ((2, 4410), torch.float32)
    np.testing.assert_allclose(result.numpy(), np.broadcast_to(audio, (2, 4410)), atol=1e-7)
    assert read_audio(make(audio), 22050, target_rate=44100, channels=1).shape == (1, 8820)


def test_a_path_and_its_array_are_the_same_input(written, sweep):
    from_path = read_audio(str(written("wav")))
    from_array = read_audio(sweep, 48000)
    assert from_path.shape == (2, 6 * 44100)
    torch.testing.assert_close(from_path, from_array, atol=5e-5, rtol=0)


def test_an_array_without_a_rate_is_refused():
    with pytest.raises(ArgumentError, match="sample_rate"):
        read_audio(np.zeros(100))


@pytest.mark.parametrize(
    ("audio", "named"),
    [
        (np.zeros((2, 0), np.float32), "empty"),
        (np.zeros((6, 100), np.float32), "ffmpeg"),
        (np.zeros((100, 2), np.float32), "transpose"),
        (np.zeros((1, 2, 3, 4), np.float32), "shape"),
        (np.zeros((2, 100), np.int16), "floating point"),
        (np.array([0.0, np.nan]), "NaN or infinite values, the first at sample 1"),
        (np.array([0.0, 0.0, np.inf]), "first at sample 2"),
    ],
)
def test_unusable_arrays_are_named(audio, named):
    with pytest.raises(AudioError, match=named):
        read_audio(audio, 44100)


@pytest.mark.parametrize("audio", [[1, 2, 3], ["a.wav"], None, 3])
def test_what_is_neither_path_nor_array_is_named(audio):
    with pytest.raises(
        ArgumentError, match=f"audio is a {type(audio).__name__}: give one recording, a path or an array"
    ):
        read_audio(audio)


@pytest.mark.parametrize("audio", [np.array(["a.wav"]), np.array([None]), np.array([1j]), np.array([True])])
def test_arrays_of_anything_else_are_refused(audio):
    with pytest.raises(AudioError, match=f"audio holds {audio.dtype} values"):
        read_audio(audio, 44100)


@pytest.mark.parametrize("path", [None, 3, b"a.wav", "a\0b.wav"])
def test_what_is_no_path_is_named(path):
    calls = [load_audio, audio_info, lambda one: iter_blocks(one, 1.0)]
    calls += [lambda one: save_audio(one, np.zeros(9), 8000), lambda one: save_blocks(one, [torch.zeros(1, 9)], 8000)]
    for call in calls:
        with pytest.raises(ArgumentError, match="is no path"):
            call(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [5, 44099])
def test_what_would_spread_is_refused(value, place):
    audio = torch.full((2, 44100), 0.1)
    audio[1, place] = value
    calls = [lambda one: normalize_loudness(one, 44100, -23.0), check_audio]
    calls += [lambda one, to=to: resample(one, 44100, to) for to in (48000, 44100)]
    calls += [lambda one: resample_differentiable(one, 44100, 48000)]
    for call in calls:
        with pytest.raises(AudioError, match=f"NaN or infinite values, the first at sample {place}"):
            call(audio)
        with pytest.raises(AudioError, match="audio is a list: expected a tensor"):
            call(audio.tolist())


def test_finite_values_whose_sum_is_not_are_audio():
    audio = torch.full((1, 9), 3e38)
    assert check_audio(audio) is audio


def test_check_audio_returns_what_it_was_given():
    batch = torch.randn(3, 2, 10)
    assert check_audio(batch) is batch
    with pytest.raises(AudioError, match="reference is empty"):
        check_audio(batch[..., :0], name="reference")


def test_folders_are_searched_in_order_without_hidden_files(tmp_path):
    for name in ("b/2.WAV", "b/1.flac", "b/notes.txt", "b/.hidden.wav", ".git/a.wav", "a.mp3", "b/deep/er/x.stem.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_audio_files([tmp_path])]
    assert found == ["a.mp3", "b/1.flac", "b/2.WAV", "b/deep/er/x.stem.mp4"]
    again = find_audio_files([tmp_path / "b" / "2.WAV", tmp_path / "b", tmp_path / "b" / "notes.txt"])
    assert [path.name for path in again] == ["2.WAV", "1.flac", "x.stem.mp4", "notes.txt"]


def test_links_that_run_in_a_circle_end(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.wav").touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(find_audio_files([tmp_path])) == 1


def test_nothing_to_find_is_an_error(tmp_path):
    with pytest.raises(AudioError, match="no audio files in"):
        find_audio_files([tmp_path])
    with pytest.raises(AudioError, match=r"gone does not exist"):
        find_audio_files([tmp_path / "gone"])


@pytest.mark.parametrize("value", [1e20, -1e20])
def test_arrays_far_beyond_full_scale_are_refused_as_files_are(value):
    audio = torch.full((2, 100), 0.1)
    audio[1, 7] = value
    with pytest.raises(AudioError, match=r"far beyond full scale \(1e\+20\), the first at sample 7"):
        read_audio(audio, 44100)
    audio[1, 7] = 2147483648.0  # a whole number of 32 bits, as files may have it
    assert torch.isfinite(read_audio(audio, 48000)).all()


@pytest.mark.parametrize("rate", [1, 999, 1536001])
def test_arrays_at_rates_that_no_recording_has_are_refused(rate):
    with pytest.raises(ArgumentError, match=f"sample rate is {rate} Hz, 1000 to 1536000 are expected"):
        read_audio(np.zeros(100), rate)
