"""The feature families with which the field describes a mix, one number a track.

The families of the evaluation of automatic mixes (FxNorm-automix, automix-toolkit): loudness, spectrum, panning,
dynamics. Means over frames; dynamics in dB with silence left out, since zero samples otherwise decide the spread.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from fxrep.normalization import decay_time, track_loudness

Array = NDArray[np.float64]
SILENT_DB = -60.0
CONTRAST_EDGES_HZ = (20.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 16000.0)
"""The octaves of the usual spectral contrast, without what lies under the audible."""


def production_features(audio: NDArray[np.floating], sample_rate: int) -> dict[str, float]:
    """Every feature of one track (2, T), by "family: name (unit)"."""
    features = {
        "loudness: integrated (LUFS)": track_loudness(audio, sample_rate),
        "loudness: peak (dB)": _db(float(np.abs(audio).max())),
    }
    stereo = signal.stft(audio, sample_rate, np.sqrt(signal.windows.hann(4096, sym=False)), 4096, 3072)[2]
    features |= _spectral(np.abs(stereo).mean(0), sample_rate)
    features |= _panning(np.abs(stereo), sample_rate)
    features |= _dynamic(np.asarray(audio, dtype=np.float64), sample_rate)
    middle, side = audio[0] + audio[1], audio[0] - audio[1]
    features["width: side share"] = float(np.sum(side**2) / max(np.sum(side**2) + np.sum(middle**2), 1e-12))
    features["reverberance: decay (octaves of s)"] = float(np.log2(decay_time(audio, sample_rate)))
    return features


def _db(value: float) -> float:
    return float(20 * np.log10(max(value, 1e-6)))


def _spectral(magnitude: Array, sample_rate: int) -> dict[str, float]:
    magnitude = magnitude[:, magnitude.max(0) > 1e-3 * magnitude.max()]
    frequency = np.linspace(0, sample_rate / 2, len(magnitude))[:, None]
    share = magnitude / magnitude.sum(0)
    centroid = (frequency * share).sum(0)
    bandwidth = np.sqrt((np.square(frequency - centroid) * share).sum(0))
    rolled_off = frequency[:, 0][np.argmax(np.cumsum(share, axis=0) >= 0.85, axis=0)]
    flatness = 10 * np.log10(np.exp(np.log(magnitude**2 + 1e-12).mean(0)) / (magnitude**2 + 1e-12).mean(0))
    heights = [_contrast(magnitude, frequency[:, 0], low, high) for low, high in pairwise(CONTRAST_EDGES_HZ)]
    contrast = {"low": np.mean(heights[:2]), "mid": np.mean(heights[2:5]), "high": np.mean(heights[5:])}
    return {
        "spectrum: centroid (octaves)": float(np.log2(centroid.mean())),
        "spectrum: bandwidth (octaves)": float(np.log2(bandwidth.mean())),
        "spectrum: roll-off (octaves)": float(np.log2(rolled_off.mean())),
        "spectrum: flatness (dB)": float(flatness.mean()),
        **{f"spectrum: contrast {name} (dB)": float(value) for name, value in contrast.items()},
    }


def _contrast(magnitude: Array, frequency: Array, low: float, high: float) -> float:
    """Mean level of the strongest over that of the weakest fiftieth of the bins of a band, in dB."""
    band = np.sort(magnitude[(frequency >= low) & (frequency < high)], axis=0)
    edge = max(1, round(0.02 * len(band)))
    return float(np.mean(20 * np.log10((band[-edge:].mean(0) + 1e-7) / (band[:edge].mean(0) + 1e-7))))


def _panning(magnitude: Array, sample_rate: int) -> dict[str, float]:
    left, right = magnitude
    total = left**2 + right**2
    position = np.sign(right - left) * (1 - 2 * left * right / np.maximum(total, 1e-20))
    # Bins that nobody hears have positions, too: they are left out.
    heard = total > 1e-6 * total.max()
    frequency = np.linspace(0, sample_rate / 2, len(left))[:, None]
    bands = (("total", 0, 20000), ("low", 0, 250), ("mid", 250, 2500), ("high", 2500, 16000))
    result = {}
    for name, low, high in bands:
        chosen = position[heard & (frequency >= low) & (frequency < high)]
        result[f"panning: RMS {name}"] = float(np.sqrt(np.mean(chosen**2))) if chosen.size else float("nan")
    return result


def _dynamic(audio: Array, sample_rate: int) -> dict[str, float]:
    hop = sample_rate // 5
    frames = audio[:, : audio.shape[1] // hop * hop].reshape(2, -1, hop)
    rms_db = 10 * np.log10(np.square(frames).mean((0, 2)) + 1e-12)
    peak_db = 20 * np.log10(np.abs(frames).max((0, 2)) + 1e-6)
    heard = rms_db > rms_db.max() + SILENT_DB
    spread = np.abs(rms_db[heard] - rms_db[heard].mean()).mean()
    return {
        "dynamics: RMS level (dB)": float(rms_db[heard].mean()),
        "dynamics: spread (dB)": float(spread),
        "dynamics: crest (dB)": float((peak_db - rms_db)[heard].mean()),
    }
