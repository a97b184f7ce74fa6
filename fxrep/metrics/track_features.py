"""The feature families with which the field describes a mix, one number a track.

The families of the evaluation of automatic mixes (FxNorm-automix, automix-toolkit): loudness, spectrum, panning,
dynamics; here with width and reverberance. Means over frames; dynamics in dB with silence left out, since zero samples
otherwise decide the spread.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from fxrep.errors import AudioError

Array = NDArray[np.floating]
SILENT_DB = -60.0
"""Frames so far under the loudest one are silence."""

SHORTEST_S = 0.5
WINDOW, HOP = 4096, 1024
FRAMES = 256
"""Frames whose spectra are held at once."""

CONTRAST_EDGES_HZ = (20.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 16000.0)
"""The octaves of the usual spectral contrast, without what lies under the audible."""

PANNING_BANDS_HZ = {"total": (0, 20000), "low": (0, 250), "mid": (250, 2500), "high": (2500, 16000)}


def mix_features(audio: Array, sample_rate: int) -> dict[str, float]:
    """Every feature of one recording, by "family: name (unit)".

    Args:
        audio: (2, T), of half a second or more. Spectra are made in blocks: beside the audio itself the memory that is
            needed does not grow with its length.
        sample_rate: Hz.

    Returns:
        Finite values; NaN where there is nothing to measure, the panning of a band without sound for example.

    Raises:
        AudioError: another shape, too short, not finite, or silent.
    """
    if audio.ndim != 2 or len(audio) != 2 or audio.shape[1] < SHORTEST_S * sample_rate:
        raise AudioError(f"audio has shape {audio.shape}: expected (2, samples) of at least {SHORTEST_S:g} s")
    peak = float(np.abs(audio).max())
    if not 0.0 < peak < np.inf:
        raise AudioError("audio is silent or not finite: there are no features to measure")
    # Here, so that the other measures need not load the effects.
    from fxrep.normalization import decay_time, track_loudness

    features = {"loudness: integrated (LUFS)": track_loudness(audio, sample_rate), "loudness: peak (dB)": _db(peak)}
    features |= _spectral(audio, sample_rate)
    features |= _panning(audio, sample_rate)
    features |= _dynamic(audio, sample_rate)
    middle, side = (np.square(part, dtype=np.float64).sum() for part in (audio[0] + audio[1], audio[0] - audio[1]))
    features["width: side share"] = float(side / max(side + middle, 1e-12))
    features["reverberance: decay (octaves of s)"] = float(np.log2(decay_time(audio, sample_rate)))
    return features


def _db(value: float) -> float:
    return float(20 * np.log10(max(value, 1e-6)))


def _magnitudes(audio: Array) -> Iterator[Array]:
    """Blocks of short-time magnitudes (2, frames, bins), a sine of amplitude 1 having half of it."""
    window = np.sqrt(signal.windows.hann(WINDOW, sym=False)).astype(np.float32)
    window /= window.sum()
    frames = -(-audio.shape[1] // HOP) + 1
    padded = np.pad(audio, ((0, 0), (WINDOW // 2, frames * HOP + WINDOW // 2 - audio.shape[1])))
    views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1)[:, ::HOP][:, :frames]
    for start in range(0, frames, FRAMES):
        yield np.abs(fft.rfft(views[:, start : start + FRAMES] * window, axis=-1))


def _spectral(audio: Array, sample_rate: int) -> dict[str, float]:
    frequency = np.linspace(0, sample_rate / 2, WINDOW // 2 + 1)
    rows = np.concatenate([_frame_values(block.mean(0), frequency) for block in _magnitudes(audio)])
    # The first column is the loudest bin of the frame.
    heard = rows[rows[:, 0] > 10 ** (SILENT_DB / 20) * rows[:, 0].max(), 1:]
    centroid, bandwidth, rolloff, flatness, *contrast = heard.mean(0)
    return {
        "spectrum: centroid (octaves)": float(np.log2(max(centroid, 1.0))),
        "spectrum: bandwidth (octaves)": float(np.log2(max(bandwidth, 1.0))),
        "spectrum: roll-off (octaves)": float(np.log2(max(rolloff, 1.0))),
        "spectrum: flatness (dB)": float(flatness),
        "spectrum: contrast low (dB)": float(np.mean(contrast[:2])),
        "spectrum: contrast mid (dB)": float(np.mean(contrast[2:5])),
        "spectrum: contrast high (dB)": float(np.mean(contrast[5:])),
    }


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


def _panning(audio: Array, sample_rate: int) -> dict[str, float]:
    """Root mean square over the bins that are heard of the position, from -1 (left) to 1."""
    frequency = np.linspace(0, sample_rate / 2, WINDOW // 2 + 1)
    # Bins that nobody hears have positions, too: they are left out, and which they are only the loudest one tells.
    loudest = max(float(np.square(block).sum(0).max()) for block in _magnitudes(audio))
    squares, counts = np.zeros(len(frequency)), np.zeros(len(frequency))
    for left, right in _magnitudes(audio):
        total = left**2 + right**2
        position = 1 - 2 * left * right / np.maximum(total, 1e-20)
        heard = total > 10 ** (SILENT_DB / 10) * loudest
        squares += np.where(heard, np.square(position), 0.0).sum(0)
        counts += heard.sum(0)
    result = {}
    for name, (low, high) in PANNING_BANDS_HZ.items():
        inside = (frequency >= low) & (frequency < high)
        count = counts[inside].sum()
        result[f"panning: RMS {name}"] = float(np.sqrt(squares[inside].sum() / count)) if count else float("nan")
    return result


def _dynamic(audio: Array, sample_rate: int) -> dict[str, float]:
    hop = sample_rate // 5
    frames = audio[:, : audio.shape[1] // hop * hop].reshape(2, -1, hop)
    rms_db = 10 * np.log10(np.square(frames, dtype=np.float64).mean((0, 2)) + 1e-12)
    peak_db = 20 * np.log10(np.abs(frames).max((0, 2)) + 1e-6)
    heard = rms_db > rms_db.max() + SILENT_DB
    spread = np.abs(rms_db[heard] - rms_db[heard].mean()).mean()
    return {
        "dynamics: RMS level (dB)": float(rms_db[heard].mean()),
        "dynamics: spread (dB)": float(spread),
        "dynamics: crest (dB)": float((peak_db - rms_db)[heard].mean()),
    }
