"""Loudness of audio that arrives in blocks of any length: one number for every 100 ms is all that is kept."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fxrep.audio.gating import STEPS_PER_BLOCK, gated_loudness, power_to_lufs, step_edges
from fxrep.audio.k_weighted_energy import k_weighted_energy

_LEAD_S = 1.0
"""Heard again before every block, so that the filters are where they would be: they forget within it."""


class LoudnessStream:
    """Integrated loudness (ITU-R BS.1770-4) of a recording, as `integrated_loudness` measures it, in constant memory.

    Computed in float64, whatever the blocks are in.

    Args:
        sample_rate: Hz.

    Attributes:
        frames: samples of each channel that were added.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self.frames = self._steps = 0
        self._heard: Tensor | None = None
        self._from = 0
        self._energies: list[np.ndarray] = []

    def add(self, block: Tensor) -> None:
        """Take the next samples, `(channels, samples)`."""
        block = block.double()
        self.frames += block.shape[-1]
        self._heard = block if self._heard is None else torch.cat([self._heard, block], dim=-1)
        first, last = self._steps, 10 * self.frames // self._rate
        if last > first:
            # The filters begin at the first edge: what leads up to the steps is a stretch of its own, and left out.
            edges = step_edges(first, last, self._rate) - self._from
            lead = edges[:1] * 0 if edges[0] > 0 else edges[:0]
            energies = k_weighted_energy(self._heard, self._rate, np.concatenate([lead, edges])).sum(0)
            self._energies.append(energies.numpy()[len(lead) :])
            self._steps = last
        keep_from = max(0, self._steps * self._rate // 10 - round(_LEAD_S * self._rate))
        self._heard, self._from = self._heard[:, keep_from - self._from :].clone(), keep_from

    @property
    def energies(self) -> np.ndarray:
        """K-weighted energy of all channels together in steps of 100 ms, float64 ``(steps,)``."""
        return np.concatenate([*self._energies, np.zeros(0)])

    def loudness(self) -> float:
        """Integrated loudness in LUFS of everything added, at least `SILENCE_LUFS`."""
        if self._steps >= STEPS_PER_BLOCK:
            return float(gated_loudness(torch.from_numpy(self.energies), self._rate / 10))
        if self._heard is None:
            return float(power_to_lufs(torch.zeros(())))
        # Below 400 ms: one block without gates over all there is.
        energy = k_weighted_energy(self._heard, self._rate, np.array([0, self.frames])).sum()
        return float(power_to_lufs(energy / self.frames))
