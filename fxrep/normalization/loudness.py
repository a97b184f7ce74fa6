"""The loudness step: set the integrated loudness of a track to the instrument's average."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.audio import SILENCE_LUFS, STEPS_PER_BLOCK, gated_loudness, k_weighted_energy, power_to_lufs
from fxrep.normalization.sources import Change, Source, with_context
from fxrep.normalization.step import Feature, NormalizationStep, track_source

K_WEIGHTING_TAIL_S = 0.1
"""Seconds after which the K-weighting has forgotten its past, to 150 dB under its peak."""


def track_loudness(audio: torch.Tensor | NDArray[np.floating], sample_rate: int) -> float:
    """Integrated loudness of a track as it sounds in stereo (ITU-R BS.1770-4).

    Args:
        audio: (C, T) with one or two channels, or (T,); mono counts on both channels.
        sample_rate: Hz.

    Returns:
        LUFS; `SILENCE_LUFS` for silence.
    """
    return float(loudness_of(track_source(audio, sample_rate))[0])


def loudness_of(source: Source) -> Feature:
    """(B,) integrated loudness in LUFS; audio shorter than one block of 400 ms is measured without gates."""
    rate = source.sample_rate
    edges = np.arange(10 * source.samples // rate + 1) * rate // 10
    if len(edges) <= STEPS_PER_BLOCK:
        return loudness_of_steps(k_weighted_energies(source, np.array([0, source.samples])), source.samples)
    return loudness_of_steps(k_weighted_energies(source, edges), rate / 10)


def loudness_of_steps(energies: NDArray[np.floating], samples_per_step: float) -> Feature:
    """(B,) integrated loudness in LUFS of K-weighted energies (B, steps) of 100 ms; fewer than four without gates."""
    steps = torch.from_numpy(energies.astype(np.float64))
    if steps.shape[-1] < STEPS_PER_BLOCK:
        return np.asarray(power_to_lufs(steps.mean(-1) / samples_per_step).numpy())
    return np.asarray(gated_loudness(steps, samples_per_step).numpy())


def k_weighted_energies(source: Source, edges: range | NDArray[np.int64]) -> NDArray[np.float32]:
    """K-weighted energy of both channels together between edges.

    Args:
        source: (B, 2, T).
        edges: increasing sample positions from 0, none beyond the end.

    Returns:
        (B, len(edges) - 1) sums of squares.
    """
    energies = np.zeros((source.items, len(edges) - 1), dtype=np.float32)
    past = round(K_WEIGHTING_TAIL_S * source.sample_rate)
    start = 0
    for widened in with_context(source.blocks(), past, 0):
        stop = min(start + widened.shape[-1] - past, int(edges[-1]))
        if stop <= start:
            break
        first, last = bisect_right(edges, start), bisect_left(edges, stop)
        inside = np.concatenate([[start], np.asarray(edges[first:last], dtype=np.int64), [stop]])
        with torch.inference_mode():
            local = np.concatenate([[0], inside - start + past])
            parts = k_weighted_energy(widened, source.sample_rate, local)[..., 1:].sum(1)
        energies[:, first - 1 : last] += parts.cpu().numpy()
        start = stop
    return energies


@dataclass(frozen=True)
class LoudnessStep(NormalizationStep):
    """Scale to the target loudness. Nothing is limited: the result may exceed full scale."""

    name: ClassVar[str] = "loudness"
    unit: ClassVar[str] = "LU"
    only_level: ClassVar[bool] = True

    def measure_source(self, source: Source, instruments: Sequence[str]) -> Feature:
        """Integrated loudness in LUFS, one value; NaN for silence."""
        loudness = loudness_of(source)
        return np.where(loudness > SILENCE_LUFS, loudness, np.nan)[:, None]

    def plan(self, source: Source, targets: Feature, instruments: Sequence[str]) -> Change | None:
        """Scale both channels alike."""
        change_db = (targets - self.measure_source(source, instruments))[:, 0]
        if not np.isfinite(change_db).any():
            return None
        gains = np.where(np.isfinite(change_db), 10 ** (change_db / 20), 1.0).astype(np.float32)
        scale = torch.from_numpy(gains).reshape(-1, 1, 1).to(source.device)

        def change(blocks: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
            for block in blocks:
                yield block * scale

        return change

    def distance(self, first: Feature, second: Feature) -> float:
        """Absolute difference in LU."""
        return float(abs(first[0] - second[0]))
