"""The dynamics step: compress tracks whose onsets stand out further than the dataset's do.

Source: Martinez-Ramirez et al., ISMIR 2022: the peaks of the onsets above their 75th percentile, their mean and
standard deviation; a track whose mean exceeds the average mean plus the average deviation is compressed until it no
longer does, others are left alone (the published upward expansion is switched off there too).

What differs from the published code, and why. There the peak level is read with the track's maximum at -10 dBFS, where
compression with make-up gain hardly moves it and a second pass compresses again. Here it is read over the track's
loudness, so a gain does not change it, compression does, and a track that has been matched stays as it is. With the
published times (attack 7.5 to 15 ms, release 180 to 666 ms) onsets pass before the gain falls, and stand out *more*
afterwards; here the gain looks ahead and recovers quickly. And a grid of a thousand settings is replaced by bisection
over the threshold on envelopes, at a thirtieth of the rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from fxrep.effects import compressor
from fxrep.normalization.envelope import FRAMES_AT_ONCE, Curve, Envelope, Gain
from fxrep.normalization.prominence import stands_out_further
from fxrep.normalization.sources import Change, Source
from fxrep.normalization.step import Feature, NormalizationStep, instrument_setting

FIRST_RATIO = {"vocals": 4.0, "drums": 6.0, "bass": 5.0, "other": 4.0}
LAST_RATIO = 20.0
LOWEST_THRESHOLD_DB = -36.0
THRESHOLD_STEP_DB = 4.0
TOLERANCE_DB = 0.02
WORTH_DB = 0.1
"""A track that exceeds by less, or can be brought nearer by less, is left alone."""

FORGOTTEN_AFTER = 20.0
"""Times the release time: what was before is 170 dB down."""


def onset_peak_level(audio: torch.Tensor | NDArray[np.floating], sample_rate: int) -> tuple[float, float]:
    """How far the strongest onsets of a track stand out, and how much they differ.

    Args:
        audio: (C, T) with one or two channels, or (T,).
        sample_rate: Hz.

    Returns:
        Mean and standard deviation of the onset peaks at or above their 75th percentile, in dB over the integrated
        loudness; NaN for a track without onsets.
    """
    return _peak_statistics(Envelope.of(audio, sample_rate))


def _peak_statistics(envelope: Envelope) -> tuple[float, float]:
    if not envelope.onsets.size:
        return float("nan"), float("nan")
    peaks_db = envelope.onset_peaks_db()
    return float(peaks_db.mean()), float(peaks_db.std())


@dataclass(frozen=True)
class DynamicsStep(NormalizationStep):
    """Compress until the onset peaks are no higher than the average mean plus the average deviation.

    The loudness of the track stays as it was.

    Args:
        attack_ms: of the compressor, which looks ahead by twice this time.
        release_ms: of the compressor.
        knee_db: of the compressor.
        passes: how many compressions may follow each other when one does not suffice.
    """

    name: ClassVar[str] = "dynamics"
    unit: ClassVar[str] = "dB"

    attack_ms: float = 2.0
    release_ms: float = 60.0
    knee_db: float = 6.0
    passes: int = 3

    def measure_source(self, source: Source, instruments: Sequence[str]) -> Feature:
        """Mean and standard deviation of the highest onset peaks."""
        envelopes = source.remembered("envelopes", Envelope.of_each)
        return np.array([_peak_statistics(envelope) for envelope in envelopes])

    def plan(self, source: Source, targets: Feature, instruments: Sequence[str]) -> Change | None:
        """Compress both channels alike, by as little as is needed."""
        envelopes = source.remembered("envelopes", Envelope.of_each)
        gains: list[Curve | None] = []
        for envelope, target, instrument in zip(envelopes, targets, instruments, strict=True):
            ceiling = float(target[0] + target[1])
            gains.append(self._worthwhile_gain(envelope, ceiling, instrument))
        if all(gain is None for gain in gains):
            return None
        unchanged = np.ones_like(envelopes[0].peaks)
        curves = np.stack([unchanged if gain is None else gain for gain in gains])
        return _apply_gain(torch.from_numpy(curves).to(source.device), envelopes[0].hop)

    def distance(self, first: Feature, second: Feature) -> float:
        """Absolute difference of the mean onset peak in dB."""
        return float(abs(first[0] - second[0]))

    def shortfall(self, feature: Feature, target: Feature) -> float:
        """By how much the mean onset peak exceeds the ceiling, in dB."""
        return max(0.0, float(feature[0] - target[0] - target[1]))

    def _worthwhile_gain(self, envelope: Envelope, ceiling_db: float, instrument: str) -> Curve | None:
        """The gain that keeps the loudness; None for a track that is within the tolerance or hardly to be changed."""
        if not envelope.onsets.size:
            return None
        before_db = float(envelope.onset_peaks_db().mean())
        if not before_db > ceiling_db + WORTH_DB:
            return None
        gain = self.gain_to_ceiling(envelope, ceiling_db, instrument)
        if envelope.onset_peaks_db(gain).mean() > before_db - WORTH_DB:
            return None
        if stands_out_further(envelope.prominence_db(gain), envelope.prominence_db()):
            return None
        gain *= np.float32(10 ** ((envelope.loudness() - envelope.loudness(gain)) / 20))
        return gain

    def gain_to_ceiling(self, envelope: Envelope, ceiling_db: float, instrument: str) -> Curve:
        """The gain per frame that brings the onset peaks to the ceiling, or as near to it as compression goes."""
        gain = np.ones_like(envelope.peaks)
        for _ in range(self.passes):
            compressed = self._one_pass(envelope, gain, ceiling_db, instrument)
            if compressed is None:
                break
            # Looking ahead, a piece reads what the next one changes.
            pieces = [compressed(start, stop) for start, stop in _stretches(gain.size)]
            for (start, stop), piece in zip(_stretches(gain.size), pieces, strict=True):
                gain[start:stop] = piece
            if envelope.onset_peaks_db(gain).mean() <= ceiling_db + TOLERANCE_DB:
                break
        return gain

    def _one_pass(self, envelope: Envelope, before: Curve, ceiling_db: float, instrument: str) -> Gain | None:
        """The gain with one compression after `before`: the mildest that meets the ceiling, or the nearest to it."""
        loudest = max(float((envelope.peaks[a:b] * before[a:b]).max()) for a, b in _stretches(before.size))
        nearest, least_excess = None, float(envelope.onset_peaks_db(before).mean()) - ceiling_db
        first_ratio = instrument_setting(FIRST_RATIO, instrument)
        for ratio in (first_ratio, (first_ratio * LAST_RATIO) ** 0.5, LAST_RATIO):

            def compress(threshold_db: float, ratio: float = ratio) -> tuple[Gain, float]:
                gain = self._compressed(envelope, before, loudest, threshold_db, ratio)
                return gain, float(envelope.onset_peaks_db(gain).mean()) - ceiling_db

            threshold_db = 0.0
            while threshold_db > LOWEST_THRESHOLD_DB:
                threshold_db -= THRESHOLD_STEP_DB
                gain, excess = compress(threshold_db)
                if excess <= 0.0:
                    return _bisect(compress, threshold_db, threshold_db + THRESHOLD_STEP_DB)
                if excess < least_excess:
                    nearest, least_excess = gain, excess
        return nearest

    def _compressed(self, envelope: Envelope, before: Curve, loudest: float, threshold_db: float, ratio: float) -> Gain:
        """The gain `before` times that of a compressor; each piece begins where its own beginning is forgotten.

        The compressor sees the highest level within the look-ahead, with the maximum at full scale.
        """
        ahead = round(2 * self.attack_ms / 1000 * envelope.rate)
        past = round(FORGOTTEN_AFTER * self.release_ms / 1000 * envelope.rate)

        def gain(start: int, stop: int) -> Curve:
            first = max(0, start - past)
            peaks = envelope.peaks[first : stop + ahead] * before[first : stop + ahead]
            held = maximum_filter1d(peaks, ahead + 1, origin=-(ahead // 2), mode="nearest")[: stop - first]
            # Without a past the compressor would begin at rest, and the first attack stand out as a click.
            lead = past if first == 0 else 0
            held = np.concatenate([np.full(lead, held[0]), held])
            signal = torch.from_numpy(np.maximum(held / np.float32(loudest), np.float32(1e-6)))[None, None]
            compressed = compressor(
                signal,
                round(envelope.rate),
                threshold_db=threshold_db,
                ratio=ratio,
                attack_ms=self.attack_ms,
                release_ms=self.release_ms,
                knee_db=self.knee_db,
            )
            return np.asarray((compressed / signal)[0, 0, lead + start - first :].numpy() * before[start:stop])

        return gain


def _stretches(frames: int) -> list[tuple[int, int]]:
    return [(start, min(start + FRAMES_AT_ONCE, frames)) for start in range(0, frames, FRAMES_AT_ONCE)]


def _bisect(compress: Callable[[float], tuple[Gain, float]], low_db: float, high_db: float) -> Gain:
    """The gain at the highest threshold between two (the lower one meets the ceiling) that meets it."""
    gain, excess = compress(low_db)
    for _ in range(12):
        if excess > -TOLERANCE_DB:
            break
        middle_db = (low_db + high_db) / 2
        candidate, candidate_excess = compress(middle_db)
        if candidate_excess <= 0.0:
            low_db, gain, excess = middle_db, candidate, candidate_excess
        else:
            high_db = middle_db
    return gain


def _apply_gain(gain: torch.Tensor, hop: int) -> Change:
    """Multiply by a gain (B, frames), straight lines between the middles of the frames."""

    def change(blocks: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        start = 0
        for block in blocks:
            stop = start + block.shape[-1]
            # A track that is no multiple of the hop ends after its last frame.
            first = max(0, min(start // hop, gain.shape[-1]) - 1)
            frames = gain[:, first : stop // hop + 2].unsqueeze(1)
            curve = torch.nn.functional.interpolate(frames, scale_factor=float(hop), mode="linear")
            curve = curve[..., start - first * hop : stop - first * hop]
            missing = block.shape[-1] - curve.shape[-1]
            yield block * torch.nn.functional.pad(curve, (0, missing), mode="replicate")
            start = stop

    return change
