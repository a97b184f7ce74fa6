"""The Fx-normalisation of FxNorm-automix written plainly in NumPy and SciPy, as something to compare with.

Martinez-Ramirez et al., ISMIR 2022, with the constants of the published code, for one stereo track at 44.1 kHz and in
the order equalisation, compression, panning, loudness; its impulse responses were not published, so no reverb. The one
loop over samples, the compressor's ballistics, is compiled with numba: plain Python would take hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import signal

from fxrep.audio.k_weighting import k_weighting_coefficients

Array = NDArray[np.float64]
RATE = 44100
SMOOTHING_BINS = {"drums": 151, "bass": 151, "other": 401}
COMPRESSORS = {
    "vocals": (4, 7.5, 400.0),
    "drums": (6, 10.0, 180.0),
    "bass": (5, 10.0, 500.0),
    "other": (4, 15.0, 666.0),
}
"""First ratio, attack and release in ms."""


@dataclass
class Targets:
    """Averages of a dataset.

    Attributes:
        spectrum: (32769,) mean magnitude of a 65,536-point STFT.
        peak_db: mean and standard deviation of the onset peaks.
        panning: (1025,) similarity of left and right.
        loudness_lufs: integrated.
    """

    spectrum: Array
    peak_db: tuple[float, float]
    panning: Array
    loudness_lufs: float


def loudness_lufs(audio: Array) -> float:
    """Integrated loudness of (2, T)."""
    weighted = audio
    for b, a in k_weighting_coefficients(RATE):
        weighted = signal.lfilter(b, a, weighted, axis=-1)
    steps = np.sum(np.square(weighted[:, : audio.shape[1] // 4410 * 4410]).reshape(2, -1, 4410).mean(-1), axis=0)
    blocks = np.convolve(steps, np.ones(4), "valid") / 4
    levels = -0.691 + 10 * np.log10(np.maximum(blocks, 1e-12))
    gate = -0.691 + 10 * np.log10(blocks[levels > -70].mean()) - 10
    return float(-0.691 + 10 * np.log10(blocks[(levels > -70) & (levels > gate)].mean()))


def set_loudness(audio: Array, lufs: float) -> Array:
    """Scale to a loudness, and down to full scale if need be."""
    audio = audio * 10 ** ((lufs - loudness_lufs(audio)) / 20)
    return np.asarray(audio / max(1.0, np.abs(audio).max()))


def mean_spectrum(channel: Array) -> Array:
    """Mean magnitude of one channel at -30 LUFS."""
    _, _, frames = signal.stft(
        channel, RATE, np.sqrt(signal.windows.hann(65536, sym=False)), 65536, 65536 - 16384, boundary=None
    )
    return np.asarray(np.abs(frames).mean(-1))


def equalize(audio: Array, target: Array, instrument: str) -> Array:
    """Filter each channel forwards and backwards with the root of the ratio of the smoothed spectra."""
    audio = set_loudness(audio, -30.0)
    bins = SMOOTHING_BINS.get(instrument, SMOOTHING_BINS["other"])
    output = np.empty_like(audio)
    for index, channel in enumerate(audio):
        measured = signal.savgol_filter(mean_spectrum(channel), bins, 1)
        ratio = np.sqrt(signal.savgol_filter(target, bins, 1).clip(0) / measured.clip(1e-12))
        fir = signal.firwin2(1001, np.linspace(0, RATE / 2, ratio.size), ratio, fs=RATE)
        output[index] = signal.filtfilt(fir, [1.0], channel)
    return output


def onset_peaks_db(channel: Array) -> Array:
    """Peaks of the loudest quarter of the onsets, found by high-frequency content, with the maximum at -10 dBFS."""
    channel = channel * 10 ** (-10 / 20) / max(np.abs(channel).max(), 1e-9)
    _, _, frames = signal.stft(channel, RATE, "hann", 1024, 512)
    content = np.arange(frames.shape[0]) @ np.abs(frames)
    novelty = np.maximum(np.diff(content, prepend=content[0]), 0.0)
    threshold = signal.medfilt(novelty, 43) * 2 + 0.05 * content.max()
    onsets = signal.find_peaks(novelty, height=threshold, distance=4)[0] * 512
    # Without an onset the one peak is the maximum.
    edges = np.append(onsets if onsets.size else 0, channel.size)
    peaks = np.array([np.abs(channel[a:b]).max() for a, b in pairwise(edges)])
    peaks_db = 20 * np.log10(np.maximum(peaks, 1e-9))
    return np.asarray(peaks_db[peaks_db >= np.percentile(peaks_db, 75)])


@numba.njit(cache=True)
def _smooth(target, attack, release):  # type: ignore[no-untyped-def]
    output = np.empty_like(target)
    value = 0.0
    for i in range(target.size):
        keep = attack if target[i] < value else release
        value = keep * value + (1 - keep) * target[i]
        output[i] = value
    return output


def compress_channel(channel: Array, threshold_db: float, ratio: float, attack_ms: float, release_ms: float) -> Array:
    """A feed-forward compressor with a hard knee."""
    level_db = 20 * np.log10(np.maximum(np.abs(channel), 1e-8))
    gain_db = np.minimum((1 / ratio - 1) * (level_db - threshold_db), 0.0)
    attack, release = (np.exp(-1000 / (RATE * ms)) for ms in (attack_ms, release_ms))
    return np.asarray(channel * 10 ** (_smooth(gain_db, attack, release) / 20))


def compress(
    audio: Array, target_db: tuple[float, float], instrument: str, step_db: float = 0.5, most: int = 2000
) -> tuple[Array, int]:
    """Each channel by itself: ratios from the first to 20, thresholds from -10 to -40 dB, until the onsets are low.

    Args:
        audio: (2, T).
        target_db: mean and standard deviation of the onset peaks.
        instrument: chooses first ratio and times.
        step_db: from one threshold to the next, 0.5 as published.
        most: settings to try for both channels together.

    Returns:
        The audio, and how many settings were tried.
    """
    first_ratio, attack_ms, release_ms = COMPRESSORS.get(instrument, COMPRESSORS["other"])
    output, tried = np.empty_like(audio), 0
    for index, original in enumerate(audio):
        channel = original * 10 ** (-10 / 20) / max(np.abs(original).max(), 1e-9)
        output[index] = channel
        if onset_peaks_db(channel).mean() <= sum(target_db):
            continue
        settings = ((t, float(r)) for r in range(first_ratio, 21) for t in np.arange(-10.0, -40.5, -step_db))
        for threshold_db, ratio in settings:
            tried += 1
            output[index] = compress_channel(channel, threshold_db, ratio, attack_ms, release_ms)
            if tried >= most or onset_peaks_db(output[index]).mean() < sum(target_db):
                break
    return output, tried


def similarity(left: Array, right: Array) -> Array:
    """2 |L R| / (L^2 + R^2) of magnitudes."""
    return np.asarray(2 * left * right / np.maximum(left**2 + right**2, 1e-20))


def pan(audio: Array, target: Array, instrument: str) -> Array:
    """Offset the pan, then set gains for left and right in every bin up to 16 kHz (drums 6 kHz)."""
    offset = audio * np.array([[0.7], [0.3]])
    _, _, frames = signal.stft(offset, RATE, np.sqrt(signal.windows.hann(2048, sym=False)), 2048, 1024)
    measured = similarity(*np.abs(frames).mean(-1))
    wanted, top = 0.9 * target, 6000 if instrument == "drums" else 16000
    # The level ratio that has a given similarity s: (1 - sqrt(1 - s^2)) / s.
    change = [(1 - np.sqrt(1 - np.square(np.clip(s, 1e-6, 1.0)))) / np.clip(s, 1e-6, 1.0) for s in (wanted, measured)]
    right = np.where(np.linspace(0, RATE / 2, 1025) > top, 1.0, change[0] / change[1])
    quiet = 20 * np.log10(np.abs(frames).max((0, 1)) + 1e-12) < -100
    gains = np.stack([np.ones_like(right), right])[..., None]
    frames = np.where(quiet, frames, frames * gains)
    _, output = signal.istft(frames, RATE, np.sqrt(signal.windows.hann(2048, sym=False)), 2048, 1024)
    return np.asarray(output[:, : audio.shape[1]])


def measure(audio: Array, instrument: str) -> Targets:
    """The features of one track (2, T), as targets for others."""
    peaks_db = np.concatenate([onset_peaks_db(channel) for channel in audio if channel.any()])
    _, _, frames = signal.stft(audio, RATE, np.sqrt(signal.windows.hann(2048, sym=False)), 2048, 1024)
    level = set_loudness(audio, -30.0)
    spectrum = np.mean([mean_spectrum(channel) for channel in level], axis=0)
    panning = similarity(*np.abs(frames).mean(-1))
    return Targets(spectrum, (float(peaks_db.mean()), float(peaks_db.std())), panning, loudness_lufs(audio))


def average(measured: list[Targets]) -> Targets:
    """The targets of an instrument: means over its tracks."""
    peaks_db = np.mean([track.peak_db for track in measured], axis=0)
    return Targets(
        np.mean([track.spectrum for track in measured], axis=0),
        (float(peaks_db[0]), float(peaks_db[1])),
        np.mean([track.panning for track in measured], axis=0),
        float(np.mean([track.loudness_lufs for track in measured])),
    )


def normalize(audio: Array, targets: Targets, instrument: str, step_db: float = 0.5) -> Array:
    """All steps on one track (2, T), in the published order."""
    audio = equalize(audio, targets.spectrum, instrument)
    audio, _ = compress(audio, targets.peak_db, instrument, step_db)
    return set_loudness(pan(audio, targets.panning, instrument), targets.loudness_lufs)
