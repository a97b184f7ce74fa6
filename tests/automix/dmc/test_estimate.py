"""Settings for a song from its tracks, in the style of something or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from automix.dmc import DifferentiableMixingConsole, load_dmc, save_dmc
from automix.methods import ConsoleMethod
from fxrep.audio import save_audio
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing import TrackSet
from fxrep.mixing.recordings import Recordings

from ...noise_songs import RATE, sound
from .conftest import GAIN_PAN, small_model


@pytest.fixture(scope="module")
def tracks() -> TrackSet:
    """Stereo, mono, one that sounds in its second half only, and a silent one."""
    late = sound(3)
    late[:, : late.shape[1] // 2] = 0.0
    return TrackSet({"drums": sound(1), "bass": sound(2, 1), "late": late, "spare": torch.zeros(2, RATE)}, RATE)


def test_settings_are_of_all_tracks_and_silent_ones_stay_neutral(
    model: DifferentiableMixingConsole, tracks: TrackSet
) -> None:
    assert isinstance(model, ConsoleMethod)
    settings = model.estimate(tracks)
    defaults = model.console.default_settings(tracks.names)
    assert list(settings.tracks) == tracks.names
    assert settings.tracks["spare"] == defaults.tracks["spare"] and settings.sends["spare"] == defaults.sends["spare"]
    assert settings.tracks["drums"] != defaults.tracks["drums"]
    assert model.estimate(tracks).to_dict() == settings.to_dict()
    settings.check()


def test_windows_that_are_named(model: DifferentiableMixingConsole, tracks: TrackSet) -> None:
    defaults = model.console.default_settings(tracks.names)
    assert model.estimate(tracks, [0.0]).tracks["late"] == defaults.tracks["late"]
    assert model.estimate(tracks, [0.0, 2.0]).tracks["late"] != defaults.tracks["late"]


def test_order_of_the_song_does_not_matter(model: DifferentiableMixingConsole, tracks: TrackSet) -> None:
    turned = TrackSet({name: tracks.sources[name] for name in reversed(tracks.names)}, RATE)
    first, second = model.estimate(tracks, [0.0, 2.0]), model.estimate(turned, [0.0, 2.0])
    for name in tracks.names:
        for label, values in first.tracks[name].items():
            for setting, value in values.items():
                assert value is None or second.tracks[name][label][setting] == pytest.approx(value, rel=1e-4, abs=1e-4)


def test_a_style_from_recordings_folders_and_vectors(tmp_path: Path, tracks: TrackSet) -> None:
    folder = save_dmc(small_model(style=True, sets=GAIN_PAN), tmp_path / "model")
    for number in (7, 8):
        save_audio(tmp_path / "style" / f"{number}.wav", sound(number), RATE)
    plain = load_dmc(folder).estimate(tracks, [0.0])
    one = load_dmc(folder, style=tmp_path / "style" / "7.wav")
    both = load_dmc(folder, style=tmp_path / "style").estimate(tracks, [0.0])
    styled = one.estimate(tracks, [0.0])
    assert len({str(found.to_dict()) for found in (plain, styled, both)}) == 3
    assert one.wanted_style is not None
    told = load_dmc(folder, style=one.wanted_style.numpy()).estimate(tracks, [0.0])
    assert told.tracks["drums"]["fader"]["gain_db"] == pytest.approx(
        styled.tracks["drums"]["fader"]["gain_db"], abs=1e-5
    )
    one.set_style(None)
    assert one.estimate(tracks, [0.0]).to_dict() == plain.to_dict()


def test_what_cannot_be_estimated(model: DifferentiableMixingConsole, tracks: TrackSet) -> None:
    with pytest.raises(ArgumentError, match="start_s is empty"):
        model.estimate(tracks, [])
    with pytest.raises(AudioError, match="silent"):
        model.estimate(TrackSet({"spare": torch.zeros(2, 3 * RATE)}, RATE))
    late = TrackSet({"late": tracks.sources["late"], "spare": torch.zeros(2, RATE)}, RATE)
    with pytest.raises(AudioError, match="silent in the windows"):
        model.estimate(late, [0.0])
    with pytest.raises(ArgumentError, match="embedding of 16 finite"):
        model.set_style(torch.zeros(16))
    with pytest.raises(ArgumentError, match="embedding of 16 finite"):
        model.set_style(torch.ones(7))
    with pytest.raises(ArgumentError, match="takes no style"):
        small_model().set_style(Recordings(sound(1), sample_rate=RATE))
    model.train()
    model.estimate(tracks, [0.0])
    assert model.training
    model.eval()


def test_callers_arrays_stay_as_they_are(model: DifferentiableMixingConsole) -> None:
    audio = sound(1).numpy()
    before = audio.copy()
    model.estimate(TrackSet({"a": audio}, RATE))
    assert np.array_equal(audio, before)
