"""Tracks of which most is silence or of which one end of the spectrum is empty: twice is once, and nothing clicks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import signal

from fxrep.normalization import FitTrack, FxNormalizer, track_loudness
from fxrep.normalization.prominence import LARGEST_PROMINENCE_DB, prominences_db
from fxrep.normalization.step import track_source

RATE = 44100
SECONDS = 9.0
Maker = Callable[..., np.ndarray]


def bursts(interval_s: float, decay_s: float, low_hz: float, high_hz: float, seed: int = 0) -> np.ndarray:
    """(2, T) decaying noise of a band at an interval, digital silence but for the tails between."""
    rng = np.random.default_rng(seed)
    audio = np.zeros(round(SECONDS * RATE))
    time = np.arange(round(4 * decay_s * RATE)) / RATE
    band = signal.butter(4, [low_hz, high_hz], "bandpass", fs=RATE, output="sos")
    for start in np.arange(0.3, SECONDS - 0.2, interval_s):
        burst = signal.sosfilt(band, rng.standard_normal(time.size)) * np.exp(-time / decay_s)
        first = round(start * RATE)
        audio[first : first + burst.size] += burst[: audio.size - first]
    # Stored with 16 bits, as most sounds are.
    audio = np.round(audio / np.abs(audio).max() * 0.5 * 32767) / 32767
    return np.repeat(audio[None], 2, axis=0).astype(np.float32)


def tone(frequency_hz: float) -> np.ndarray:
    """(2, T) a steady tone that is cut off in the middle: a click is all that there is elsewhere in the spectrum."""
    audio = 0.3 * np.sin(2 * np.pi * frequency_hz * np.arange(round(SECONDS * RATE)) / RATE)
    audio[audio.size // 2 + 37 :] = 0.0
    return np.repeat(audio[None], 2, axis=0).astype(np.float32)


TRACKS: dict[str, np.ndarray] = {
    "cymbal every 4 s": bursts(4.0, 0.4, 4000.0, 16000.0),
    "kick every 2 s": bursts(2.0, 0.06, 45.0, 120.0),
    "rim shot every 4 s": bursts(4.0, 0.01, 700.0, 5000.0),
    "a tone that is cut off": tone(220.0),
}


@pytest.fixture(scope="module")
def drums(hits: Maker, pink_noise: Maker) -> FxNormalizer:
    """The average of full drum kits."""
    kits = [hits(6.0, interval_s=interval, seed=seed) for seed, interval in enumerate((0.2, 0.35))]
    noises = [0.2 * pink_noise(6.0, seed=seed) for seed in (3, 4)]
    return FxNormalizer.fit_tracks(
        [FitTrack(kit + noise, "drums", RATE) for kit, noise in zip(kits, noises, strict=True)]
    )


@pytest.mark.parametrize("name", TRACKS)
def test_twice_is_once_and_nothing_clicks(name: str, drums: FxNormalizer) -> None:
    audio = TRACKS[name]
    once = drums(audio, RATE, "drums")
    twice = drums(once, RATE, "drums")
    assert torch.isfinite(once).all()
    assert 10 * torch.log10((twice - once).square().sum() / once.square().sum() + 1e-20) < -100
    before, after = (prominences_db(track_source(heard, RATE))[0] for heard in (audio, once))
    assert after < max(LARGEST_PROMINENCE_DB, before) + 0.5
    assert track_loudness(once, RATE) == pytest.approx(drums.targets("drums")["loudness"][0], abs=0.01)


def test_prominence_is_peak_over_loudness_at_any_gain() -> None:
    sine = 0.5 * torch.sin(2 * torch.pi * 997 * torch.arange(3 * RATE) / RATE).repeat(2, 1)
    expected = 20 * np.log10(0.5) - track_loudness(sine, RATE)
    assert prominences_db(track_source(sine, RATE))[0] == pytest.approx(expected, abs=0.01)
    assert prominences_db(track_source(1e-4 * sine, RATE))[0] == pytest.approx(expected, abs=0.01)
    assert prominences_db(track_source(sine[:, :5000], RATE))[0] == pytest.approx(expected, abs=0.3)
    assert np.isnan(prominences_db(track_source(0 * sine, RATE))[0])
