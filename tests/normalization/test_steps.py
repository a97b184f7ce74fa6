from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from fxrep.audio.k_weighting import k_weighting_coefficients
from fxrep.effects import compressor
from fxrep.errors import ArgumentError, DataError
from fxrep.normalization import (
    PUBLISHED_ORDER,
    STEPS,
    DynamicsStep,
    EqualizationStep,
    LoudnessStep,
    NormalizationStep,
    PanningStep,
    track_loudness,
)
from fxrep.normalization.panning import _repositioning
from fxrep.normalization.step import track_source
from fxrep.normalization.steps import describe_steps, make_steps, steps_from_description

RATE = 44100
Maker = Callable[..., np.ndarray]


def shelf(audio: np.ndarray, gain_db: float, rate: int = RATE) -> np.ndarray:
    """The high shelf of BS.1770 (at 1.68 kHz, +4 dB), as often as it takes to make `gain_db`."""
    (b, a), _ = k_weighting_coefficients(rate)
    for _ in range(round(gain_db / 4)):
        audio = signal.lfilter(b, a, audio, axis=-1)
    return audio.astype(np.float32)


def apply(step: NormalizationStep, audio: np.ndarray, rate: int, target: np.ndarray, instrument: str) -> np.ndarray:
    return step.apply(audio, rate, target, instrument).numpy()


def difference_db(first: np.ndarray, second: np.ndarray) -> float:
    return float(20 * np.log10(np.abs(first - second).max() / np.abs(second).max() + 1e-12))


@pytest.mark.parametrize("name", STEPS)
def test_a_track_at_its_target_is_left_alone(name: str, hits: Maker, pink_noise: Maker) -> None:
    audio = hits() + 0.3 * pink_noise()
    step = STEPS[name]()
    output = apply(step, audio, RATE, step.measure(audio, RATE, "drums"), "drums")
    assert difference_db(output, audio) < -90


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_a_step_meets_its_target_at_every_rate(name: str, rate: int, hits: Maker, pink_noise: Maker) -> None:
    step = STEPS[name]()
    reference = pink_noise(4.0, rate=rate, seed=1)
    audio = (hits(4.0, rate=rate) + 0.1 * shelf(pink_noise(4.0, rate=rate), 8, rate)) * np.array(
        [[0.7], [0.2]], dtype=np.float32
    )
    target = step.measure(reference, rate, "other")
    if name == "dynamics":
        target = step.measure(audio, rate, "other") - np.array([3.0, 0.0])
    if name == "reverb":
        target = step.measure(audio, rate, "other") + 0.3
    before = step.distance(step.measure(audio, rate, "other"), target)
    output = apply(step, audio, rate, target, "other")
    assert output.shape == audio.shape
    assert output.dtype == np.float32
    assert step.distance(step.measure(output, rate, "other"), target) < 0.25 * before


def test_a_known_shelf_is_undone(pink_noise: Maker) -> None:
    noise = pink_noise(10.0)
    step = EqualizationStep()
    target = step.measure(noise, RATE, "other")
    wet = shelf(noise, 8)
    output = apply(step, wet, RATE, target, "other")
    before = step.distance(step.measure(wet, RATE, "other"), target)
    after = step.distance(step.measure(output, RATE, "other"), target)
    assert before > 3.0
    assert after < 0.05 * before
    # Not only the long-term feature: the samples come back, up to the filter's phase and level.
    correlation = np.corrcoef(output.ravel(), noise.ravel())[0, 1]
    assert correlation > np.corrcoef(wet.ravel(), noise.ravel())[0, 1]


def test_equalisation_leaves_power_and_stereo_image(pink_noise: Maker) -> None:
    step = EqualizationStep()
    target = step.measure(shelf(pink_noise(5.0, seed=3), 8), RATE, "other")
    source = pink_noise(5.0)[0]
    audio = np.stack([source, 0.3 * source])
    output = apply(step, audio, RATE, target, "other")
    np.testing.assert_allclose(output[1], 0.3 * output[0], atol=1e-5)
    assert 10 * np.log10(np.mean(output**2) / np.mean(audio**2)) == pytest.approx(0.0, abs=0.5)


def test_equalisation_never_exceeds_its_limit(pink_noise: Maker) -> None:
    dull = signal.sosfilt(signal.butter(8, 1000, fs=RATE, output="sos"), pink_noise(5.0)).astype(np.float32)
    step = EqualizationStep(max_gain_db=12.0)
    impulse = np.zeros((2, RATE), np.float32)
    target = step.measure(pink_noise(5.0, seed=1), RATE, "other")
    joined = np.concatenate([dull, np.zeros((2, 70000), np.float32), 1e-3 * impulse], axis=1)
    joined[:, -RATE // 2] = 1e-3
    response = apply(step, joined, RATE, target, "other")[0, -RATE:] / 1e-3
    assert 20 * np.log10(np.abs(np.fft.rfft(response)).max()) < 13.0


@given(gain_db=st.floats(-40, 30))
@settings(max_examples=10, deadline=None)
def test_gain_is_undone(gain_db: float, hits: Maker) -> None:
    audio = hits(2.0) * np.float32(10 ** (gain_db / 20))
    output = apply(LoudnessStep(), audio, RATE, np.array([-23.0]), "other")
    assert track_loudness(output, RATE) == pytest.approx(-23.0, abs=0.05)


@pytest.mark.parametrize("pan", [0.5, 0.1, 0.01, 0.0])
def test_hard_panning_is_taken_back(pan: float, pink_noise: Maker) -> None:
    source = pink_noise(3.0)[0]
    audio = np.stack([source, np.float32(pan) * source])
    step = PanningStep()
    output = apply(step, audio, RATE, np.zeros(513), "other")
    assert np.nanmax(np.abs(step.measure(output, RATE, "other"))) < 1e-3
    # An amplitude-panned source comes back on both channels in phase, at the power it had.
    assert difference_db(output[0], output[1]) < -40
    assert np.mean(output**2) == pytest.approx(np.mean(audio**2), rel=1e-3)


def test_left_and_right_meet(pink_noise: Maker) -> None:
    audio = pink_noise(3.0) * np.array([[1.0], [0.15]], dtype=np.float32)
    step = PanningStep()
    sides = [apply(step, side, RATE, np.full(513, 0.05), "other") for side in (audio, audio[::-1].copy())]
    first, second = (step.measure(side, RATE, "other") for side in sides)
    assert step.distance(first, second) < 0.03
    assert np.nanmean(first) == pytest.approx(0.05, abs=0.01)


@given(
    left=st.floats(1e-6, 1.0),
    right=st.floats(1e-6, 1.0),
    coherence=st.floats(-0.99, 0.99),
    target=st.floats(-0.9, 0.9),
)
@settings(max_examples=100, deadline=None)
def test_repositioning_reaches_every_position(left: float, right: float, coherence: float, target: float) -> None:
    cross = coherence * np.sqrt(left * right)
    if -0.35 < coherence < 0.0:
        cross = 0.0  # nearly uncorrelated channels are taken as correlated, on purpose
    covariance = np.array([[left, cross], [cross, right]])
    matrix = _repositioning(*(np.array([x]) for x in (left, right, cross, target)), 12.0)[:, :, 0]
    after = matrix @ covariance @ matrix.T
    power_left, power_right = after[0, 0], after[1, 1]
    position = np.sign(power_right - power_left) * (
        1 - 2 * np.sqrt(power_left * power_right) / (power_left + power_right)
    )
    assert power_left + power_right == pytest.approx(left + right, rel=1e-6)
    imbalance_db = abs(10 * np.log10(right / left))
    reachable = imbalance_db < 6 or cross > 0.7 * np.sqrt(left * right)
    start = np.sign(right - left) * (1 - 2 * np.sqrt(left * right) / (left + right))
    assert (
        abs(position - target) < 1e-5
        if reachable and abs(target) < 0.2
        else abs(position - target) <= abs(start - target) + 1e-6
    )


@pytest.mark.parametrize("wanted_db", [0.5, 1.5, 3.0])
def test_compression_meets_the_target(wanted_db: float, hits: Maker, pink_noise: Maker) -> None:
    audio = hits(interval_s=0.3, bed=0.02) * np.array([[1.0], [0.6]], dtype=np.float32) + 0.1 * pink_noise()
    step = DynamicsStep()
    mean, deviation = step.measure(audio, RATE, "drums")
    target = np.array([mean - wanted_db - deviation, deviation])
    output = apply(step, audio, RATE, target, "drums")
    assert step.measure(output, RATE, "drums")[0] == pytest.approx(mean - wanted_db, abs=0.1)
    assert track_loudness(output, RATE) == pytest.approx(track_loudness(audio, RATE), abs=0.1)
    again = apply(step, output, RATE, target, "drums")
    assert step.measure(again, RATE, "drums")[0] == pytest.approx(mean - wanted_db, abs=0.2)


def test_quieter_onsets_are_left_alone(hits: Maker) -> None:
    audio = hits()
    step = DynamicsStep()
    target = step.measure(audio, RATE, "drums") + np.array([6.0, 0.0])
    assert step.plan(track_source(audio, RATE), target[None], ["drums"]) is None


def test_a_target_out_of_reach_brings_the_track_nearer(hits: Maker, pink_noise: Maker) -> None:
    audio = hits() + 0.1 * pink_noise()
    step = DynamicsStep()
    before = step.measure(audio, RATE, "drums")[0]
    after = step.measure(apply(step, audio, RATE, np.array([-20.0, 0.1]), "drums"), RATE, "drums")[0]
    assert after < before - 1.0


def test_published_attack_times_raise_the_onsets(hits: Maker) -> None:
    """Why the step departs from the published compressor: its attack lets the onsets through."""
    import torch

    audio = hits(bed=0.02)
    settings_published = {"threshold_db": -20.0, "ratio": 6.0, "attack_ms": 10.0, "release_ms": 180.0}
    wet = compressor(torch.from_numpy(audio)[None], RATE, **settings_published)[0].numpy()
    step = DynamicsStep()
    assert step.measure(wet, RATE, "drums")[0] > step.measure(audio, RATE, "drums")[0]


def test_steps_are_described_and_made_again() -> None:
    steps = make_steps([LoudnessStep(), "eq", PanningStep(max_gain_db=6.0), "loudness"])
    assert steps_from_description(describe_steps(steps)) == steps
    assert make_steps(PUBLISHED_ORDER)[-1] == LoudnessStep()


@pytest.mark.parametrize("steps", [[], ["chorus"], [PanningStep(), PanningStep(taps=511)]])
def test_impossible_steps_are_refused(steps: list) -> None:
    with pytest.raises(ArgumentError):
        make_steps(steps)


@pytest.mark.parametrize("entry", [{"name": "chorus"}, {"taps": 3}, {"name": "eq", "colour": 1}])
def test_unknown_descriptions_are_refused(entry: dict) -> None:
    with pytest.raises(DataError, match="fit them again"):
        steps_from_description([entry])
