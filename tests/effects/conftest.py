from __future__ import annotations

import numpy as np
import pytest
import torch


def _hits(samples: int, rate: int) -> np.ndarray:
    """Two channels of decaying bursts, four a second, with different levels left and right."""
    random = np.random.default_rng(3)
    audio = np.zeros((2, samples))
    for start in range(0, samples, rate // 4):
        length = min(rate // 5, samples - start)
        burst = random.standard_normal((2, length)) * np.exp(-np.arange(length) / (0.03 * rate))
        audio[:, start : start + length] += burst * random.uniform(0.1, 0.8, (2, 1))
    return audio / np.abs(audio).max()


@pytest.fixture(scope="session")
def hits() -> torch.Tensor:
    """(2, 2, 44100): drum-like, float32."""
    audio = _hits(88200, 44100)
    return torch.from_numpy(np.stack((audio[:, :44100], audio[:, 44100:]))).float()


@pytest.fixture
def noise() -> torch.Tensor:
    """(3, 2, 22051): white noise of an odd length."""
    return torch.randn(3, 2, 22051, generator=torch.Generator().manual_seed(1)) * 0.2
