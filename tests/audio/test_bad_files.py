"""Every file that cannot be read gives one clear line: what, where, what to do."""

from __future__ import annotations

import logging
import os
import shutil
import sys

import numpy as np
import pytest
import soundfile

from fxrep.audio import audio_info, find_audio_files, iter_blocks, load_audio, save_audio
from fxrep.errors import AudioError
from fxrep.mixing import TrackSet


def _message(call, *arguments, **keywords) -> str:
    with pytest.raises(AudioError) as caught:
        call(*arguments, **keywords)
    text = str(caught.value)
    assert "\n" not in text
    return text


def _read_all(path):
    return list(iter_blocks(path, 1.0))


READERS = (load_audio, _read_all)


@pytest.mark.parametrize("call", [*READERS, audio_info])
def test_missing_file(tmp_path, call):
    assert "no.wav does not exist: check the path" in _message(call, tmp_path / "no.wav")


@pytest.mark.parametrize("call", [*READERS, audio_info])
def test_folder(tmp_path, call):
    assert "is a folder" in _message(call, tmp_path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "m4a"])
def test_empty_file(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.touch()
    assert f"a.{suffix} is empty (0 bytes)" in _message(load_audio, path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "m4a", "aac"])
@pytest.mark.parametrize("content", [b"these are words, not music\n" * 50, np.random.default_rng(0).bytes(70000)])
def test_not_audio(tmp_path, capfd, suffix, content):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    assert f"a.{suffix}" in _message(load_audio, path)
    # Decoders in C must not print lines of their own beside ours.
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("call", READERS)
@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "ogg", "opus", "mp3"])
@pytest.mark.parametrize("kept", [0.6, 0.95])
def test_truncated_file(tmp_path, written, suffix, kept, call):
    data = written(suffix).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(data[: int(kept * len(data))])
    assert f"cut.{suffix} is truncated" in _message(call, path)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "ogg", "opus", "mp3"])
def test_the_header_names_a_truncation_without_decoding(tmp_path, written, suffix):
    data = written(suffix).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(data[: len(data) // 2])
    assert "is truncated" in _message(audio_info, path)


def test_the_sound_part_of_a_truncated_flac_can_still_be_read(tmp_path, written):
    data = written("flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: int(0.8 * len(data))])
    audio, rate = load_audio(tmp_path / "cut.flac", start_s=1, duration_s=1)
    assert audio.shape[-1] == rate


def test_a_wav_that_was_streamed_through_a_pipe_is_not_truncated(tmp_path, written):
    data = bytearray(written("wav").read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "piped.wav").write_bytes(data)
    assert load_audio(tmp_path / "piped.wav")[0].shape[-1] == 6 * 48000


def test_rf64_is_checked_by_its_long_size(tmp_path):
    soundfile.write(tmp_path / "big.wav", np.zeros((40000, 2)), 44100, format="RF64")
    data = (tmp_path / "big.wav").read_bytes()
    assert load_audio(tmp_path / "big.wav")[0].shape == (2, 40000)
    if data[:4] == b"RF64":
        (tmp_path / "cut.wav").write_bytes(data[:50000])
        assert "is truncated" in _message(load_audio, tmp_path / "cut.wav")


def test_an_ogg_without_its_end_mark_is_read_with_a_warning(tmp_path, written, caplog):
    data = written("ogg").read_bytes()
    (tmp_path / "radio.ogg").write_bytes(data[: data.rfind(b"OggS")])
    with caplog.at_level(logging.WARNING):
        load_audio(tmp_path / "radio.ogg")
    assert "does not end the stream" in caplog.text


def test_tags_after_an_mp3_and_before_it_do_no_harm(tmp_path, written):
    tagged = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256) + written("mp3").read_bytes() + b"TAG" + bytes(125)
    (tmp_path / "tagged.mp3").write_bytes(tagged)
    assert load_audio(tmp_path / "tagged.mp3")[0].shape[-1] == 6 * 48000


def test_no_samples(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 2)), 44100)
    assert "holds no samples" in _message(load_audio, tmp_path / "none.wav")
    assert audio_info(tmp_path / "none.wav").frames == 0


@pytest.mark.parametrize("call", READERS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_samples_are_named_with_their_time(tmp_path, call, value):
    audio = np.zeros((44100, 2))
    audio[22050, 1] = value
    soundfile.write(tmp_path / "bad.wav", audio, 44100, subtype="FLOAT")
    assert "NaN or infinite samples, the first at 0.500 s" in _message(call, tmp_path / "bad.wav")


@pytest.mark.parametrize("call", READERS)
@pytest.mark.parametrize("value", [5e9, -1e30])
def test_samples_far_beyond_full_scale_are_damage_and_32_bit_whole_numbers_are_not(tmp_path, call, value):
    audio = np.full((44100, 2), 2.0**31)
    soundfile.write(tmp_path / "whole.wav", audio, 44100, subtype="FLOAT")
    call(tmp_path / "whole.wav")
    audio[22050, 1] = value
    soundfile.write(tmp_path / "bad.wav", audio, 44100, subtype="FLOAT")
    assert "samples far beyond full scale, the first at 0.500 s" in _message(call, tmp_path / "bad.wav")


@pytest.mark.parametrize("call", READERS)
@pytest.mark.parametrize("rate", [1, 999, 2_000_000_000])
def test_a_sample_rate_that_no_recording_has_is_damage(tmp_path, call, rate, written):
    data = bytearray(written("wav").read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    (tmp_path / "rate.wav").write_bytes(data)
    assert f"says that its sample rate is {rate} Hz, 1000 to 1536000" in _message(call, tmp_path / "rate.wav")


@pytest.mark.parametrize("call", READERS)
def test_a_length_that_the_file_cannot_hold_is_damage(tmp_path, call, written):
    data = bytearray(written("flac").read_bytes())
    # The count of samples is the last 36 bits of these eight bytes.
    data[18:26] = (int.from_bytes(data[18:26], "big") | (1 << 36) - 1).to_bytes(8, "big")
    (tmp_path / "long.flac").write_bytes(data)
    assert "says that it lasts 398 hours, which" in _message(call, tmp_path / "long.flac")


@pytest.mark.parametrize("call", [*READERS, audio_info])
def test_wav_headers_that_end_early_or_name_an_unknown_codec(tmp_path, call, written):
    (tmp_path / "cut.wav").write_bytes(b"RF64\xff\xff\xff\xffWAVEds64\x1c\x00\x00\x00\x00\x00")
    assert "is truncated" in _message(call, tmp_path / "cut.wav")
    data = bytearray(written("wav").read_bytes())
    data[20:22] = b"\xf1\xf1"
    (tmp_path / "codec.wav").write_bytes(data)
    assert "is not audio that can be read" in _message(call, tmp_path / "codec.wav")


@pytest.mark.parametrize(
    ("suffix", "head"), [("wav", b"RIFF\xff\xff\xff\x00WAVE"), ("aiff", b"FORM\x00\xff\xff\xffAIFF")]
)
def test_chunks_without_length_are_not_walked_over_for_ever(tmp_path, suffix, head):
    path = tmp_path / f"zeros.{suffix}"
    path.write_bytes(head)
    os.truncate(path, 4 << 30)  # no byte of it is stored, and reading all would take half an hour
    assert "is damaged: it has more than 10000 chunks" in _message(load_audio, path)


def test_a_list_of_files_never_makes_another_file_be_read(tmp_path, written):
    shutil.copy(written("mp3"), tmp_path / "private.mp3")
    texts = {
        "concat": "ffconcat version 1.0\nfile private.mp3\n",
        "playlist": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{tmp_path}/private.mp3\n#EXT-X-ENDLIST\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.wav").write_text(text)
        assert "is not audio that can be read" in _message(load_audio, tmp_path / f"{name}.wav")


def test_channels_that_change_in_the_middle_are_damage(tmp_path, monkeypatch, written):
    # As where two MP3 files were joined and libsndfile gave up at the seam.
    blocks = [np.zeros((100, 2), np.float32), np.zeros((100, 1), np.float32)]
    monkeypatch.setattr("fxrep.audio.sources.decode_media_file", lambda *_: iter(blocks))
    data = written("flac").read_bytes()
    (tmp_path / "joined.flac").write_bytes(data[: len(data) // 2])
    assert "2 channels become 1" in _message(load_audio, tmp_path / "joined.flac")


@pytest.mark.parametrize("call", READERS)
def test_six_channels_say_how_to_down_mix(tmp_path, call):
    soundfile.write(tmp_path / "surround.wav", np.zeros((100, 6)), 48000)
    message = _message(call, tmp_path / "surround.wav")
    assert "has 6 channels" in message
    assert "ffmpeg -i INPUT -ac 2" in message
    assert audio_info(tmp_path / "surround.wav").channels == 6


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take UTF-8 names only")
@pytest.mark.parametrize("call", READERS)
def test_a_name_that_is_not_utf8_is_refused(tmp_path, call, written):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    shutil.copy(written("wav"), path)
    assert "has a name that is not UTF-8: rename it" in _message(call, path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_file_without_permission(tmp_path, written):
    shutil.copy(written("wav"), tmp_path / "locked.wav")
    (tmp_path / "locked.wav").chmod(0)
    assert "cannot be opened" in _message(load_audio, tmp_path / "locked.wav")


def test_without_pyav_the_message_names_the_extra(tmp_path, monkeypatch, written):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    (tmp_path / "a.m4a").write_bytes(b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00M4A mp42\x00\x00\x00\x08moov")
    assert 'pip install "fxrep[media]"' in _message(load_audio, tmp_path / "a.m4a")
    data = written("flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    assert 'pip install "fxrep[media]"' in _message(load_audio, tmp_path / "cut.flac")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take UTF-8 names only")
def test_a_name_that_is_not_utf8_is_refused_everywhere(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    soundfile.write(tmp_path / "cafe.wav", np.zeros(100), 8000)
    (tmp_path / "cafe.wav").rename(os.fsdecode(name))
    for call in (*READERS, audio_info):
        text = _message(call, os.fsdecode(name))
        assert "caf\\udce9.wav has a name that is not UTF-8: rename it" in text
        text.encode()
    (found,) = find_audio_files([tmp_path])
    assert os.fsencode(found) == name
    _message(save_audio, os.fsdecode(name), np.zeros(100), 8000)
    with pytest.raises(AudioError, match="not UTF-8"):
        TrackSet([tmp_path])
