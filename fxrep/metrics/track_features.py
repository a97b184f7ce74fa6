"""The feature families with which the field describes a mix, one number a recording.

The families of the evaluation of automatic mixes (FxNorm-automix, automix-toolkit): loudness, spectrum, panning,
dynamics; here with width and reverberance. Means over frames; dynamics in dB with silence left out, since zero samples
otherwise decide the spread.
"""

from __future__ import annotations

import numpy as np

from fxrep.errors import AudioError
from fxrep.metrics.frame_features import (
    PANNING_BANDS_HZ,
    SILENT_DB,
    Array,
    dynamic_frames,
    panning_frames,
    spectral_frames,
)

SHORTEST_S = 0.5


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
    peak = check_recording(audio, sample_rate)
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


def check_recording(audio: Array, sample_rate: int) -> float:
    """The peak of (2, T) audio that can be described.

    Raises:
        AudioError: another shape, shorter than half a second, not finite, or silent.
    """
    if audio.ndim != 2 or len(audio) != 2 or audio.shape[1] < SHORTEST_S * sample_rate:
        raise AudioError(f"audio has shape {audio.shape}: expected (2, samples) of at least {SHORTEST_S:g} s")
    peak = float(np.abs(audio).max())
    if not 0.0 < peak < np.inf:
        raise AudioError("audio is silent or not finite: there are no features to measure")
    return peak


def _db(value: float) -> float:
    return float(20 * np.log10(max(value, 1e-6)))


def _spectral(audio: Array, sample_rate: int) -> dict[str, float]:
    rows = spectral_frames(audio, sample_rate)
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


def _panning(audio: Array, sample_rate: int) -> dict[str, float]:
    """Root mean square, and mean, over the bins that are heard, of the position, from -1 (left) to 1."""
    sums = panning_frames(audio, sample_rate).sum(0)
    squares, positions, counts = (np.where(sums[:, 2] > 0, sums[:, kind], np.nan) for kind in range(3))
    result = {f"panning: RMS {band}": float(np.sqrt(squares[i] / counts[i])) for i, band in enumerate(PANNING_BANDS_HZ)}
    return result | {
        f"panning: position {band}": float(positions[i] / counts[i]) for i, band in enumerate(PANNING_BANDS_HZ)
    }


def _dynamic(audio: Array, sample_rate: int) -> dict[str, float]:
    rms_db, peak_db = dynamic_frames(audio, sample_rate).T
    heard = rms_db > rms_db.max() + SILENT_DB
    spread = np.abs(rms_db[heard] - rms_db[heard].mean()).mean()
    return {
        "dynamics: RMS level (dB)": float(rms_db[heard].mean()),
        "dynamics: spread (dB)": float(spread),
        "dynamics: crest (dB)": float((peak_db - rms_db)[heard].mean()),
    }
