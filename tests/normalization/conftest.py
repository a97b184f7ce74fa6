"""Makers of signals whose features are known, and a normaliser fitted on one of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fxrep.normalization import FxNormalizer
from fxrep.normalization.fitting import FitTrack

RATE = 44100


def make_noise(seconds: float = 6.0, rate: int = RATE, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """(2, T) noise with independent channels falling 3 dB an octave."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * rate)
    spectrum = rng.standard_normal((2, samples // 2 + 1)) + 1j * rng.standard_normal((2, samples // 2 + 1))
    frequencies = np.maximum(np.fft.rfftfreq(samples, 1 / rate), 20.0)
    audio = np.fft.irfft(spectrum / np.sqrt(frequencies), samples)
    return (level * audio / audio.std()).astype(np.float32)


def make_hits(
    seconds: float = 6.0, rate: int = RATE, interval_s: float = 0.25, seed: int = 0, bed: float = 0.01
) -> np.ndarray:
    """(2, T) short noise bursts at a fixed interval over a quiet bed: strong, known onsets."""
    rng = np.random.default_rng(seed)
    audio = bed * rng.standard_normal(round(seconds * rate))
    decay = np.exp(-np.arange(round(0.08 * rate)) / (0.02 * rate))
    for start in np.arange(interval_s, seconds - 0.1, interval_s):
        first = round(start * rate)
        audio[first : first + decay.size] += 0.5 * decay * rng.uniform(-1, 1, decay.size)
    return np.repeat(audio[None], 2, axis=0).astype(np.float32)


@pytest.fixture(scope="session")
def pink_noise() -> Callable[..., np.ndarray]:
    return make_noise


@pytest.fixture(scope="session")
def hits() -> Callable[..., np.ndarray]:
    return make_hits


@pytest.fixture(scope="session")
def music() -> torch.Tensor:
    """Hits over pink noise, (2, T) at 44.1 kHz."""
    return torch.from_numpy(0.5 * make_hits() + 0.3 * make_noise())


@pytest.fixture(scope="session")
def normalizer(music: torch.Tensor) -> FxNormalizer:
    return FxNormalizer.fit_tracks([FitTrack(music, "drums", RATE), FitTrack(music * 0.5, "other", RATE)])
