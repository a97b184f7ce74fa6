"""What the dynamics step knows of a track: its level and energy about 1400 times a second, and its onsets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.audio import STEPS_PER_BLOCK
from fxrep.normalization.loudness import k_weighted_energies, loudness_of_steps
from fxrep.normalization.onsets import onset_times
from fxrep.normalization.sources import Source, aligned
from fxrep.normalization.step import Feature, track_source

PERCENTILE = 75.0
PEAK_WINDOW_S = 0.1
ENVELOPE_HZ = 1378
FRAMES_AT_ONCE = 1 << 20

Curve = NDArray[np.float32]
"""A value per frame. Hours of audio make millions of them, so single precision, and few at a time."""

Gain = Callable[[int, int], Curve]
"""The gain of the frames from one to another, worked out when asked."""


@dataclass(frozen=True)
class Envelope:
    """What the search for a compression needs of a track, at about 1.4 kHz, with the highest peak at full scale.

    Attributes:
        peaks: (frames,) highest instantaneous level in each frame, the root mean square over the channels.
        energies: (frames,) K-weighted energy of both channels.
        onsets: frames at which onsets begin.
        hop: samples in a frame.
        rate: frames in a second.
    """

    peaks: Curve
    energies: Curve
    onsets: NDArray[np.int64]
    hop: int
    rate: float

    @classmethod
    def of(cls, audio: torch.Tensor | NDArray[np.floating], sample_rate: int) -> Envelope:
        """Reduce one track."""
        return cls.of_each(track_source(audio, sample_rate))[0]

    @classmethod
    def of_each(cls, source: Source) -> list[Envelope]:
        """Reduce every track of a batch."""
        hop = max(1, round(source.sample_rate / ENVELOPE_HZ))
        frames = source.samples // hop
        energies = k_weighted_energies(source, range(0, frames * hop + 1, hop))
        peaks = np.empty((source.items, frames), dtype=np.float32)
        filled = 0
        for block in aligned(source.blocks(), hop):
            levels = block.square().mean(1).unflatten(-1, (-1, hop)).amax(-1).sqrt_()
            peaks[:, filled : filled + levels.shape[-1]] = levels.cpu().numpy()
            filled += levels.shape[-1]
        # The gates of the loudness are absolute: at one level for all, a track reads the same at every gain.
        scale = (1 / np.maximum(peaks.max(axis=1, initial=0.0, keepdims=True), 1e-9)).astype(np.float32)
        energies *= scale**2
        peaks *= scale
        found = [
            np.unique(onsets[onsets < frames])
            for onsets in ((times * source.sample_rate / hop).astype(np.int64) for times in onset_times(source))
        ]
        return [
            cls(peak, energy, onsets, hop, source.sample_rate / hop)
            for peak, energy, onsets in zip(peaks, energies, found, strict=True)
        ]

    def loudness(self, gain: Gain | Curve | None = None) -> float:
        """Integrated loudness in LU after a gain per frame, for comparison with the peaks and with other gains."""
        return self._after(gain)[1]

    def prominence_db(self, gain: Curve | None = None) -> float:
        """The highest peak in dB over the loudness, after a gain per frame."""
        peak = 0.0
        for start in range(0, self.peaks.size, FRAMES_AT_ONCE):
            piece = self.peaks[start : start + FRAMES_AT_ONCE]
            piece = piece if gain is None else piece * gain[start : start + FRAMES_AT_ONCE]
            peak = max(peak, float(piece.max()))
        return 20 * float(np.log10(max(peak, 1e-9))) - self.loudness(gain)

    def onset_peaks_db(self, gain: Gain | Curve | None = None) -> Feature:
        """The highest quarter of the onset peaks, in dB over the loudness, after a gain per frame."""
        peaks, loudness = self._after(gain)
        peaks_db = 20 * np.log10(np.maximum(peaks, 1e-9)) - loudness
        return np.asarray(peaks_db[peaks_db >= np.percentile(peaks_db, PERCENTILE)])

    def _after(self, gain: Gain | Curve | None) -> tuple[Feature, float]:
        """The peak of every onset, linear, and the loudness; worked out in pieces, since hours have many frames."""
        per_step = max(1, round(self.rate / 10))
        ends = np.append(self.onsets[1:], self.peaks.size)
        ends = np.minimum(ends, self.onsets + round(PEAK_WINDOW_S * self.rate) + 1)
        peaks, steps = np.zeros(self.onsets.size), []
        for start in range(0, self.peaks.size, FRAMES_AT_ONCE // per_step * per_step):
            stop = min(start + FRAMES_AT_ONCE // per_step * per_step, self.peaks.size)
            piece = (
                gain(start, stop) if callable(gain) else np.ones(1, np.float32) if gain is None else gain[start:stop]
            )
            energies = self.energies[start:stop] * np.square(piece)
            whole = energies.size // per_step * per_step
            steps.append(energies[:whole].reshape(-1, per_step).sum(axis=1, dtype=np.float64))
            here = (self.onsets < stop) & (ends > start)
            # Every other stretch is between two onsets; the last one may begin at the end of the piece.
            edges = (
                np.stack([np.maximum(self.onsets[here], start), np.minimum(ends[here], stop)], axis=1).ravel() - start
            )
            if edges.size:
                edges = edges[:-1] if edges[-1] == stop - start else edges
                highest = np.maximum.reduceat(self.peaks[start:stop] * piece, edges)[::2]
                peaks[here] = np.maximum(peaks[here], highest)
        joined = np.concatenate(steps) if steps else np.zeros(0)
        if joined.size < STEPS_PER_BLOCK:
            return peaks, float(
                loudness_of_steps(energies[None].sum(1, keepdims=True), max(1, energies.size * self.hop))[0]
            )
        return peaks, float(loudness_of_steps(joined[None], per_step * self.hop)[0])
