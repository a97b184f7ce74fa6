from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep.normalization import ImagerStep

RATE = 44100
Maker = Callable[..., np.ndarray]


def stereo(mid: np.ndarray, side: np.ndarray) -> np.ndarray:
    return np.stack([mid + side, mid - side]).astype(np.float32)


def share_of(audio: np.ndarray) -> float:
    mid, side = audio[0] + audio[1], audio[0] - audio[1]
    return float(np.sum(side**2, dtype=float) / np.sum(mid**2 + side**2, dtype=float))


@given(level=st.floats(0.3, 3.0), target=st.floats(0.03, 0.9), tilt=st.floats(0.5, 2.0))
@settings(max_examples=25, deadline=None)
def test_the_share_is_met_and_the_energy_stays(level: float, target: float, tilt: float, pink_noise: Maker) -> None:
    audio = stereo(pink_noise(0.5)[0], level * pink_noise(0.5)[1]) * np.array([[1.0], [tilt]], dtype=np.float32)
    for step in (ImagerStep(), ImagerStep(balance=True), ImagerStep(widen_mono=True)):
        assert step.measure(audio, RATE, "keys")[0] == pytest.approx(share_of(audio), rel=1e-5)
        output = step.apply(audio, RATE, np.array([target]), "keys").numpy()
        assert share_of(output) == pytest.approx(target, abs=1e-4)
        assert np.sum(output**2) == pytest.approx(np.sum(audio**2), rel=1e-4)
        again = step.apply(output, RATE, np.array([target]), "keys").numpy()
        np.testing.assert_allclose(again, output, atol=1e-4)


def test_balance_makes_the_channels_alike(pink_noise: Maker) -> None:
    audio = pink_noise(1.0) * np.array([[1.0], [0.5]], dtype=np.float32)
    step = ImagerStep(balance=True)
    output = step.apply(audio, RATE, np.array([0.1]), "keys").numpy()
    left, right = np.sum(np.square(output), axis=1)
    assert left == pytest.approx(right, rel=1e-3)
    np.testing.assert_allclose(step.apply(output, RATE, np.array([0.1]), "keys").numpy(), output, atol=1e-4)


def test_a_mono_track_that_stands_left_comes_to_the_middle_and_stays_mono(pink_noise: Maker) -> None:
    source, noise = pink_noise(1.0)[0], 1e-5 * pink_noise(1.0, seed=1)[1]
    audio = np.stack([source, 0.5 * source + noise])
    output = ImagerStep(balance=True).apply(audio, RATE, np.array([0.2]), "keys").numpy()
    np.testing.assert_allclose(output[0], output[1], atol=1e-3)
    beyond = np.stack([source, 0.1 * source])
    step = ImagerStep(balance=True)
    assert share_of(step.apply(beyond, RATE, np.array([0.2]), "keys").numpy()) == pytest.approx(0.2, abs=1e-5)


@pytest.mark.parametrize("mid", [0.0, 1e-4])
@pytest.mark.parametrize("target", [0.0, 0.1, 0.5])
def test_opposite_polarity_is_left_alone(mid: float, target: float, pink_noise: Maker) -> None:
    audio = stereo(mid * pink_noise(1.0)[0], pink_noise(1.0)[1])
    for step in (ImagerStep(), ImagerStep(widen_mono=True, balance=True)):
        output = step.apply(audio, RATE, np.array([target]), "vocals").numpy()
        np.testing.assert_allclose(output, audio, atol=1e-4)
        assert np.sum(output**2) == pytest.approx(np.sum(audio**2), rel=1e-5)


@pytest.mark.parametrize("side", [0.0, 0.05])
def test_mono_is_not_widened_unless_asked_for(side: float, pink_noise: Maker) -> None:
    audio = stereo(pink_noise(2.0)[0], side * pink_noise(2.0)[1])
    target = np.array([0.1])
    np.testing.assert_array_equal(ImagerStep().apply(audio, RATE, target, "keys").numpy(), audio)
    step = ImagerStep(widen_mono=True)
    wide = step.apply(audio, RATE, target, "keys").numpy()
    assert share_of(wide) == pytest.approx(0.1, abs=1e-4)
    # The mono sum is the same sound, only lower: what was added is in the side alone.
    mono, before = wide.sum(axis=0), audio.sum(axis=0)
    np.testing.assert_allclose(mono, before * np.sqrt(0.9 / (1 - share_of(audio))), atol=1e-4)
    np.testing.assert_array_equal(step.apply(audio, RATE, target, "keys").numpy(), wide)
    np.testing.assert_allclose(step.apply(wide, RATE, target, "keys").numpy(), wide, atol=1e-4)


def test_mono_below_the_published_threshold_is_still_narrowed(pink_noise: Maker) -> None:
    audio = stereo(pink_noise(1.0)[0], 0.1 * pink_noise(1.0)[1])
    assert 0.005 < share_of(audio) < 0.025
    assert share_of(ImagerStep().apply(audio, RATE, np.array([0.002]), "keys").numpy()) == pytest.approx(
        0.002, rel=0.01
    )
    widened = ImagerStep().apply(audio, RATE, np.array([0.1]), "bass").numpy()
    assert (share_of(widened) > 0.09) == (share_of(audio) > 0.01)


@pytest.mark.parametrize("audio", [np.zeros((2, 500)), np.ones((1, 1)), np.stack([np.ones(9), -np.ones(9)])])
def test_degenerate_tracks_stay_finite(audio: np.ndarray) -> None:
    for step in (ImagerStep(), ImagerStep(widen_mono=True, balance=True)):
        for target in (0.0, 0.1, 1.0, np.nan):
            assert np.isfinite(step.apply(audio, RATE, np.array([target]), "keys").numpy()).all()
    assert np.isnan(ImagerStep().measure(np.zeros((2, 100)), RATE, "keys")[0])
