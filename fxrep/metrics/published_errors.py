"""The percentage errors of the feature families as automix-toolkit and FxNorm-automix print them, faults and all.

They are here so that figures can be set beside published ones; `feature_errors` is what to measure by. What is wrong
with these: the crest factor is a quotient of two levels in dB; the spread takes every zero sample for -600 dB; errors
are percentages of levels in dB, so that they depend on where 0 dB is; and positions have no sign, so that swapped
channels are perfect.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import signal

from fxrep.audio import integrated_loudness
from fxrep.metrics.frame_features import Array

WINDOW, HOP = 4096, 1024
LOUDNESS_WINDOW_S, LOUDNESS_HOP_S = 0.4, 0.2
RUNNING = 40
"""Frames of a running mean."""
TRIM_DB = -45.0
"""Begin and end of the reference so far under its loudest frame are left out."""
PEAK_DB = -1.0
"""What both mixes are brought to before all but the loudness is measured."""
PANNING_HZ = {"total": (0, None), "low": (0, 250), "mid": (250, 2500), "high": (2500, None)}
CONTRAST_EDGES_HZ = (0.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0)


def published_feature_errors(estimate: Array, reference: Array, sample_rate: int) -> dict[str, float]:
    """Mean absolute percentage error of every feature, of running means over 40 frames.

    Args:
        estimate: (2, T), aligned with the reference.
        reference: (2, T).
        sample_rate: Hz.

    Returns:
        Per cent by "family: name". Not a number, or infinite, where the published programs fail: loudness in passages
        of silence, for example. Where there are fewer than 40 frames, which they cannot take, the mean of all counts.
    """
    begin, end = _sounding(reference)
    pair = [np.asarray(audio[:, begin:end], dtype=np.float64) for audio in (estimate, reference)]
    errors = _loudness(pair[0], pair[1], sample_rate)
    found, wanted = (_frames(audio) for audio in pair)
    errors |= _dynamics(found, wanted)
    window = np.sqrt(signal.windows.hann(WINDOW, sym=False))
    found, wanted = (np.abs(np.fft.rfft(frames * window, axis=-1)) for frames in (found, wanted))
    errors |= _spectrum(found, wanted, np.linspace(0, sample_rate / 2, WINDOW // 2 + 1))
    return errors | _panning(found, wanted, sample_rate)


def _sounding(audio: Array) -> tuple[int, int]:
    """First and last sample of what sounds, by frames of 2048 samples."""
    hop = 512
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64).mean(0))])
    starts = np.arange(0, max(1, audio.shape[1]), hop)
    level = energy[np.minimum(starts + 2048, audio.shape[1])] - energy[starts]
    heard = np.flatnonzero(level > 10 ** (TRIM_DB / 10) * level.max())
    return int(starts[heard[0]]), int(min(starts[heard[-1]] + 2048, audio.shape[1]))


def _frames(audio: Array) -> Array:
    """Frames (2, frames, samples) of a mix at the peak of all."""
    filled = np.pad(audio, ((0, 0), (0, max(0, WINDOW - audio.shape[1]))))
    filled *= 10 ** (PEAK_DB / 20) / max(np.abs(audio).max(), 1e-30)
    found: Array = np.lib.stride_tricks.sliding_window_view(filled, WINDOW, axis=1)[:, ::HOP]
    return found


def _running(values: Array) -> Array:
    """Running means over the last axis."""
    if values.shape[-1] < RUNNING:
        values = values.mean(-1, keepdims=True)
        return values
    found: Array = np.lib.stride_tricks.sliding_window_view(values, RUNNING, axis=-1).mean(-1)
    return found


def _error(found: Array, wanted: Array) -> float:
    """Per cent by which running means of (…, frames) are wrong; the mean over all."""
    return 100.0 * float(np.mean(np.abs(found - wanted) / np.maximum(np.abs(wanted), np.finfo(np.float64).eps)))


def _loudness(estimate: Array, reference: Array, sample_rate: int) -> dict[str, float]:
    values = []
    length, hop = round(LOUDNESS_WINDOW_S * sample_rate), round(LOUDNESS_HOP_S * sample_rate)
    for audio in (estimate, reference):
        padded = np.pad(audio, ((0, 0), (0, max(0, length - audio.shape[1]))))
        frames = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)[:, ::hop].swapaxes(0, 1)
        # Every frame is one block of the meter, whose filters begin anew there.
        lufs = integrated_loudness(torch.from_numpy(np.ascontiguousarray(frames)), sample_rate).double().numpy()
        with np.errstate(divide="ignore"):
            values.append((np.where(lufs > -70.0, lufs, -np.inf), 20 * np.log10(np.abs(frames).max((1, 2)))))
    with np.errstate(invalid="ignore"):
        return {
            "loudness: momentary (LUFS)": _error(*(_running(one[0]) for one in values)),
            "loudness: peak (dB)": _error(*(_running(one[1]) for one in values)),
        }


def _spectrum(estimate: Array, reference: Array, frequency: Array) -> dict[str, float]:
    """Of magnitudes (2, frames, bins), each channel by itself."""
    found, wanted = (_spectral_values(one, frequency) for one in (estimate, reference))
    return {f"spectrum: {name}": _error(_running(found[name]), _running(wanted[name])) for name in wanted}


def _spectral_values(magnitude: Array, frequency: Array) -> dict[str, Array]:
    """(2, frames) each. What is in Hz counts from -1 Hz, as silence has 0."""
    total = magnitude.sum(-1)
    share = magnitude / np.where(total > 0.0, total, 1.0)[..., None]
    centroid = share @ frequency
    power = np.maximum(np.square(magnitude), 1e-10)
    rolled_off = np.argmax(np.cumsum(magnitude, -1) >= 0.85 * total[..., None], axis=-1)
    contrast = _contrasts(magnitude, frequency)
    return {
        "centroid (Hz)": centroid + 1.0,
        "bandwidth (Hz)": np.sqrt((share * np.square(frequency - centroid[..., None])).sum(-1)) + 1.0,
        "contrast low (dB)": contrast[0],
        "contrast mid (dB)": contrast[1:4].mean(0),
        "contrast high (dB)": contrast[4],
        "roll-off (Hz)": frequency[rolled_off] + 1.0,
        "flatness": np.exp(np.log(power).mean(-1)) / power.mean(-1),
    }


def _contrasts(magnitude: Array, frequency: Array) -> Array:
    """Octave contrast (bands, 2, frames): strongest over weakest fiftieth, of magnitudes as if they were powers."""
    peaks, valleys = [], []
    last = len(CONTRAST_EDGES_HZ) - 2
    for band in range(last + 1):
        low, high = CONTRAST_EDGES_HZ[band : band + 2]
        inside = np.flatnonzero((frequency >= low) & (frequency <= high))
        # A band begins one bin early, and the highest goes to the end.
        first = inside[0] - 1 if band else inside[0]
        stop = len(frequency) if band == last else inside[-1] + 1
        edge = max(1, int(np.rint(0.02 * (stop - first))))
        ordered = np.sort(magnitude[..., first : stop if band == last else stop - 1], axis=-1)
        valleys.append(ordered[..., :edge].mean(-1))
        peaks.append(ordered[..., -edge:].mean(-1))
    return _decibels(np.stack(peaks)) - _decibels(np.stack(valleys))


def _decibels(values: Array) -> Array:
    """(bands, 2, frames) in dB, at most 80 dB under the highest of a channel."""
    level = 10 * np.log10(np.maximum(values, 1e-10))
    found: Array = np.maximum(level, level.max(axis=(0, 2), keepdims=True) - 80.0)
    return found


def _panning(estimate: Array, reference: Array, sample_rate: int) -> dict[str, float]:
    """Root mean square of the stereo panning spectrum (Tzanetakis et al. 2007) by band."""
    rows = []
    for left, right in (estimate, reference):
        squares = np.square(1.0 - 2.0 * (left * right + 1e-40) / (left**2 + right**2 + 2e-40))
        edges = [
            (low * WINDOW // sample_rate, (WINDOW // 2 if high is None else high * WINDOW // sample_rate))
            for low, high in PANNING_HZ.values()
        ]
        rows.append(np.stack([np.sqrt(squares[:, first:stop].mean(1)) for first, stop in edges]))
    kept = rows[1][0] > 0.0
    if not kept.any():
        return {f"panning: RMS {band}": float("nan") for band in PANNING_HZ}
    found, wanted = (_running(one[:, kept]) for one in rows)
    return {f"panning: RMS {band}": _error(found[i], wanted[i]) for i, band in enumerate(PANNING_HZ)}


def _dynamics(estimate: Array, reference: Array) -> dict[str, float]:
    """Of frames (2, frames, samples): level and spread count from 1 dB downwards, the crest is dB by dB."""
    values = []
    for frames in (estimate, reference):
        magnitude = np.abs(frames)
        rms_db = _amplitude_db(np.sqrt(np.square(frames).mean(-1)))
        spread = np.stack([_amplitude_db(channel).mean(-1) for channel in magnitude]) - rms_db
        crest = _amplitude_db(magnitude.max(-1)) / rms_db
        values.append([1.0 - rms_db.mean(0), 1.0 - spread.mean(0), crest.mean(0)])
    names = ("RMS level (dB)", "spread (dB)", "crest (dB / dB)")
    return {
        f"dynamics: {name}": _error(_running(found), _running(wanted))
        for name, found, wanted in zip(names, *values, strict=True)
    }


def _amplitude_db(values: Array) -> Array:
    found: Array = 20 * np.log10(values + 1e-30)
    return found
