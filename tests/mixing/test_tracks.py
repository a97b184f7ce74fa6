"""Sets of tracks: names, lengths, levels, excerpts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from fxrep.audio import integrated_loudness, load_audio, match_channels, resample, save_audio
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing import TrackSet

RATE = 22050


def noise(seed: int, channels: int, samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Mono and stereo, lossless and lossy, of different lengths and rates, one silent."""
    save_audio(tmp_path / "kick.wav", noise(1, 1, 40_001), RATE, subtype="FLOAT")
    save_audio(tmp_path / "pad.flac", noise(2, 2, 60_000), RATE)
    save_audio(tmp_path / "room.wav", noise(3, 2, 100_001), 44100, subtype="FLOAT")
    save_audio(tmp_path / "spare.wav", torch.zeros(1, 30_000), RATE)
    return tmp_path


def test_what_a_set_says_of_files(folder: Path) -> None:
    tracks = TrackSet([folder])
    assert tracks.names == ["kick", "pad", "room", "spare"] and len(tracks) == 4
    assert tracks.sample_rate == RATE
    assert tracks.samples == 60_000 and tracks.duration_s == 60_000 / RATE
    assert tracks.paths["kick"] == folder / "kick.wav"
    expected = [match_channels(load_audio(folder / name)[0], 2) for name in ("kick.wav", "pad.flac")]
    for name, audio in zip(("kick", "pad"), expected, strict=True):
        assert tracks.loudness_lufs[name] == pytest.approx(float(integrated_loudness(audio, RATE)), abs=1e-3)
    room = float(integrated_loudness(load_audio(folder / "room.wav", sample_rate=RATE)[0], RATE))
    assert tracks.loudness_lufs["room"] == pytest.approx(room, abs=1e-3)
    assert tracks.loudness_lufs["spare"] == -math.inf
    assert TrackSet(str(folder / "kick.wav")).names == ["kick"]


def test_gains_bring_tracks_to_a_loudness(folder: Path) -> None:
    tracks = TrackSet([folder])
    gains = tracks.input_gain_db(-30.0)
    assert gains["spare"] == 0.0
    audio = tracks.read(0, tracks.duration_s, gains=gains)[0]
    for number, name in enumerate(tracks.names[:3]):
        length = tracks.recordings[name].length(RATE)
        assert float(integrated_loudness(audio[number, :, :length], RATE)) == pytest.approx(-30, abs=0.05)
    assert set(tracks.input_gain_db(200).values()) == {40.0, 0.0}
    assert set(tracks.input_gain_db(-300).values()) == {-120.0, 0.0}
    with pytest.raises(ArgumentError, match="target_lufs is nan"):
        tracks.input_gain_db(math.nan)


@pytest.mark.parametrize("rate", [None, RATE, 44100, 16000])
def test_an_excerpt_is_what_the_whole_holds_there(folder: Path, rate: int | None) -> None:
    tracks = TrackSet([folder])
    wanted = rate or RATE
    part = tracks.read(0.7, 0.9, rate)
    assert part.shape == (1, 4, 2, round(0.9 * wanted)) and part.dtype == torch.float32
    start = round(0.7 * wanted)
    for number, (name, path) in enumerate(tracks.paths.items()):
        audio, own = load_audio(path)
        whole = resample(match_channels(audio, 2), own, wanted)[:, start : start + part.shape[-1]]
        padded = torch.nn.functional.pad(whole, (0, part.shape[-1] - whole.shape[-1]))
        assert float((part[0, number] - padded).abs().max()) < 2e-5, name
        assert torch.equal(part[0, number, :, whole.shape[-1] :], padded[:, whole.shape[-1] :])


def test_past_the_end_there_is_silence(folder: Path) -> None:
    assert not TrackSet([folder]).read(60.0, 0.5).any()


def test_lossy_files_can_be_read_to_their_very_end(tmp_path: Path) -> None:
    for suffix in ("mp3", "ogg"):
        save_audio(tmp_path / f"{suffix}.{suffix}", noise(4, 2, 44_100), 44100)
    tracks = TrackSet([tmp_path])
    for start in (tracks.duration_s - 0.03, tracks.duration_s - 1e-4):
        assert torch.isfinite(tracks.read(start, 0.1)).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64, torch.float32, torch.float64])
def test_arrays_are_used_as_they_are(kind) -> None:
    audio = noise(5, 2, 10_000)
    given = audio.to(kind) if isinstance(kind, torch.dtype) else audio.numpy().astype(kind)
    before = given.clone() if isinstance(given, torch.Tensor) else given.copy()
    tracks = TrackSet({"a": given, "b": given[0]}, RATE)
    read = tracks.read(0.0, 10_000 / RATE, gains={"a": 6.0})
    assert torch.allclose(read[0, 1], audio[:1].expand(2, -1), atol=1e-7)
    read.zero_()
    tracks.input_gain_db(-20)
    assert bool((torch.as_tensor(given) == torch.as_tensor(before)).all())
    assert tracks.paths == {"a": None, "b": None}


def test_arrays_that_may_not_be_written_are_tracks() -> None:
    given = noise(5, 2, 1000).numpy()
    given.flags.writeable = False
    assert TrackSet({"a": given}, RATE).read(0, 0.01).any()


def test_the_rate_is_that_of_most(tmp_path: Path) -> None:
    for name, rate in {"a": 44100, "b": 48000, "c": 48000, "d": 44100}.items():
        save_audio(tmp_path / f"{name}.wav", noise(6, 1, 1000), rate)
    assert TrackSet([tmp_path]).sample_rate == 48000
    assert TrackSet([tmp_path / f"{name}.wav" for name in "abd"]).sample_rate == 44100
    assert TrackSet([tmp_path], 32000).sample_rate == 32000
    assert TrackSet([tmp_path], 32000).samples == 726


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = ["one/lead/vox.wav", "two/lead/vox.wav", "vox.flac", "drums.wav", "drums.flac", "two/Vox.wav"]
    for path in paths:
        save_audio(tmp_path / path, noise(7, 1, 1000), RATE)
    tracks = TrackSet([tmp_path / path for path in paths])
    names = dict(zip(paths, tracks.names, strict=True))
    assert names["one/lead/vox.wav"] == "one_lead_vox" and names["two/lead/vox.wav"] == "two_lead_vox"
    assert names["drums.wav"] == "drums_wav" and names["drums.flac"] == "drums_flac"
    assert len({name.casefold() for name in tracks.names}) == len(paths)
    assert [tracks.paths[names[path]] for path in paths] == [tmp_path / path for path in paths]
    twice = {"left": tmp_path / "vox.flac", "right": tmp_path / "vox.flac"}
    assert TrackSet(twice).names == ["left", "right"]


def test_a_hundred_tracks() -> None:
    tracks = TrackSet({f"track {number}": noise(number, 1 + number % 2, 3000) for number in range(100)}, RATE)
    assert tracks.read(0.0, 0.05).shape == (1, 100, 2, 1102)
    assert all(math.isfinite(value) for value in tracks.loudness_lufs.values())


def test_less_than_a_block_of_the_meter_has_a_loudness() -> None:
    audio = noise(8, 1, RATE // 5)
    tracks = TrackSet({"hit": audio, "tick": noise(9, 1, 1)}, RATE)
    expected = float(integrated_loudness(match_channels(audio, 2), RATE))
    assert tracks.loudness_lufs["hit"] == pytest.approx(expected, abs=1e-3)


def wrong(call, error: type[Exception], message: str):
    return pytest.param(call, error, message, id=message)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        wrong(lambda folder: TrackSet([]), ArgumentError, "there are no tracks"),
        wrong(lambda folder: TrackSet({}), ArgumentError, "there are no tracks"),
        wrong(lambda folder: TrackSet([folder / "no.wav"]), AudioError, "no.wav does not exist"),
        wrong(lambda folder: TrackSet({"a": folder / "no.wav"}), AudioError, "no.wav"),
        wrong(lambda folder: TrackSet([folder / "kick.wav"] * 2), ArgumentError, "kick.wav is given twice"),
        wrong(lambda folder: TrackSet({"": folder / "kick.wav"}), ArgumentError, "called ''"),
        wrong(lambda folder: TrackSet([noise(1, 1, 9)]), ArgumentError, "an array needs a name"),
        wrong(lambda folder: TrackSet(3), ArgumentError, "tracks are int"),
        wrong(lambda folder: TrackSet({"a": noise(1, 1, 9)}), ArgumentError, "pass sample_rate"),
        wrong(lambda folder: TrackSet({"a": noise(1, 3, 9)}, RATE), AudioError, "track a has 3 channels"),
        wrong(lambda folder: TrackSet({"a": torch.zeros(1, 1, 9)}, RATE), AudioError, "track a has shape"),
        wrong(lambda folder: TrackSet({"a": torch.full((1, 9), math.nan)}, RATE), AudioError, "track a holds NaN"),
        wrong(lambda folder: TrackSet({"a": np.zeros((1, 9), np.int16)}, RATE), AudioError, "track a holds int16"),
        wrong(lambda folder: TrackSet({"a": [0.0]}, RATE), ArgumentError, "track a is a list"),
        wrong(lambda folder: TrackSet([folder], 0), ArgumentError, "sample rate is 0"),
        wrong(lambda folder: TrackSet([folder]).read(-1, 1), ArgumentError, "start_s is -1"),
        wrong(lambda folder: TrackSet([folder]).read(0, 0), ArgumentError, "duration_s is 0"),
        wrong(lambda folder: TrackSet([folder]).read(0, 1, gains={"x": 1}), ArgumentError, "no track 'x'"),
        wrong(lambda folder: TrackSet([folder]).windows(0, 1), ArgumentError, "window_s is 0"),
        wrong(lambda folder: TrackSet([folder]).windows(1, 0), ArgumentError, "count is 0"),
        wrong(lambda folder: TrackSet([folder / "spare.wav"]).windows(1, 1), AudioError, "all tracks are silent"),
    ],
)
def test_a_wrong_call_is_named(folder: Path, call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(folder)


def test_a_file_of_many_channels_is_named(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "surround.wav", np.zeros((100, 6)), RATE)
    with pytest.raises(AudioError, match=r"track surround: .*surround\.wav has 6 channels"):
        TrackSet([tmp_path])


def test_what_is_cut_off_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.flac"
    save_audio(path, noise(1, 2, 80_000), RATE)
    path.write_bytes(path.read_bytes()[:-60_000])
    tracks = TrackSet([path])
    with pytest.raises(AudioError, match=r"cut\.flac"):
        _ = tracks.loudness_lufs
