"""How reverberant a track is: how long its sound lasts for how fast it falls.

No published measure of a track's reverberance needs only the track. This one is simple and has the properties that a
normaliser needs. In each octave band the amplitude envelope is taken every 12 ms, and the decay time is

    sum of the envelope * lag / sum of its falls over the lag,

lag 46 ms. An exponential decay reads hardly more than its time constant t, lag / (1 - exp(-lag / t)); notes that end
abruptly read less, sound that goes on reads more. Gain, polarity, silence, and a filter that is flat within the bands
do not matter. Content does: a struck bell reads longer than a muted one, so only averages over many tracks of one
instrument are targets, and added reverberation is what raises it (`benchmarks/normalization.py` counts how reliably).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.normalization.grid import count_frames, power, scaled_size, spectra
from fxrep.normalization.sources import Source
from fxrep.normalization.step import Feature, track_source

WINDOW = 1024
LAG_FRAMES = 4
BAND_EDGES_HZ = (707.0, 1414.0, 2828.0, 5657.0, 11314.0)
QUIETEST = 1e-6
"""Below its band's highest power by this factor (60 dB) a frame counts as silent."""

QUIETEST_BAND = 1e-6
LONGEST_S = 30.0


def decay_time(audio: torch.Tensor | NDArray[np.floating], sample_rate: int) -> float:
    """The reverberance of a track: the geometric mean of the decay times of four octave bands.

    Args:
        audio: (C, T) with one or two channels, or (T,).
        sample_rate: Hz.

    Returns:
        Seconds, at most 30; NaN for silence and for less than five frames of 12 ms.
    """
    source = track_source(audio, sample_rate)
    envelopes = band_products(source)[0, 0]
    return float(2 ** octaves_of_decay(envelopes, frame_s(source.sample_rate)))


def frame_s(sample_rate: int) -> float:
    """Seconds between two values of an envelope."""
    return scaled_size(WINDOW, sample_rate) / 2 / sample_rate


def band_products(source: Source) -> NDArray[np.float32]:
    """Power in each band and frame, of stereo audio or of the sums of two stereo signals.

    Args:
        source: 2 channels, or 4: two stereo signals x and y.

    Returns:
        (B, 1, bands, frames) power; for two signals (B, 3, bands, frames): |x|^2, Re(x y*), |y|^2, so that the power
        of x + g y is the first plus 2 g times the second plus g^2 times the third.
    """
    size = scaled_size(WINDOW, source.sample_rate)
    frequencies = np.fft.rfftfreq(size, 1 / source.sample_rate)
    edges = np.searchsorted(frequencies, BAND_EDGES_HZ)
    present = [(low, high) for low, high in pairwise(edges) if high > low]
    frames = count_frames(source.samples, size, size // 2)
    sums: NDArray[np.float32] | None = None
    start = 0
    for block in spectra(source, size, size // 2):
        signals = block.unflatten(1, (-1, 2))
        first, last = signals[:, 0], signals[:, -1]
        products = [power(first).sum(1)]
        if signals.shape[1] == 2:
            cross = torch.view_as_real(first) * torch.view_as_real(last)
            products += [cross.sum((1, -1)), power(last).sum(1)]
        stacked = torch.stack(products, dim=1)
        bands = torch.stack([stacked[..., low:high].sum(-1) for low, high in present], dim=2).cpu().numpy()
        if sums is None:
            sums = np.empty((*bands.shape[:-1], frames), dtype=np.float32)
        sums[..., start : start + bands.shape[-1]] = bands
        start += bands.shape[-1]
    assert sums is not None
    return sums


def octaves_of_decay(powers: NDArray[np.floating], seconds_per_frame: float) -> float:
    """log2 of the decay time in seconds, the mean over the bands that are heard; NaN when none is.

    Args:
        powers: (bands, frames).
        seconds_per_frame: between two frames.
    """
    highest = powers.max(axis=-1, keepdims=True, initial=0.0)
    heard = highest[:, 0] > QUIETEST_BAND * highest.max(initial=0.0)
    if powers.shape[-1] <= LAG_FRAMES or not heard.any():
        return float("nan")
    relative = powers[heard] / highest[heard]
    envelope = np.sqrt(np.where(relative > QUIETEST, relative, 0.0))
    before, after = envelope[:, :-LAG_FRAMES], envelope[:, LAG_FRAMES:]
    lasting = before.sum(axis=-1, dtype=np.float64) * LAG_FRAMES * seconds_per_frame
    falls = np.maximum(before - after, 0.0).sum(axis=-1, dtype=np.float64)
    known = lasting > 0
    if not known.any():
        return float("nan")
    return float(np.mean(np.log2(np.minimum(lasting[known] / np.maximum(falls[known], 1e-9), LONGEST_S))))


def octaves_of_each(source: Source) -> Feature:
    """(B,) log2 of the decay times of a batch."""
    seconds = frame_s(source.sample_rate)
    return np.array([octaves_of_decay(products[0], seconds) for products in band_products(source)])
