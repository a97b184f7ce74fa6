"""What needs PyAV: AAC, M4A, MP4 stems, and Opus files that libsndfile opens and then cannot read."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import soundfile
import torch

from fxrep.audio import audio_info, iter_blocks, load_audio
from fxrep.errors import AudioError

pytest.importorskip("av")
RATE = 48000


@pytest.fixture(scope="module")
def awkward_opus(tmp_path_factory, encode):
    """Opus at 256 kbit/s in long OGG pages, so that packets span pages: the trap in libsndfile 1.2.2."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 8 * RATE)).astype(np.float32)
    path = tmp_path_factory.mktemp("opus") / "awkward.opus"
    return encode(path, "libopus", noise, bit_rate=256000, page_duration="20000000"), noise


def test_the_trap_is_real(awkward_opus):
    path, _ = awkward_opus
    if soundfile.__libsndfile_version__ != "1.2.2":
        pytest.skip("a libsndfile that may have been repaired")
    assert soundfile.info(path).frames == 8 * RATE
    with pytest.raises(soundfile.SoundFileError):
        soundfile.read(path)


def test_awkward_opus_is_read_whole_and_in_place(awkward_opus):
    path, original = awkward_opus
    audio, rate = load_audio(path)
    assert (rate, audio.shape) == (RATE, original.shape)
    # Noise is hard to code, and a displacement by one sample would give an error of +3 dB.
    assert np.std(audio.numpy() - original) < 0.5 * np.std(original)


@pytest.mark.parametrize("start_s", [0.5, 3.2, 7.5])
def test_awkward_opus_excerpts_are_slices_of_the_whole(awkward_opus, start_s):
    path, _ = awkward_opus
    whole, _ = load_audio(path)
    excerpt, _ = load_audio(path, start_s=start_s, duration_s=0.5)
    start = round(start_s * RATE)
    torch.testing.assert_close(excerpt, whole[:, start : start + RATE // 2], atol=1e-4, rtol=0)


def test_awkward_opus_in_blocks(awkward_opus):
    path, _ = awkward_opus
    joined = torch.cat(list(iter_blocks(path, 1.3)), dim=-1)
    torch.testing.assert_close(joined, load_audio(path)[0], atol=1e-5, rtol=0)


def test_awkward_opus_without_pyav_is_read_forward_and_an_excerpt_names_the_extra(awkward_opus, monkeypatch):
    path, original = awkward_opus
    by_pyav, _ = load_audio(path, start_s=7.6)
    monkeypatch.setitem(sys.modules, "av", None)
    whole, _ = load_audio(path)
    assert whole.shape == original.shape
    torch.testing.assert_close(whole[:, round(7.6 * RATE) :], by_pyav, atol=1e-4, rtol=0)
    with pytest.raises(AudioError, match=r"awkward\.opus is truncated or damaged.*fxrep\[media\]"):
        load_audio(path, start_s=7.6)


def test_pyav_goes_on_where_soundfile_stops(written, monkeypatch):
    import fxrep.audio.sources as sources
    from fxrep.audio.info import DecodeError

    def stop_after_two(*arguments, **keywords):
        blocks = decode(*arguments, **keywords)
        yield next(blocks)
        yield next(blocks)
        raise DecodeError("made to fail")

    whole, _ = load_audio(written("flac"))
    decode = sources.decode_sound_file
    monkeypatch.setattr(sources, "_BLOCK_FRAMES", 10000)
    monkeypatch.setattr(sources, "decode_sound_file", stop_after_two)
    assert torch.equal(load_audio(written("flac"))[0], whole)


@pytest.mark.parametrize("bit_rate", [112000, 160000, 256000])
def test_opus_of_common_encoders_at_high_rates(tmp_path, encode, sweep, bit_rate):
    path = encode(tmp_path / "a.opus", "libopus", sweep, bit_rate=bit_rate)
    audio, _ = load_audio(path)
    assert audio.shape == sweep.shape
    assert np.sqrt(np.mean((audio.numpy() - sweep) ** 2)) < 0.02


@pytest.mark.parametrize(("name", "options"), [("a.m4a", {}), ("fast.m4a", {"movflags": "faststart"}), ("a.mp4", {})])
def test_aac_in_mp4(tmp_path, encode, sweep, name, options):
    path = encode(tmp_path / name, "aac", sweep, **options)
    info = audio_info(path)
    assert (info.sample_rate, info.channels, info.frames) == (RATE, 2, sweep.shape[1])
    audio, _ = load_audio(path)
    assert audio.shape == sweep.shape
    # The encoder's delay is taken out: one sample of displacement would give an error of -9 dB.
    assert np.sqrt(np.mean((audio.numpy() - sweep) ** 2)) < 0.1 * np.sqrt(np.mean(sweep**2))
    for start_s in (0.01, 1.5, 5.8):
        excerpt, _ = load_audio(path, start_s=start_s, duration_s=0.5)
        start = round(start_s * RATE)
        torch.testing.assert_close(excerpt, audio[:, start : start + RATE // 2], atol=2e-3, rtol=0)


def test_raw_aac_counts_its_packets(tmp_path, encode, sweep):
    path = encode(tmp_path / "a.aac", "aac", sweep)
    # Raw AAC cannot say how long the encoder's delay is: one to three frames of 1024 samples more than went in.
    assert 0 < audio_info(path).frames - sweep.shape[1] <= 3 * 1024
    whole, _ = load_audio(path)
    assert whole.shape[-1] == audio_info(path).frames
    excerpt, _ = load_audio(path, start_s=3, duration_s=0.5)
    torch.testing.assert_close(excerpt, whole[:, 3 * RATE : 3 * RATE + RATE // 2], atol=2e-3, rtol=0)


def test_stems_are_chosen_by_stream(tmp_path, encode, sweep):
    path = encode(tmp_path / "song.stem.mp4", "aac", sweep, np.float32(0.25) * sweep)
    mixture, _ = load_audio(path)
    stem, _ = load_audio(path, stream=1)
    assert 20 * torch.log10(mixture.std() / stem.std()) == pytest.approx(12.04, abs=0.3)
    with pytest.raises(AudioError, match="stream 5 was asked for and it has 2"):
        load_audio(path, stream=5)


@pytest.mark.parametrize(("name", "options"), [("a.m4a", {}), ("fast.m4a", {"movflags": "faststart"}), ("a.aac", {})])
def test_truncated_media(tmp_path, encode, sweep, name, options):
    data = encode(tmp_path / name, "aac", sweep, **options).read_bytes()
    (tmp_path / f"cut.{name}").write_bytes(data[: int(0.6 * len(data)) + 7])
    with pytest.raises(AudioError, match=r"truncated|not audio"):
        load_audio(tmp_path / f"cut.{name}")


def test_a_flac_that_does_not_tell_its_length(tmp_path, written):
    data = bytearray(written("flac").read_bytes())
    # The total in STREAMINFO is 36 bits long; zero means unknown, which is what encoders write into a pipe.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    (tmp_path / "piped.flac").write_bytes(data)
    audio, _ = load_audio(tmp_path / "piped.flac")
    assert torch.equal(audio, load_audio(written("flac"))[0])


@pytest.mark.parametrize("rate", [16000, 24000])
def test_decoders_agree_on_positions_in_low_rate_opus(tmp_path, monkeypatch, rate):
    import fxrep.audio.sources as sources
    from fxrep.audio.info import DecodeError

    time = np.arange(3 * rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * (200 * time + 300 * time**2))
    soundfile.write(tmp_path / "low.opus", tone, rate, format="OGG", subtype="OPUS")
    by_soundfile, found_rate = load_audio(tmp_path / "low.opus", start_s=1, duration_s=1)

    def refuse(*_arguments, **_keywords):
        raise DecodeError("made to fail")
        yield

    monkeypatch.setattr(sources, "decode_sound_file", refuse)
    by_pyav, _ = load_audio(tmp_path / "low.opus", start_s=1, duration_s=1)
    assert found_rate == rate
    assert by_pyav.shape == by_soundfile.shape
    middle = slice(rate // 10, -rate // 10)
    assert (by_pyav - by_soundfile)[:, middle].std() < 0.05 * by_soundfile.std()
