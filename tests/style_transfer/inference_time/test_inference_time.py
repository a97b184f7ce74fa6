from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from encoders import EffectEncoder
from fxrep.effects.black_box import BlackBox
from fxrep.effects.console import ConsoleSettings, MixingConsole, StripEffect, default_console
from fxrep.effects.parameters import Parameter
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.tracks import TrackSet
from style_transfer.inference_time import InferenceTime, ObjectiveWeights
from style_transfer.references import References

RATE = 16000
SMALL: dict[str, Any] = {"encoder": None, "sample_rate": RATE, "window_s": 1.0}


class LevelEncoder(EffectEncoder):
    """Levels of both channels: what a panner and a fader move."""

    def __init__(self) -> None:
        super().__init__(dim=3, sample_rate=RATE, window_s=1.0, minimum_s=0.5)

    def features(self, audio: Tensor) -> Tensor:
        power = audio.square().mean(-1) + 1e-8
        return torch.cat([power.log(), torch.ones_like(power[:, :1])], 1)


def noise(seed: int, seconds: float = 4.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    envelope = 1.0 + 0.5 * torch.sin(torch.arange(int(seconds * RATE)) / RATE * 8.0)
    return 0.1 * envelope * torch.randn(2, int(seconds * RATE), generator=generator)


@pytest.fixture(scope="module")
def tracks() -> TrackSet:
    low = torch.nn.functional.avg_pool1d(noise(1), 16, 1, 8)[:, : 4 * RATE]
    return TrackSet({"bass": low, "hiss": noise(2), "voice": noise(3)}, RATE)


def panned() -> MixingConsole:
    return MixingConsole(track=["panner"], name="panned")


def reference_of(method: InferenceTime, tracks: TrackSet, settings: ConsoleSettings) -> References:
    audio = tracks.read(0.0, tracks.duration_s, RATE, tracks.input_gain_db(method.track_lufs))
    return References(method.console.render(audio, settings, RATE)[0], sample_rate=RATE)


def positions(console: MixingConsole, settings: ConsoleSettings) -> Tensor:
    return console.join(*console.normalize(settings))[0]


def test_known_settings_of_one_effect_are_found_by_gradient() -> None:
    console = panned()
    tracks = TrackSet({"voice": noise(3)}, RATE)
    # The console has no fader: loudness is none of its matter.
    method = InferenceTime(console, **SMALL, steps=40, weights=ObjectiveWeights(loudness=0.0))
    truth = console.default_settings(["voice"]).edit("voice", "panner.pan", 0.5)
    estimate = method.search(tracks, reference_of(method, tracks, truth))
    assert estimate.settings.tracks["voice"]["panner"]["pan"] == pytest.approx(0.5, abs=0.05)
    assert estimate.outcome.after < 0.05 * estimate.outcome.before
    assert estimate.after["production"] < 0.05 * estimate.before["production"]


def test_the_embedding_alone_finds_them_too() -> None:
    console = panned()
    tracks = TrackSet({"voice": noise(3)}, RATE)
    weights = ObjectiveWeights(production=0.0, loudness=0.0)
    method = InferenceTime(console, **{**SMALL, "encoder": LevelEncoder()}, steps=40, weights=weights)
    truth = console.default_settings(["voice"]).edit("voice", "panner.pan", -0.4)
    estimate = method.search(tracks, reference_of(method, tracks, truth))
    assert estimate.settings.tracks["voice"]["panner"]["pan"] == pytest.approx(-0.4, abs=0.1)
    assert set(estimate.after) == {"embedding"}


def test_a_whole_console_comes_nearer_and_settings_are_in_range(tracks: TrackSet) -> None:
    console = default_console()
    method = InferenceTime(console, **SMALL, steps=12)
    truth = console.default_settings(tracks.names).edit("bass", "parametric_eq.low_shelf_gain_db", 10.0)
    truth = truth.edit("hiss", "fader.gain_db", -12.0).edit("voice", "panner.pan", 0.6)
    truth = truth.edit("voice", "sends.reverb", -6.0)
    estimate = method.search(tracks, reference_of(method, tracks, truth))
    estimate.settings.check()
    assert estimate.outcome.after < 0.5 * estimate.outcome.before


@pytest.mark.parametrize("search", ["gradient", "evolution"])
def test_the_answer_is_never_worse_than_the_start(tracks: TrackSet, search: str) -> None:
    console = panned()
    method = InferenceTime(console, **SMALL, steps=3, rate=1.0, spread=1.0, search=search)
    truth = console.default_settings(tracks.names).edit("hiss", "panner.pan", 0.8)
    reference = reference_of(method, tracks, truth)
    estimate = method.search(tracks, reference, start=truth)
    assert estimate.outcome.after <= estimate.outcome.before
    # Nothing can be better than what made the reference.
    assert estimate.settings == truth


@pytest.mark.parametrize("search", ["gradient", "evolution"])
def test_permuted_tracks_get_permuted_settings(tracks: TrackSet, search: str) -> None:
    method = InferenceTime(MixingConsole(["fader", "panner"]), **SMALL, steps=6, starts=2, search=search)
    reference = References(noise(9), sample_rate=RATE)
    other = TrackSet({name: tracks.sources[name] for name in ("voice", "bass", "hiss")}, RATE)
    first, second = (method.estimate(one, reference, [0.0, 2.0], seed=4) for one in (tracks, other))
    assert list(second.tracks) == ["voice", "bass", "hiss"]
    assert first == second
    assert first != method.estimate(tracks, reference, [0.0, 2.0], seed=5)


def test_what_does_not_sound_stays_where_it_is(tracks: TrackSet) -> None:
    late = torch.cat([torch.zeros(2, 3 * RATE), noise(5, 1.0)], 1)
    several = TrackSet({**tracks.sources, "nothing": torch.zeros(2, 4 * RATE), "late": late}, RATE)
    method = InferenceTime(MixingConsole(["fader", "panner"]), **SMALL, steps=4, starts=2)
    start = method.console.default_settings(several.names).edit("late", "panner.pan", 0.3)
    found = method.estimate(several, References(noise(9), sample_rate=RATE), [0.0, 1.0], start=start)
    assert found.tracks["nothing"] == start.tracks["nothing"] and found.tracks["late"] == start.tracks["late"]
    assert found.tracks["voice"] != start.tracks["voice"]


def test_only_some_groups_of_settings_move_and_a_start_is_kept_elsewhere(tracks: TrackSet) -> None:
    method = InferenceTime(default_console(), **SMALL, steps=3, only="levels,stereo")
    start = method.console.default_settings(tracks.names).edit("master", "limiter.ceiling_db", -1.0)
    start = start.edit("bass", "parametric_eq.high_pass_hz", 40.0).edit("voice", "sends.reverb", -20.0)
    found = method.estimate(tracks, References(noise(9), sample_rate=RATE), start=start)
    assert found.master == start.master and found.buses == start.buses and found.sends == start.sends
    for name in tracks.names:
        for label in ("parametric_eq", "compressor"):
            assert found.tracks[name][label] == start.tracks[name][label]
    assert any(found.tracks[name]["fader"] != start.tracks[name]["fader"] for name in tracks.names)


def test_settings_that_do_not_matter_stay_neutral() -> None:
    # The same on both sides: there is no width to set.
    tracks = TrackSet({"mono": noise(1)[:1], "other": noise(2)[:1]}, RATE)
    method = InferenceTime(default_console(), **SMALL, steps=5, only="stereo,dynamics")
    found = method.estimate(tracks, References(noise(9), sample_rate=RATE))
    assert all(strip["stereo_width"]["width"] == 1.0 for strip in found.tracks.values())
    for strip in found.tracks.values():
        if strip["compressor"]["ratio"] == 1.0 and strip["compressor"]["makeup_db"] == 0.0:
            assert strip["compressor"] == default_console().track.defaults()["compressor"]


def black_box(gradient: str = "none") -> BlackBox:
    def turn(audio: Any, sample_rate: int, pan: float) -> Any:
        return audio * [[1.0 - max(pan, 0.0)], [1.0 + min(pan, 0.0)]]

    table = [Parameter("pan", "", -1.0, 1.0)]
    return BlackBox(turn, "turner", table, gradient=gradient, stereo=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("gradient", ["none", "finite_differences"])
def test_a_black_box_is_searched_by_evolution_or_with_estimated_gradients(gradient: str) -> None:
    tracks = TrackSet({"voice": noise(3)}, RATE)
    console = MixingConsole([StripEffect(black_box(gradient))], name="boxed")
    method = InferenceTime(console, **SMALL, steps=15)
    truth = console.default_settings(["voice"]).edit("voice", "turner.pan", 0.5)
    found = method.estimate(tracks, reference_of(method, tracks, truth))
    assert found.tracks["voice"]["turner"]["pan"] == pytest.approx(0.5, abs=0.1)
    if gradient == "none":
        with pytest.raises(ArgumentError, match=r"turner: no gradient; search=.evolution."):
            InferenceTime(console, **SMALL, search="gradient").estimate(tracks, References(noise(9), sample_rate=RATE))


def test_time_and_interrupts_end_a_search_with_the_best_so_far(tracks: TrackSet) -> None:
    reference = References(noise(9), sample_rate=RATE)
    short = InferenceTime(panned(), **SMALL, steps=100000, patience=None, time_limit_s=0.5)
    assert short.search(tracks, reference).outcome.found.stopped == "time"
    method = InferenceTime(panned(), **{**SMALL, "encoder": LevelEncoder()}, steps=1000, rate=0.02, patience=None)
    reference = reference_of(method, tracks, panned().default_settings(tracks.names).edit("bass", "panner.pan", 0.7))
    method.encoder.features = _once_interrupted(method.encoder, 40)  # type: ignore[union-attr,method-assign]
    outcome = method.search(tracks, reference).outcome
    assert outcome.found.stopped == "interrupt" and outcome.after < outcome.before


def _once_interrupted(encoder: Any, calls: int) -> Any:
    left = [calls]

    def features(audio: Tensor) -> Tensor:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return LevelEncoder.features(encoder, audio)

    return features


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps is 0: expected a whole number of 1 or more"),
        ({"starts": 1.5}, "starts is 1.5"),
        ({"rate": 0.0}, "rate is 0.0: expected a share"),
        ({"search": "magic"}, "search is 'magic': choose from auto, gradient, evolution"),
        ({"time_limit_s": -1}, "time_limit_s is -1"),
        ({"weights": 3}, "weights are int"),
        ({"only": "colour"}, "no group of settings 'colour'"),
        ({"track_lufs": "loud"}, "track_lufs is 'loud'"),
        ({"window_s": 0.1}, "window_s is 0.1: expected 0.5 to 60"),
        ({"sample_rate": 10}, "sample_rate is 10: expected 8000"),
        ({"console": "default"}, "console is str: expected a MixingConsole"),
        ({"encoder": torch.nn.Linear(1, 1)}, "encoder is Linear: expected an EffectEncoder"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message.replace("(", r"\(")):
        InferenceTime(**{"encoder": None, **arguments})


def test_weights_must_leave_something_to_minimise() -> None:
    with pytest.raises(ArgumentError, match="nothing to minimise"):
        ObjectiveWeights(embedding=0.0, production=0.0, loudness=0.0)
    with pytest.raises(ArgumentError, match="expected numbers of 0 or more"):
        dataclasses.replace(ObjectiveWeights(), anchor=-1.0)


def test_wrong_calls_are_refused(tracks: TrackSet) -> None:
    method, reference = InferenceTime(panned(), **SMALL, steps=1), References(noise(9), sample_rate=RATE)
    with pytest.raises(ArgumentError, match="start_s is"):
        method.estimate(tracks, reference, [])
    with pytest.raises(ArgumentError, match="seed is -1"):
        method.estimate(tracks, reference, seed=-1)
    with pytest.raises(ArgumentError, match="start has settings for a; the tracks are bass, hiss, voice"):
        method.estimate(tracks, reference, start=panned().default_settings(["a"]))
    with pytest.raises(AudioError, match="all tracks are silent in the windows"):
        method.estimate(tracks, reference, [60.0])
