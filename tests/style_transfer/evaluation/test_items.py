"""What the benchmark of mixing draws, and how answers are judged."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from fxrep.data import Manifest
from fxrep.effects.console import ConsoleSettings, dasp_console, default_console
from fxrep.errors import ArgumentError, DataError
from style_transfer.evaluation import ItemDrawing, MixProtocol, settings_errors
from style_transfer.evaluation.items import render_settings
from style_transfer.evaluation.measures import measure_answer
from style_transfer.evaluation.mixers import Answer, answer
from style_transfer.evaluation.settings_error import heard_settings
from style_transfer.evaluation.summaries import share_below, summarize

RATE = 44100


def test_a_known_mix_is_its_settings_on_its_tracks(manifest: Manifest, protocol: MixProtocol) -> None:
    item = next(ItemDrawing(manifest, "test", protocol).items("same_song", 3))
    assert len(item.tracks) == 3
    assert item.tracks.duration_s == 2.0
    assert item.start_s == [1.0]
    assert item.truth is not None
    mix = render_settings(item.tracks, item.truth, -24.0)
    assert torch.equal(mix[:, RATE:], item.target)
    heard, _ = item.references.windows(1.0, 1, RATE)
    gain = 10 ** ((-16.0 - item.references.loudness_lufs[0]) / 20)
    torch.testing.assert_close(heard[0], gain * mix[:, :RATE], atol=1e-4, rtol=1e-4)
    loudness = item.tracks.loudness_lufs
    assert set(item.tracks.input_gain_db(-24.0)) == set(loudness)


def test_drawing_depends_on_the_seed_alone(manifest: Manifest, protocol: MixProtocol) -> None:
    first, second = (list(ItemDrawing(manifest, "test", protocol).items("same_song", 2)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.truth == other.truth
        assert torch.equal(one.target, other.target)
    other_task = list(ItemDrawing(manifest, "test", protocol).items("other_song", 2))
    assert [item.tracks.names for item in other_task] == [item.tracks.names for item in first]
    assert [item.song for item in other_task] == [item.song for item in first]
    fresh = dataclasses.replace(protocol, seed=5)
    assert [one.truth for one in ItemDrawing(manifest, "test", fresh).items("same_song", 2)] != [
        one.truth for one in first
    ]


def test_references_are_mixes_of_other_songs(manifest: Manifest, protocol: MixProtocol) -> None:
    for references in ("mixes", "random"):
        drawing = ItemDrawing(manifest, "test", dataclasses.replace(protocol, references=references))
        for item in drawing.items("other_song", 2):
            assert item.truth is None
            assert item.target.shape == (2, RATE)
    for item in ItemDrawing(manifest, "test", protocol).items("other_song", 2):
        own = next(row for row in manifest.rows if row.kind == "mix" and row.song == item.song)
        from fxrep.audio import load_audio

        audio, _ = load_audio(manifest.path_of(own))
        correlated = torch.nn.functional.conv1d(audio[:1, None], item.target[:1, None, :4000])
        assert float(correlated.abs().max()) < 0.9 * float(item.target[0, :4000].square().sum())


def test_songs_with_too_few_tracks_lend_other_parts(manifest: Manifest, protocol: MixProtocol) -> None:
    item = next(ItemDrawing(manifest, "test", protocol).items("same_song", 7))
    assert len(item.tracks) > 4
    assert item.borrowed == len(item.tracks) - 4
    audio = item.tracks.read(0.0, 2.0)[0].flatten(1)
    assert len({tuple(row[:50].tolist()) for row in audio}) == len(audio)


def test_errors_of_settings_are_known() -> None:
    console = default_console()
    truth = console.default_settings(["a", "b"]).edit("a", "fader.gain_db", -12.0)
    neutral = console.default_settings(["a", "b"])
    # 12 of the 112 dB of a fader, in one of the settings that are heard.
    heard = heard_settings(truth)
    assert console.setting_names()[0][0] == "fader.gain_db"
    fader = console.strip("track", "a").parameter("fader", "gain_db")
    moved = 12.0 / (fader.maximum - fader.minimum)
    found = settings_errors(neutral, truth)
    assert found["settings"] == pytest.approx(moved / int(heard.sum()), rel=1e-5)
    assert found["settings_all"] == pytest.approx(moved / len(heard), rel=1e-5)
    # Two tracks and the master have a fader each.
    assert found["level_db"] == pytest.approx(12.0 / 3, rel=1e-5)
    assert found["eq_db"] == found["dynamics_db"] == found["pan"] == 0.0
    assert set(settings_errors(truth, truth).values()) == {0.0}
    assert settings_errors(neutral, neutral.edit("a", "panner.pan", 0.5))["pan"] == pytest.approx(0.25 / 2, rel=1e-5)
    # Two bands that change places draw the same curve.
    first = neutral.edit("a", "parametric_eq.peak_1_hz", 800.0).edit("a", "parametric_eq.peak_1_gain_db", 6.0)
    second = neutral.edit("a", "parametric_eq.peak_2_hz", 800.0).edit("a", "parametric_eq.peak_2_gain_db", 6.0)
    swapped = settings_errors(second, first)
    assert swapped["settings"] > 0.0 and swapped["eq_db"] == pytest.approx(0.0, abs=1e-4)
    assert settings_errors(neutral, first)["eq_db"] > 0.3


def test_what_is_not_heard_does_not_count() -> None:
    console = default_console()
    neutral = console.default_settings(["a"])
    names = console.joined_names(["a"])

    def counted(settings: ConsoleSettings, name: str) -> bool:
        return bool(heard_settings(settings)[names.index(name)])

    assert not counted(neutral, "track:a.parametric_eq.peak_1_hz")
    assert not counted(neutral, "track:a.compressor.attack_ms")
    assert not counted(neutral, "bus:reverb.noise_shaped_reverb.decay_s")
    assert counted(neutral, "track:a.parametric_eq.peak_1_gain_db")
    assert counted(neutral, "track:a.compressor.ratio")
    busy = neutral.edit("a", "parametric_eq.peak_1_gain_db", 3.0).edit("a", "compressor.ratio", 4.0)
    busy = busy.edit("a", "sends.reverb", -20.0)
    assert counted(busy, "track:a.parametric_eq.peak_1_q")
    assert counted(busy, "track:a.compressor.threshold_db")
    assert counted(busy, "bus:reverb.noise_shaped_reverb.decay_s")
    assert not counted(busy, "bus:delay.delay.time_ms")
    dasp = dasp_console()
    assert len(heard_settings(dasp.default_settings(["a", "b"]))) == dasp.settings_size(2)


def test_measures_of_known_answers(manifest: Manifest, protocol: MixProtocol) -> None:
    item = next(ItemDrawing(manifest, "test", protocol).items("same_song", 2))
    assert item.truth is not None
    perfect = measure_answer(item, answer(item, item.truth, -24.0), RATE)
    assert all(value == 0.0 for value in perfect.values())
    # A gain of the whole mix is no style; swapped channels are wrong.
    louder = measure_answer(item, Answer(2.0 * item.target), RATE)
    assert louder["mrstft"] == pytest.approx(0.0, abs=1e-4)
    assert louder["style"] == pytest.approx(0.0, abs=1e-6)
    assert "settings" in louder and louder["settings"] != louder["settings"]
    swapped = measure_answer(item, Answer(item.target.flip(0)), RATE)
    assert swapped["style_imbalance"] > 0.0 and swapped["mape_panning"] > 0.0
    silent = measure_answer(item, Answer(0.0 * item.target), RATE)
    assert silent["style"] > 1.0 and silent["mape_panning"] != silent["mape_panning"]
    # The order of the tracks in the settings does not matter.
    turned = item.truth.copy()
    turned.tracks = dict(reversed(turned.tracks.items()))
    assert measure_answer(item, answer(item, turned, -24.0), RATE)["mrstft"] == 0.0
    with pytest.raises(ArgumentError, match="the tracks are"):
        answer(item, default_console().default_settings(["x"]), -24.0)


def test_summaries_take_songs_as_one() -> None:
    nan = float("nan")
    found = summarize([1.0, 1.0, 1.0, 4.0, nan], ["a", "a", "a", "b", "b"])
    assert found is not None and found["value"] == pytest.approx(7 / 4)
    assert found["interval"] == [pytest.approx(1.0), pytest.approx(4.0)]
    assert summarize([nan], ["a"]) is None
    half = share_below([1.0, 2.0], [2.0, 4.0], ["a", "b"])
    assert half == {"below": pytest.approx(0.5), "below_interval": [pytest.approx(0.5), pytest.approx(0.5)]}
    assert share_below([1.0], [0.0], ["a"]) == {}
    assert share_below([1.0], [1.0, 2.0], ["a"]) == {}


def test_bad_protocols_are_named(manifest: Manifest) -> None:
    for arguments, message in [
        ({"tasks": ["mastering"]}, "same_song, other_song"),
        ({"tracks": [0]}, "tracks are"),
        ({"tracks": [2, 2]}, "each once"),
        ({"prior": "wild"}, "moderate, uniform"),
        ({"references": "songs"}, "mixes, random"),
        ({"console": "desk"}, "desk"),
        ({"items": 1}, "items is 1"),
        ({"window_s": 0.1}, "1 s or more"),
        ({"split": "all"}, "split"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            MixProtocol(**arguments)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"lasts 20 s"):
        ItemDrawing(manifest, "test", MixProtocol())
    with pytest.raises(DataError, match="no song in split 'validation'"):
        ItemDrawing(manifest, "validation", MixProtocol(window_s=2.0))
    stems = Manifest([row for row in manifest.rows if row.kind == "stem"], manifest.root)
    with pytest.raises(DataError, match="no finished mix"):
        next(ItemDrawing(stems, "test", MixProtocol(window_s=2.0)).items("other_song", 2))
