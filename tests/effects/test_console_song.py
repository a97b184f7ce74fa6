"""Mixing whole songs block by block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fxrep.audio import load_audio, resample, save_audio
from fxrep.effects import ConsoleSettings, MixingConsole, dasp_console, default_console
from fxrep.effects.console.blocks import Junction
from fxrep.errors import ArgumentError, AudioError, OutputError

RATE = 44100
CONSOLE = default_console(groups=["drums"])
LENGTHS = {"kick": 90_001, "snare": 120_000, "vocals": 60_000, "silence": 70_000}


@pytest.fixture(scope="module")
def audio() -> dict[str, torch.Tensor]:
    """Tracks of different lengths, mono and stereo, one of them silent."""
    generator = torch.Generator().manual_seed(2)
    tracks = {}
    for number, (name, length) in enumerate(LENGTHS.items()):
        noise = 0.2 * torch.randn(1 + number % 2, length, generator=generator)
        tracks[name] = noise * torch.exp(-(torch.arange(length) % 11025) / 3000.0) * (name != "silence")
    return tracks


@pytest.fixture(scope="module")
def files(audio: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tracks")
    for name, track in audio.items():
        save_audio(folder / f"{name}.wav", track, RATE, subtype="FLOAT")
    return {name: folder / f"{name}.wav" for name in audio}


def everything_on(console: MixingConsole = CONSOLE) -> ConsoleSettings:
    """Drawn settings with every effect in use."""
    generator = torch.Generator().manual_seed(5)
    shapes = ((1, len(LENGTHS), console.track_size), (1, console.bus_size), (1, console.master_size))
    parts = [0.3 + 0.5 * torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    for part, names in zip(parts, console.setting_names(), strict=True):
        part[..., [column for column, name in enumerate(names) if "fader" in name]] = 0.9 if console.buses else 0.5
    members = {group: torch.tensor([[True, True, False, False]]) for group in console.groups}
    settings = console.unstack(console.denormalize(*parts, members), list(LENGTHS))
    if console is not CONSOLE:
        return settings
    # What only a person sets: filters, and what looks ahead, so that tracks come out of step.
    settings = settings.edit("master", "limiter.ceiling_db", -12).edit("vocals", "parametric_eq.high_pass_hz", 120)
    settings = settings.edit("kick", "compressor.lookahead_ms", 15).edit("vocals", "compressor.rms_ms", 30)
    return settings.edit("drums", "compressor.lookahead_ms", 5)


def at_once(console: MixingConsole, audio: dict[str, torch.Tensor], settings: ConsoleSettings, extra: int = 0):
    """The same mix without blocks."""
    longest = max(track.shape[-1] for track in audio.values()) + extra
    stacked = torch.zeros(1, len(audio), 2, longest)
    for number, track in enumerate(audio.values()):
        stacked[0, number, :, : track.shape[-1]] = track
    return console.render(stacked, settings, RATE)[0]


def joined(console: MixingConsole, tracks: dict, settings: ConsoleSettings, **options) -> torch.Tensor:
    return torch.cat(list(console.iter_song(tracks, settings, **options)), -1)


def error_db(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float(20 * torch.log10((actual - expected).abs().max() / expected.abs().max() + 1e-12))


@pytest.mark.parametrize("block", [1 << 17, 65536, 10_007, 1000])
@pytest.mark.parametrize("console", [CONSOLE, dasp_console()], ids=lambda console: console.name)
def test_blocks_equal_the_whole(block: int, console: MixingConsole, audio: dict) -> None:
    settings = everything_on(console)
    expected = at_once(console, audio, settings)
    mix = joined(console, audio, settings, sample_rate=RATE, block=block, threads=2)
    assert mix.shape == expected.shape
    assert error_db(mix, expected) < -90
    # Neither the beginning nor the end is faded.
    for part in (slice(0, 8820), slice(-8820, None)):
        assert error_db(mix[:, part], expected[:, part]) < -80


def test_files_equal_arrays_on_any_number_of_threads(audio: dict, files: dict) -> None:
    settings = everything_on()
    expected = joined(CONSOLE, audio, settings, sample_rate=RATE, block=20_000, threads=1)
    for threads in (None, 1, 3):
        assert torch.equal(joined(CONSOLE, files, settings, block=20_000, threads=threads), expected)


def test_the_neutral_console_is_the_sum(audio: dict) -> None:
    settings = CONSOLE.default_settings(list(audio))
    expected = torch.zeros(2, max(LENGTHS.values()))
    for track in audio.values():
        expected[:, : track.shape[-1]] += track
    assert torch.equal(joined(CONSOLE, audio, settings, sample_rate=RATE, block=7_777), expected)


def test_the_tail_lets_reverberation_end(audio: dict) -> None:
    settings = CONSOLE.default_settings(list(audio)).edit("vocals", "sends.reverb", 0)
    mix = joined(CONSOLE, audio, settings, sample_rate=RATE, tail_s=1.5, block=9_000)
    expected = at_once(CONSOLE, audio, settings, round(1.5 * RATE))
    assert mix.shape == expected.shape
    assert error_db(mix, expected) < -90


def test_other_rates_are_refused_or_resampled(audio: dict, files: dict, tmp_path: Path) -> None:
    settings = CONSOLE.default_settings(list(audio))
    save_audio(tmp_path / "snare.wav", resample(audio["snare"], RATE, 48000), 48000, subtype="FLOAT")
    mixed = {**files, "snare": tmp_path / "snare.wav"}
    with pytest.raises(ArgumentError, match="snare has 48000 Hz"):
        joined(CONSOLE, mixed, settings)
    expected = at_once(CONSOLE, audio, settings)
    resampled = joined(CONSOLE, mixed, settings, sample_rate=RATE, block=10_000)
    assert resampled.shape == expected.shape
    # White noise loses its highest octave's end in two conversions; what matters is that nothing shifts.
    correlation = float((resampled * expected).sum() / (resampled.norm() * expected.norm()))
    assert correlation > 0.97


@pytest.mark.parametrize(("name", "subtype"), [("mix.wav", None), ("mix.wav", "PCM_24"), ("mix.flac", None)])
def test_a_song_is_written(name: str, subtype: str | None, audio: dict, files: dict, tmp_path: Path) -> None:
    settings = CONSOLE.default_settings(list(audio)).edit("master", "fader.gain_db", -20)
    path = CONSOLE.render_song(files, settings, tmp_path / "out" / name, subtype=subtype)
    written, rate = load_audio(path)
    assert rate == RATE
    assert error_db(written, at_once(CONSOLE, audio, settings)) < -100
    assert [one.name for one in path.parent.iterdir()] == [name]


def test_a_failure_leaves_no_file(audio: dict, files: dict, tmp_path: Path) -> None:
    settings = CONSOLE.default_settings(list(audio)).edit("master", "fader.gain_db", 12)
    loud = settings.edit("snare", "fader.gain_db", 12)
    with pytest.raises(AudioError, match="clipped"):
        CONSOLE.render_song(files, loud, tmp_path / "mix.flac")
    damaged = tmp_path / "damaged.wav"
    damaged.write_bytes(files["kick"].read_bytes())
    with damaged.open("r+b") as stream:
        stream.seek(200_000)
        stream.write(np.full(8, np.nan, np.float32).tobytes())
    with pytest.raises(AudioError, match=r"damaged\.wav"):
        CONSOLE.render_song({**files, "kick": damaged}, settings, tmp_path / "mix.wav", block=1000)
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(OutputError, match=r"folder\.wav"):
        CONSOLE.render_song(files, settings, tmp_path / "folder.wav")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["damaged.wav", "folder.wav"]


def test_arrays_of_numpy_are_tracks_and_stay_as_they_were() -> None:
    track = np.random.default_rng(0).standard_normal(5000)
    kept = track.copy()
    console = default_console()
    mix = joined(console, {"a": track}, console.default_settings(["a"]), sample_rate=RATE)
    mix.zero_()
    np.testing.assert_array_equal(track, kept)


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (lambda tracks: {}, {}, ArgumentError, "no tracks"),
        (lambda tracks: {"kick": tracks["kick"]}, {}, ArgumentError, "snare of the settings has no audio"),
        (lambda tracks: {**tracks, "bass": tracks["kick"]}, {}, ArgumentError, "'bass'"),
        (
            lambda tracks: {**tracks, "kick": torch.zeros(3, 9)},
            {"sample_rate": RATE},
            AudioError,
            "kick has 3 channels",
        ),
        (lambda tracks: {**tracks, "kick": torch.zeros(2, 9)}, {}, ArgumentError, "kick is an array"),
        (lambda tracks: {**tracks, "kick": Path("absent.wav")}, {}, AudioError, "absent.wav"),
        (lambda tracks: tracks, {"block": 0}, ArgumentError, "block"),
        (lambda tracks: tracks, {"tail_s": -1.0}, ArgumentError, "tail_s"),
        (lambda tracks: tracks, {"threads": -1}, ArgumentError, "threads"),
        (lambda tracks: tracks, {"threads": "2"}, ArgumentError, "threads is '2'"),
        (lambda tracks: tracks, {"tail_s": "1"}, ArgumentError, "tail_s is '1'"),
        (lambda tracks: tracks, {"sample_rate": "44100"}, ArgumentError, "sample rate is '44100'"),
        (lambda tracks: tracks, {"sample_rate": float("inf")}, ArgumentError, "sample rate is inf"),
    ],
)
def test_a_wrong_call_is_named(change, options: dict, error: type[Exception], message: str, files: dict) -> None:
    settings = CONSOLE.default_settings(list(LENGTHS))
    with pytest.raises(error, match=message):
        joined(CONSOLE, change(files), settings, **options)


def test_a_junction_waits_for_the_slowest() -> None:
    junction = Junction(2)
    signal = torch.arange(10.0).expand(1, 2, 10)
    junction.push(0, signal[..., :7])
    assert junction.take() is None
    junction.push(1, signal[..., :4])
    first = junction.take()
    assert first is not None and torch.equal(first, 2 * signal[..., :4])
    assert junction.take() is None
    junction.push(1, signal[..., 4:])
    junction.push(0, signal[..., 7:])
    rest = junction.take()
    assert rest is not None and torch.equal(rest, 2 * signal[..., 4:])


def test_a_mix_never_replaces_its_track(files: dict, tmp_path: Path) -> None:
    settings = CONSOLE.default_settings(list(files))
    path = next(source for source in files.values() if isinstance(source, (str, Path)))
    before = Path(path).read_bytes()
    with pytest.raises(ArgumentError, match="would replace it"):
        CONSOLE.render_song(files, settings, path, sample_rate=RATE)
    assert Path(path).read_bytes() == before


def test_one_text_is_no_list_of_tracks() -> None:
    with pytest.raises(ArgumentError, match="'bass'"):
        CONSOLE.default_settings("bass")
