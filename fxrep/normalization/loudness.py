"""The loudness step: set the integrated loudness of a track to the instrument's average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.audio import (
    SILENCE_LUFS,
    STEPS_PER_BLOCK,
    gated_loudness,
    integrated_loudness,
    k_weighted_energy,
    power_to_lufs,
)
from fxrep.normalization.step import Feature, NormalizationStep, Samples, stereo_samples


def track_loudness(audio: torch.Tensor | NDArray[np.floating], sample_rate: int) -> float:
    """Integrated loudness of a track as it sounds in stereo (ITU-R BS.1770-4).

    Args:
        audio: (C, T) with one or two channels, or (T,); mono counts on both channels.
        sample_rate: Hz.

    Returns:
        LUFS; `SILENCE_LUFS` for silence.
    """
    with torch.inference_mode():
        return float(integrated_loudness(torch.from_numpy(stereo_samples(audio)), sample_rate))


def k_weighted_energies(audio: Samples, sample_rate: int, hop: int) -> Feature:
    """K-weighted energy of both channels in every full `hop` samples.

    Args:
        audio: (2, T).
        sample_rate: Hz.
        hop: samples.

    Returns:
        (T // hop,) sums of squares.
    """
    edges = np.arange(audio.shape[1] // hop + 1, dtype=np.int64) * hop
    with torch.inference_mode():
        energies = k_weighted_energy(torch.from_numpy(audio), sample_rate, edges)
    return np.asarray(energies.numpy().sum(axis=0, dtype=np.float64))


def loudness_of_energies(energies: Feature, hop: int, hops_per_step: int) -> float:
    """Integrated loudness of K-weighted energies.

    Args:
        energies: (hops,) from `k_weighted_energies`.
        hop: samples in each.
        hops_per_step: how many make 100 ms.

    Returns:
        LUFS, at least `SILENCE_LUFS`; without gates when there is less than one block.
    """
    steps = energies[: energies.size // hops_per_step * hops_per_step].reshape(-1, hops_per_step).sum(axis=1)
    if steps.size < STEPS_PER_BLOCK:
        return float(power_to_lufs(torch.tensor(energies.sum() / max(1, energies.size * hop))))
    return float(gated_loudness(torch.from_numpy(steps), hops_per_step * hop))


@dataclass(frozen=True)
class LoudnessStep(NormalizationStep):
    """Scale to the target loudness. Nothing is limited: the result may exceed full scale."""

    name: ClassVar[str] = "loudness"
    unit: ClassVar[str] = "LU"

    def measure(self, audio: Samples, sample_rate: int, instrument: str) -> Feature:
        """Integrated loudness in LUFS, one value; NaN for silence."""
        loudness = track_loudness(audio, sample_rate)
        return np.array([loudness if loudness > SILENCE_LUFS else np.nan])

    def apply(self, audio: Samples, sample_rate: int, target: Feature, instrument: str) -> Samples:
        """Scale both channels alike."""
        loudness = self.measure(audio, sample_rate, instrument)[0]
        if np.isnan(loudness):
            return audio
        return audio * np.float32(10 ** ((target[0] - loudness) / 20))

    def distance(self, first: Feature, second: Feature) -> float:
        """Absolute difference in LU."""
        return float(abs(first[0] - second[0]))
