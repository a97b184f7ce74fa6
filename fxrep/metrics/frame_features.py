"""The feature families frame by frame: spectrum, panning, dynamics and loudness over the course of a recording.

Of the evaluation of automatic mixes (FxNorm-automix, automix-toolkit), with three faults left out: the crest factor is
the difference of two levels in dB instead of their quotient, positions keep their sign, and silence has a floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft, signal

from fxrep.audio.k_weighted_energy import k_weighted_energy

Array = NDArray[np.floating]
SILENT_DB = -60.0
"""Frames and bins so far under the loudest one are silence."""

WINDOW, HOP = 4096, 1024
FRAMES = 256
"""Frames whose spectra are held at once."""

CONTRAST_EDGES_HZ = (20.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 16000.0)
"""The octaves of the usual spectral contrast, without what lies under the audible."""

PANNING_BANDS_HZ = {"total": (0, 20000), "low": (0, 250), "mid": (250, 2500), "high": (2500, 16000)}

LOUDNESS_FLOOR_LUFS = -70.0


def spectral_frames(audio: Array, sample_rate: int) -> Array:
    """Loudest bin, centroid, bandwidth, roll-off (Hz), flatness and seven contrasts (dB) of (2, T): (frames, 12)."""
    frequency = np.linspace(0, sample_rate / 2, WINDOW // 2 + 1)
    return np.concatenate([_frame_values(block.mean(0), frequency) for block in _magnitudes(audio)])


def panning_frames(audio: Array, sample_rate: int) -> Array:
    """What is known of positions in each of `PANNING_BANDS_HZ`, of (2, T): (frames, bands, 3).

    A bin of magnitudes L and R stands at (1 - 2 L R / (L² + R²)) sign(R - L), the stereo panning spectrum (Tzanetakis
    et al. 2007): -1 left, 1 right. The last axis holds the sum of squares of the positions of the bins that are heard,
    the sum of the positions, and how many bins are heard.
    """
    frequency = np.linspace(0, sample_rate / 2, WINDOW // 2 + 1)
    inside = np.stack([(frequency >= low) & (frequency < high) for low, high in PANNING_BANDS_HZ.values()], axis=1)
    # Bins that nobody hears have positions, too: they are left out, and which they are only the loudest one tells.
    loudest = max(float(np.square(block).sum(0).max()) for block in _magnitudes(audio))
    parts = []
    for left, right in _magnitudes(audio):
        total = left**2 + right**2
        position = (1 - 2 * left * right / np.maximum(total, 1e-20)) * np.sign(right - left)
        heard = total > 10 ** (SILENT_DB / 10) * loudest
        position = np.where(heard, position, 0.0)
        parts.append(np.stack([values @ inside for values in (np.square(position), position, heard * 1.0)], axis=-1))
    return np.concatenate(parts)


def dynamic_frames(audio: Array, sample_rate: int) -> Array:
    """RMS level and peak of both channels together in dB, in steps of 0.2 s, of (2, T): (frames, 2)."""
    hop = sample_rate // 5
    frames = audio[:, : audio.shape[1] // hop * hop].reshape(2, -1, hop)
    rms_db = 10 * np.log10(np.square(frames, dtype=np.float64).mean((0, 2)) + 1e-12)
    peak_db = 20 * np.log10(np.abs(frames).max((0, 2)) + 1e-6)
    return np.stack([rms_db, peak_db], axis=1)


def loudness_frames(audio: Array, sample_rate: int) -> Array:
    """Momentary loudness (BS.1770, 0.4 s) in LUFS and peak of the same 0.4 s in dB, every 0.2 s: (frames, 2)."""
    hop = sample_rate // 5
    steps = audio.shape[1] // hop
    energy = k_weighted_energy(torch.from_numpy(np.ascontiguousarray(audio)), sample_rate, np.arange(steps + 1) * hop)
    power = energy.double().sum(0).unfold(-1, 2, 1).sum(-1).numpy() / (2 * hop)
    peaks = np.abs(audio[:, : steps * hop]).reshape(2, steps, hop).max((0, 2))
    momentary = 10 * np.log10(np.maximum(power, 1e-12)) - 0.691
    peak_db = 20 * np.log10(np.maximum(peaks[:-1], peaks[1:]) + 1e-6)
    return np.stack([np.maximum(momentary, LOUDNESS_FLOOR_LUFS), peak_db], axis=1)


def _magnitudes(audio: Array) -> Iterator[Array]:
    """Blocks of short-time magnitudes (2, frames, bins), a sine of amplitude 1 having half of it."""
    window = np.sqrt(signal.windows.hann(WINDOW, sym=False)).astype(np.float32)
    window /= window.sum()
    frames = -(-audio.shape[1] // HOP) + 1
    padded = np.pad(audio, ((0, 0), (WINDOW // 2, frames * HOP + WINDOW // 2 - audio.shape[1])))
    views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1)[:, ::HOP][:, :frames]
    for start in range(0, frames, FRAMES):
        yield np.abs(fft.rfft(views[:, start : start + FRAMES] * window, axis=-1))


def _frame_values(magnitude: Array, frequency: Array) -> Array:
    """Peak, centroid, bandwidth, roll-off (Hz), flatness and contrasts (dB) of each frame (frames, bins)."""
    share = magnitude / np.maximum(magnitude.sum(1, keepdims=True), 1e-20)
    centroid = share @ frequency
    bandwidth = np.sqrt((share * np.square(frequency - centroid[:, None])).sum(1))
    rolled_off = frequency[np.argmax(np.cumsum(share, axis=1) >= 0.85, axis=1)]
    power = np.square(magnitude, dtype=np.float64) + 1e-12
    flatness = 10 * (np.log10(power).mean(1) - np.log10(power.mean(1)))
    contrast = [_contrast(magnitude, frequency, low, high) for low, high in pairwise(CONTRAST_EDGES_HZ)]
    return np.stack([magnitude.max(1), centroid, bandwidth, rolled_off, flatness, *contrast], axis=1)


def _contrast(magnitude: Array, frequency: Array, low: float, high: float) -> Array:
    """Level of the strongest over that of the weakest fiftieth of the bins of a band, in dB (frames,)."""
    inside = (frequency >= low) & (frequency < high)
    if not inside.any():
        return np.zeros(len(magnitude))
    band = np.sort(magnitude[:, inside], axis=1)
    edge = max(1, round(0.02 * band.shape[1]))
    found: Array = 20 * np.log10((band[:, -edge:].mean(1) + 1e-7) / (band[:, :edge].mean(1) + 1e-7))
    return found
