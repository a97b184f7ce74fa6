"""A mix as one thing: it is what the console makes of the levelled tracks, and sections join without a trace."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from fxrep.audio import load_audio, save_audio
from fxrep.effects import dasp_console, default_console
from fxrep.effects.console import MixingConsole
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing import MixSession, Section, TrackSet, neutral_session
from fxrep.mixing.warm_up import warm_up_s

RATE = 22050
LENGTHS = {"kick": 4.0, "bass": 11.7, "vocals": 12.0, "spare": 3.0}


def burst(seed: int, channels: int, seconds: float) -> torch.Tensor:
    """Decaying noise, twice a second."""
    samples = round(seconds * RATE)
    audio = torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))
    return 0.2 * audio * torch.exp(-(torch.arange(samples) % (RATE // 2)) / (0.05 * RATE))


@pytest.fixture(scope="module")
def tracks() -> TrackSet:
    audio = {
        name: burst(number, 1 + number % 2, seconds) * (name != "spare")
        for number, (name, seconds) in enumerate(LENGTHS.items())
    }
    return TrackSet(audio, RATE)


def busy(tracks: TrackSet, console: MixingConsole | None = None) -> MixSession:
    """Everything in use, what looks ahead and what rings on too."""
    mix = neutral_session(tracks, console or default_console(groups=["low"]))
    for place, path, value in [
        ("vocals", "compressor.threshold_db", -40.0),
        ("vocals", "compressor.ratio", 3.0),
        ("vocals", "compressor.lookahead_ms", 5.0),
        ("vocals", "sends.reverb", -6.0),
        ("vocals", "sends.delay", -9.0),
        ("vocals", "panner.pan", -0.3),
        ("bass", "parametric_eq.low_shelf_gain_db", 6.0),
        ("bass", "group", "low"),
        ("kick", "group", "low"),
        ("low", "compressor.threshold_db", -30.0),
        ("low", "compressor.ratio", 2.0),
        ("reverb", "noise_shaped_reverb.decay_s", 0.8),
        ("master", "compressor.threshold_db", -30.0),
        ("master", "compressor.ratio", 2.0),
        ("master", "limiter.ceiling_db", -12.0),
    ]:
        mix = mix.edit(place, path, value)
    return mix


def at_once(mix: MixSession, tail_s: float = 0.0) -> torch.Tensor:
    """The same by the console in one piece, from the levelled tracks."""
    audio = mix.tracks.read(0, mix.tracks.duration_s + tail_s, gains=mix.input_gain_db)
    ordered = audio[:, [mix.tracks.names.index(name) for name in mix.settings.tracks]]
    return mix.settings.console.render(ordered, mix.settings, mix.sample_rate)[0]


def error_db(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float(20 * torch.log10((actual - expected).abs().max() / expected.abs().max() + 1e-12))


@pytest.mark.parametrize("block", [1 << 17, 9_999])
def test_a_session_is_what_the_console_makes_of_the_tracks(tracks: TrackSet, block: int) -> None:
    mix = busy(tracks)
    expected = at_once(mix, 0.5)
    actual = torch.cat(list(mix.iter_blocks(0.5, block, threads=2)), -1)
    assert actual.shape == expected.shape
    assert error_db(actual, expected) < -90
    for part in (slice(0, RATE // 5), slice(-RATE // 5, None)):
        # Neither the beginning nor the end is faded.
        assert error_db(actual[:, part], expected[:, part]) < -80
    assert torch.equal(mix.render(0.5), torch.cat(list(mix.iter_blocks(0.5)), -1))


def test_the_console_of_diff_mst_plays_too(tracks: TrackSet) -> None:
    mix = neutral_session(tracks, dasp_console(), track_lufs=-48).edit("vocals", "compressor.threshold_db", -55)
    assert error_db(mix.render(), at_once(mix)) < -90


def test_neutral_is_the_sum_at_equal_loudness(tracks: TrackSet) -> None:
    mix = neutral_session(tracks, default_console())
    assert mix.input_gain_db == tracks.input_gain_db(-24)
    audio = tracks.read(0, tracks.duration_s, gains=mix.input_gain_db)[0]
    assert error_db(mix.render(), audio.sum(0)) < -130
    assert list(mix.settings.tracks) == tracks.names  # the silent one stays


def test_nothing_of_the_caller_is_changed() -> None:
    given = {"a": burst(1, 2, 1.0), "b": burst(2, 1, 1.0).numpy()}
    before = {name: torch.as_tensor(audio).clone() for name, audio in given.items()}
    mix = neutral_session(TrackSet(given, RATE), default_console())
    mix = mix.edit("a", "input_gain_db", 0.0).edit("b", "input_gain_db", 0.0)
    mix.render().zero_()
    for block in mix.iter_blocks():
        block.zero_()
    assert all(torch.equal(torch.as_tensor(audio), before[name]) for name, audio in given.items())


def test_one_track_a_hundred_tracks_and_none() -> None:
    console = default_console()
    one = neutral_session(TrackSet({"a": burst(1, 1, 0.5)}, RATE), console)
    assert error_db(one.render(), at_once(one)) < -130
    many = neutral_session(TrackSet({f"t{n}": burst(n, 1 + n % 2, 0.3) for n in range(100)}, RATE), console)
    many = many.edit("t7", "sends.reverb", 0.0).edit("t9", "compressor.ratio", 4).edit("t9", "input_gain_db", -80)
    assert error_db(many.render(), at_once(many)) < -90
    with pytest.raises(ArgumentError, match="no tracks"):
        TrackSet({}, RATE)


def test_all_silent_is_silence(tmp_path: Path) -> None:
    mix = neutral_session(TrackSet({"a": torch.zeros(1, 5000), "b": torch.zeros(2, 6000)}, RATE), default_console())
    mix = mix.edit("a", "sends.reverb", 0).edit("b", "compressor.ratio", 4).edit("master", "limiter.ceiling_db", -1)
    assert mix.input_gain_db == {"a": 0.0, "b": 0.0}
    assert torch.equal(mix.render(), torch.zeros(2, 6000))


def test_lengths_and_rates_may_differ(tmp_path: Path) -> None:
    save_audio(tmp_path / "a.wav", burst(1, 1, 2.0), RATE)
    save_audio(tmp_path / "b.wav", burst(2, 2, 1.5), 48000, subtype="FLOAT")
    save_audio(tmp_path / "c.ogg", burst(3, 2, 1.0), RATE)
    mix = neutral_session(TrackSet([tmp_path]), default_console())
    assert mix.sample_rate == RATE
    expected = at_once(mix)
    actual = torch.cat(list(mix.iter_blocks(block=5_000)), -1)
    assert actual.shape == expected.shape == (2, 2 * RATE)
    assert error_db(actual, expected) < -85  # excerpts are resampled apart from the whole


def test_a_session_is_edited_by_copies(tracks: TrackSet) -> None:
    mix = busy(tracks)
    louder = mix.edit("vocals", "input_gain_db", 6.0)
    assert louder.input_gain_db["vocals"] == 6.0 != mix.input_gain_db["vocals"]
    assert louder.tracks is mix.tracks and louder.settings == mix.settings
    louder.settings.tracks["vocals"]["fader"]["gain_db"] = 5.0
    assert mix.settings.tracks["vocals"]["fader"]["gain_db"] == 0.0
    mix.sections.append(Section(5.0, mix.settings.copy()))
    everywhere = mix.edit("track:vocals", "fader.gain_db", -3.0)
    assert levels(everywhere) == [-3.0, -3.0]
    late = mix.edit("vocals", "fader.gain_db", -3.0, section=1)
    assert levels(late) == [0.0, -3.0]
    assert levels(mix) == [0.0, 0.0]


def test_a_track_called_master_is_not_the_master() -> None:
    mix = neutral_session(TrackSet({"master": 0.1 * torch.ones(1, 100)}, 16000), default_console())
    with pytest.raises(ArgumentError, match="only tracks have an input_gain_db; this is the master strip"):
        mix.edit("master", "input_gain_db", 3.0)
    assert mix.edit("track:master", "input_gain_db", 3.0).input_gain_db == {"master": 3.0}
    edited = mix.edit("master", "fader.gain_db", -3.0).settings
    assert edited.master["fader"]["gain_db"] == -3.0 and edited.tracks == mix.settings.tracks


def levels(mix: MixSession) -> list[float | None]:
    every = [mix.settings, *(section.settings for section in mix.sections)]
    return [one.tracks["vocals"]["fader"]["gain_db"] for one in every]


def changed(mix: MixSession) -> MixSession:
    """Settings that differ in everything that has a memory."""
    for place, path, value in [
        ("vocals", "parametric_eq.peak_2_gain_db", 12.0),
        ("vocals", "compressor.release_ms", 400.0),
        ("vocals", "compressor.lookahead_ms", None),
        ("vocals", "panner.pan", 0.5),
        ("bass", "fader.gain_db", -10.0),
        ("bass", "group", None),
        ("reverb", "noise_shaped_reverb.decay_s", 1.5),
        ("delay", "delay.feedback", 0.6),
        ("delay", "delay.time_ms", 170.0),
        ("master", "limiter.ceiling_db", -9.0),
        ("master", "compressor.release_ms", 250.0),
    ]:
        mix = mix.edit(place, path, value)
    return mix


@pytest.mark.parametrize("block", [1 << 19, 1 << 16, 4_321])
@pytest.mark.parametrize("fade_s", [0.1, 0.0])
def test_sections_are_single_renders_but_for_the_joint(tracks: TrackSet, block: int, fade_s: float) -> None:
    first, second = busy(tracks), changed(busy(tracks))
    starts = (7.503, 10.0)
    sections = [Section(starts[0], second.settings, fade_s), Section(starts[1], first.settings, fade_s)]
    mix = MixSession(first.settings, tracks, first.input_gain_db, sections)
    actual = torch.cat(list(mix.iter_blocks(0.3, block)), -1)
    whole = {name: one.render(0.3) for name, one in (("first", first), ("second", second))}
    assert actual.shape == whole["first"].shape
    edges = [0, *(round((start + sign * fade_s / 2) * RATE) for start in starts for sign in (-1, 1)), actual.shape[-1]]
    for name, begin, end in zip(("first", "second", "first"), edges[::2], edges[1::2], strict=True):
        assert error_db(actual[:, begin:end], whole[name][:, begin:end]) < -80
    if fade_s:
        # Inside the cross-fade: between the two, by a raised cosine.
        begin, end = edges[1], edges[2]
        share = 0.5 - 0.5 * torch.cos(math.pi * torch.arange(end - begin) / (end - begin))
        expected = whole["first"][:, begin:end] * (1 - share) + whole["second"][:, begin:end] * share
        assert error_db(actual[:, begin:end], expected) < -75


def test_a_joint_makes_no_click() -> None:
    """On a steady tone, a change of 12 dB leaves nothing above the tone that would be heard as a click."""
    tone = 0.25 * torch.sin(2 * math.pi * 220 * torch.arange(6 * RATE) / RATE)
    soft = neutral_session(TrackSet({"tone": tone[None]}, RATE), default_console()).edit("tone", "input_gain_db", 0.0)
    loud = soft.edit("tone", "fader.gain_db", 12.0)

    def clicks(fade_s: float) -> float:
        mix = MixSession(soft.settings, soft.tracks, soft.input_gain_db, [Section(3.0007, loud.settings, fade_s)])
        part = mix.render()[0, round(2.9 * RATE) : round(3.1 * RATE)] * torch.hann_window(round(0.2 * RATE))
        spectrum = torch.fft.rfft(part.double()).abs()
        return float(20 * torch.log10(spectrum[round(0.2 * 2000) :].max() / spectrum.max()))

    assert clicks(0.1) < -80 and clicks(0.1) < clicks(0.0) - 20


def test_sections_start_warm_wherever_they_are(tracks: TrackSet) -> None:
    """A section late in a song is opened in time, not at the beginning of the song, and plays as if it had been."""
    quick = busy(tracks).edit("reverb", "noise_shaped_reverb.decay_s", 0.3)
    for place in ("vocals", "low", "master"):
        quick = quick.edit(place, "compressor.release_ms", 60.0)
    quick = quick.edit("vocals", "sends.delay", -math.inf)
    warm_up = warm_up_s(quick.settings)
    assert 2.0 < warm_up < 7.0
    other = quick.edit("bass", "fader.gain_db", -20.0)
    mix = MixSession(other.settings, tracks, quick.input_gain_db, [Section(10.0, quick.settings)])
    begin = round(10.05 * RATE)
    assert error_db(mix.render()[:, begin:], quick.render()[:, begin:]) < -60


def test_a_console_with_an_oscillator_is_warmed_up_from_the_beginning(tracks: TrackSet) -> None:
    console = MixingConsole(track=["fader", "tremolo"], name="trembling")
    first = neutral_session(tracks, console).edit("bass", "tremolo.depth", 0.8)
    assert warm_up_s(first.settings) == math.inf
    second = first.edit("bass", "tremolo.rate_hz", 3.3)
    mix = MixSession(first.settings, tracks, first.input_gain_db, [Section(6.0, second.settings)])
    begin = round(6.05 * RATE)
    assert error_db(mix.render()[:, begin:], second.render()[:, begin:]) < -100


def test_what_cannot_be_heard_costs_no_warm_up(tracks: TrackSet) -> None:
    neutral = neutral_session(tracks, default_console())
    long = neutral.edit("delay", "delay.feedback", 0.95).edit("delay", "delay.time_ms", 2000.0)
    assert warm_up_s(long.settings) == warm_up_s(neutral.settings)
    assert warm_up_s(long.edit("bass", "sends.delay", -20).settings) > 100


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ([(0.0, 0.1)], "section 1 begins at 0 s"),
        ([(0.02, 0.1)], "section 1 begins at 0.02 s"),
        ([(5.0, 0.1), (5.05, 0.1)], "section 2 begins at 5.05 s.*cross-fade ends at 5.05"),
        ([(5.0, 0.1), (4.0, 0.1)], "section 2 begins at 4 s"),
        ([(12.0, 0.1)], "section 1 begins at 12 s; the tracks end at 12.000 s"),
        ([(math.nan, 0.1)], "section 1: start_s is nan"),
        ([("3", 0.1)], "section 1: start_s is '3'"),
        ([(3.0, -1.0)], "section 1: fade_s is -1"),
    ],
)
def test_sections_that_do_not_follow_each_other_are_refused(tracks: TrackSet, sections, message: str) -> None:
    mix = neutral_session(tracks, default_console())
    with pytest.raises(ArgumentError, match=message):
        MixSession(mix.settings, tracks, {}, [Section(start, mix.settings, fade) for start, fade in sections])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda mix: mix.edit("drums", "fader.gain_db", 0), "no 'drums' on this console; choose from kick"),
        (
            lambda mix: mix.edit("vocals", "compresor.ratio", 2),
            "vocals: there is no 'compresor' here; choose from fader",
        ),
        (lambda mix: mix.edit("vocals", "compressor.ratio", 99), "vocals: compressor.ratio is 99; expected 1 to 40"),
        (lambda mix: mix.edit("vocals", "input_gain_db", 99), "vocals: input_gain_db is 99; expected -120 to 40 dB"),
        (lambda mix: mix.edit("vocals", "input_gain_db", None), "input_gain_db is None"),
        (lambda mix: mix.edit("master", "input_gain_db", 0), "only tracks have an input_gain_db"),
        (lambda mix: mix.edit("vocals", "fader.gain_db", 0, section=3), "section is 3: expected 0 to 0"),
        (lambda mix: MixSession(mix.settings, mix.tracks, {"x": 0.0}), "input_gain_db have a track 'x'"),
        (
            lambda mix: MixSession(mix.settings.console.default_settings(["kick"]), mix.tracks),
            "settings have nothing for track 'bass'",
        ),
        (lambda mix: MixSession(None, mix.tracks), "settings are NoneType"),
        (lambda mix: mix.render(-1), "tail_s is -1"),
        (lambda mix: next(mix.iter_blocks(threads=0)), "threads is 0"),
        (lambda mix: next(mix.iter_blocks(block=0)), "block is 0"),
    ],
)
def test_a_wrong_call_is_named(tracks: TrackSet, change, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        change(neutral_session(tracks, default_console()))


def test_what_was_changed_by_hand_is_checked_before_it_is_rendered(tracks: TrackSet) -> None:
    mix = neutral_session(tracks, default_console())
    mix.settings.tracks["vocals"]["fader"]["gain_db"] = 1000.0
    with pytest.raises(ArgumentError, match=r"vocals: fader\.gain_db is 1000"):
        mix.render()


def test_a_mix_never_replaces_its_track(tmp_path: Path) -> None:
    save_audio(tmp_path / "a.wav", burst(1, 1, 0.5), RATE)
    before = (tmp_path / "a.wav").read_bytes()
    mix = neutral_session(TrackSet([tmp_path / "a.wav"]), default_console())
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path / "a.wav", tmp_path / "link" / "a.wav"):
        with pytest.raises(ArgumentError, match="is track a"):
            mix.render_to(path)
    for folder in (tmp_path, tmp_path / "link"):
        with pytest.raises(ArgumentError, match="is track a"):
            mix.stems_to(folder)
    assert (tmp_path / "a.wav").read_bytes() == before


def test_a_mix_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    save_audio(tmp_path / "in/a.wav", burst(1, 1, 0.5), RATE)
    mix = neutral_session(TrackSet([tmp_path / "in"]), default_console()).edit("a", "input_gain_db", 40.0)
    assert load_audio(mix.render_to(tmp_path / "out/mix.wav"))[0].abs().max() > 1  # what is too loud is kept
    with pytest.raises(AudioError, match=r"mix\.flac peaks at .* would be clipped"):
        mix.render_to(tmp_path / "out/mix.flac")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mix.wav"]
