"""How loud a track is, as a whole and over time: one pass over it, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.audio import SILENCE_LUFS, STEPS_PER_BLOCK, match_channels, power_to_lufs
from fxrep.effects.console.track_reader import TrackReader
from fxrep.normalization import Source
from fxrep.normalization.loudness import k_weighted_energies, loudness_of_steps

STEPS_PER_S = 10
BLOCK = 1 << 18

# A step this far under the loudness of its track is a pause: the relative gate of BS.1770 is 10 LU, and what is soft
# for a moment is still playing.
_PAUSE_LU = 20.0


@dataclass(frozen=True)
class TrackLoudness:
    """What was measured of a track, as it sounds on two loudspeakers: mono counts on both.

    Attributes:
        lufs: integrated loudness (ITU-R BS.1770-4); minus infinity for silence.
        sounds: (steps,) booleans, ten a second: whether the track sounds there. All false for silence.
    """

    lufs: float
    sounds: NDArray[np.bool_]


class TrackSource(Source):
    """The samples of one track for the meters of `fxrep.normalization`.

    Args:
        reader: at the beginning of the track; it is read once.
        sample_rate: Hz.
        samples: of the track.
    """

    def __init__(self, reader: TrackReader, sample_rate: int, samples: int) -> None:
        self.reader, self.sample_rate, self.samples = reader, sample_rate, samples
        self.items, self.device = 1, torch.device("cpu")

    def blocks(self) -> Iterator[torch.Tensor]:
        """(1, 2, n)."""
        while (block := self.reader.read()).shape[-1]:
            yield match_channels(block, 2)[None]


def measure_loudness(source: TrackSource) -> TrackLoudness:
    """Measure a track; less than 400 ms are measured without gates.

    Raises:
        AudioError: the track cannot be read to its end.
    """
    rate = source.sample_rate
    edges = np.arange(STEPS_PER_S * source.samples // rate + 1) * rate // STEPS_PER_S
    if len(edges) <= STEPS_PER_BLOCK:
        edges = np.array([0, source.samples])
    energies = k_weighted_energies(source, edges)
    lengths = np.diff(edges)
    lufs = float(loudness_of_steps(energies, float(lengths.mean()))[0])
    if lufs <= SILENCE_LUFS:
        return TrackLoudness(-math.inf, np.zeros(len(lengths), dtype=bool))
    steps = power_to_lufs(torch.from_numpy(energies[0] / lengths)).numpy()
    return TrackLoudness(lufs, steps > max(SILENCE_LUFS, lufs - _PAUSE_LU))
