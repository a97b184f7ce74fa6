"""Percentage errors of features, on signals whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fxrep.errors import AudioError
from fxrep.metrics import FAMILIES, feature_errors, mix_features

RATE = 44100


def tone(frequency_hz: float = 1000.0, left: float = 0.5, right: float = 0.5, seconds: float = 2.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    ramp = np.minimum(1.0, np.minimum(t, seconds - t) / 0.1)
    sine = ramp * np.sin(2 * np.pi * frequency_hz * t)
    return np.stack([left * sine, right * sine]).astype(np.float32)


def music(seed: int, seconds: float = 4.0) -> np.ndarray:
    """Noise whose level, colour and place move."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    white = rng.standard_normal((2, n))
    red = np.cumsum(white, axis=1)
    red /= np.abs(red).max()
    t = np.arange(n) / RATE
    swell = 0.2 + 0.1 * np.sin(2 * np.pi * 0.7 * t + seed)
    place = np.stack([1.0 + 0.4 * np.sin(t), 1.0 - 0.4 * np.sin(t)])
    return (swell * place * (0.1 * white + red)).astype(np.float32)


@pytest.mark.parametrize("aligned", [False, True])
def test_a_mix_is_like_itself(aligned: bool) -> None:
    found = feature_errors(music(0), music(0), RATE, aligned)
    assert set(FAMILIES) <= set(found)
    assert all(value == 0.0 or math.isnan(value) for value in found.values())


def test_gain_changes_levels_by_its_amplitude_and_nothing_else() -> None:
    audio = music(1)
    louder, softer = feature_errors(2 * audio, audio, RATE), feature_errors(audio / 2, audio, RATE)
    levels = ["dynamics: RMS level (dB)", "loudness: momentary (LUFS)", "loudness: peak (dB)"]
    for name in levels:
        assert louder[name] == pytest.approx(100.0, abs=0.1)
        assert softer[name] == pytest.approx(50.0, abs=0.1)
    others = {name: value for name, value in louder.items() if ": " in name and name not in levels}
    assert others["dynamics: crest (dB)"] == pytest.approx(0.0, abs=0.01)
    assert max(value for value in others.values() if math.isfinite(value)) < 0.5
    assert louder["loudness"] == pytest.approx(100.0, abs=0.1)
    assert louder["dynamics"] == pytest.approx(100.0 / 3, abs=0.1)


def test_swapped_channels_are_wrong_in_position_only() -> None:
    audio = tone(left=0.5, right=0.1) + tone(100.0, 0.1, 0.3)
    found = feature_errors(audio[::-1].copy(), audio, RATE)
    # A place of (1 - 2 L R / (L² + R²)) on the other side is twice that away.
    assert found["panning: position mid"] == pytest.approx(200 * (1 - 0.1 / 0.26), rel=0.05)
    assert found["panning: RMS total"] == pytest.approx(0.0, abs=0.1)
    assert found["panning"] > 20
    assert all(found[family] < 0.5 for family in FAMILIES if family != "panning")
    features = mix_features(audio, RATE)
    assert features["panning: position mid"] == pytest.approx(-(1 - 0.1 / 0.26), rel=0.05)
    assert features["panning: position low"] == pytest.approx(1 - 0.06 / 0.1, rel=0.05)


def test_known_changes_of_spectrum_and_dynamics() -> None:
    octave = feature_errors(tone(2000.0), tone(1000.0), RATE)
    assert octave["spectrum: roll-off (Hz)"] == pytest.approx(100.0, abs=5.0)
    # A sine has a crest factor of 3.01 dB, a square wave of none: its crest is too small by a factor of the root of 2.
    t = np.arange(2 * RATE) / RATE
    square = np.sign(np.sin(2 * np.pi * 441 * t + 1e-3))
    sine = np.sin(2 * np.pi * 441 * t)
    found = feature_errors(np.stack([square, square]), np.stack([sine, sine]), RATE)
    assert found["dynamics: crest (dB)"] == pytest.approx(100 * (1 - math.sqrt(0.5)), abs=1.0)
    # Steady beside alternating levels 10 dB apart: a spread of 5 dB that is missed altogether.
    steps = np.where((t // 0.4).astype(int) % 2 == 0, 1.0, 10**-0.5)
    found = feature_errors(np.stack([sine, sine]), np.stack([sine * steps, sine * steps]), RATE)
    assert found["dynamics: spread (dB)"] == pytest.approx(100.0, abs=1.0)


def test_aligned_mixes_are_compared_over_time() -> None:
    audio = music(2, 6.0)
    backwards = audio[:, ::-1].copy()
    whole, over_time = (feature_errors(backwards, audio, RATE, aligned) for aligned in (False, True))
    assert over_time["panning: position total"] > 3 * whole["panning: position total"]
    assert over_time["dynamics: RMS level (dB)"] > whole["dynamics: RMS level (dB)"] + 1.0
    with pytest.raises(AudioError, match="equally long"):
        feature_errors(audio[:, 1:], audio, RATE, aligned=True)


def test_silence_and_missing_bands_have_no_say() -> None:
    audio = music(3)
    padded = np.concatenate([np.zeros((2, RATE), np.float32), audio, np.zeros((2, 2 * RATE), np.float32)], axis=1)
    found = feature_errors(padded, audio, RATE)
    # The frames at the edges differ, 0.2 s of 4 s at most.
    assert max(found[family] for family in FAMILIES) < 8.0
    low = feature_errors(tone(100.0), tone(100.0), RATE)
    assert math.isnan(low["panning: RMS high"])
    assert low["panning"] == 0.0
    mono, wide = tone(), tone() + np.array([[1.0], [-1.0]], dtype=np.float32) * tone(500.0)
    assert math.isfinite(feature_errors(wide, mono, RATE)["panning"])
    with pytest.raises(AudioError, match="reference: audio is silent"):
        feature_errors(audio, 0 * audio, RATE)
    with pytest.raises(AudioError, match="estimate: audio has shape"):
        feature_errors(audio[:, :100], audio, RATE)
