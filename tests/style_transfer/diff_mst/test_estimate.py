"""Settings for a song from its tracks and references."""

from __future__ import annotations

import pytest
import torch

from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing import TrackSet, neutral_session
from style_transfer.diff_mst import DiffMST
from style_transfer.references import References

from ...noise_songs import RATE, sound
from .conftest import small_model


@pytest.fixture(scope="module")
def model() -> DiffMST:
    return small_model()


@pytest.fixture(scope="module")
def tracks() -> TrackSet:
    """Stereo, mono, one that sounds in its second half only, and a silent one."""
    late = sound(3)
    late[:, : late.shape[1] // 2] = 0.0
    return TrackSet({"drums": sound(1), "bass": sound(2, 1), "late": late, "spare": torch.zeros(2, RATE)}, RATE)


def test_settings_are_of_all_tracks(model: DiffMST, tracks: TrackSet) -> None:
    references = References(sound(7), sample_rate=RATE)
    settings = model.estimate(tracks, references)
    assert list(settings.tracks) == tracks.names
    defaults = model.console.default_settings(tracks.names)
    assert settings.tracks["drums"] != defaults.tracks["drums"]
    for label, values in settings.tracks["spare"].items():
        for name, value in values.items():
            assert value == pytest.approx(defaults.tracks["spare"][label][name], abs=1e-3)
    session = neutral_session(tracks, model.console, model.track_lufs)
    assert session.settings.tracks.keys() == settings.tracks.keys()
    assert model.estimate(tracks, references).to_dict() == settings.to_dict()


def test_order_does_not_matter(model: DiffMST, tracks: TrackSet) -> None:
    references = References(sound(7), sample_rate=RATE)
    turned = TrackSet({name: tracks.sources[name] for name in reversed(tracks.names)}, RATE)
    first, second = model.estimate(tracks, references, [0.0]), model.estimate(turned, references, [0.0])
    for name in tracks.names:
        for label, values in first.tracks[name].items():
            for setting, value in values.items():
                assert value is None or second.tracks[name][label][setting] == pytest.approx(value, rel=1e-4, abs=1e-3)


def test_a_track_that_is_silent_in_the_windows_is_kept(model: DiffMST, tracks: TrackSet) -> None:
    settings = model.estimate(tracks, References(sound(7), sample_rate=RATE), [0.0])
    assert settings.tracks["late"]["fader"]["gain_db"] == pytest.approx(0.0, abs=1e-3)
    heard = model.estimate(tracks, References(sound(7), sample_rate=RATE), [0.0, 2.0])
    assert heard.tracks["late"]["fader"]["gain_db"] != pytest.approx(0.0, abs=1e-3)


def test_several_references_and_one_track(model: DiffMST) -> None:
    alone = TrackSet({"all": sound(1)}, RATE)
    pair = [sound(7), sound(8, 1)]
    mixed = model.estimate(alone, References(pair, [0.5, 0.5], RATE))
    first = model.estimate(alone, References(pair, [1.0, 0.0], RATE))
    assert mixed.to_dict() != first.to_dict()
    assert first.to_dict() == model.estimate(alone, References(pair[0], sample_rate=RATE)).to_dict()


def test_other_rates_and_short_references(model: DiffMST) -> None:
    slow = TrackSet({"a": sound(1)[:, ::2], "b": sound(2)[:, ::2]}, RATE // 2)
    settings = model.estimate(slow, References(sound(7, seconds=0.6), sample_rate=RATE))
    assert set(settings.tracks) == {"a", "b"}


def test_what_cannot_be_estimated(model: DiffMST, tracks: TrackSet) -> None:
    references = References(sound(7), sample_rate=RATE)
    with pytest.raises(ArgumentError, match="start_s is empty"):
        model.estimate(tracks, references, [])
    with pytest.raises(AudioError, match="silent"):
        model.estimate(TrackSet({"spare": torch.zeros(2, 3 * RATE)}, RATE), references)
    late = TrackSet({"late": tracks.sources["late"], "spare": torch.zeros(2, RATE)}, RATE)
    with pytest.raises(AudioError, match="silent in the windows"):
        model.estimate(late, references, [0.0])
    model.train()
    model.estimate(tracks, references, [0.0])
    assert model.training
    model.eval()


def test_callers_arrays_stay_as_they_are(model: DiffMST) -> None:
    audio = sound(1)
    before = audio.clone()
    model.estimate(TrackSet({"a": audio}, RATE), References(audio, sample_rate=RATE))
    torch.testing.assert_close(audio, before, rtol=0, atol=0)
