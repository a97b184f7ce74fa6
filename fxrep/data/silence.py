"""How much of a recording is silent, while it arrives in blocks of any length."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from fxrep.audio.gating import step_edges

SILENCE_DBFS = -60.0
"""A 100 ms block whose RMS over all channels is below this counts as silent."""


class SilenceMeter:
    """Share of 100 ms blocks that are silent; what is left over at the end is a block too.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._frames = self._steps = 0
        self._rest: np.ndarray | None = None
        self._powers: list[np.ndarray] = []

    def add(self, block: Tensor) -> None:
        """Take the next samples, `(channels, samples)`."""
        squares = np.square(block.double().numpy()).mean(axis=0)
        self._frames += len(squares)
        heard = squares if self._rest is None else np.concatenate([self._rest, squares])
        edges = step_edges(self._steps, 10 * self._frames // self._rate, self._rate)
        inner = edges - edges[0]
        if len(edges) > 1:
            self._powers.append(np.add.reduceat(heard[: inner[-1]], inner[:-1]) / np.diff(edges))
        self._steps += len(edges) - 1
        self._rest = heard[inner[-1] :]

    def ratio(self) -> float:
        """Silent blocks of all blocks, from 0 to 1; 1 where nothing was added."""
        rest = [] if self._rest is None or not len(self._rest) else [self._rest.mean(keepdims=True)]
        powers = [*self._powers, *rest]
        return float(np.mean(np.concatenate(powers) < 10 ** (SILENCE_DBFS / 10))) if powers else 1.0
