"""Noise whose level does not fluctuate: what makes a decay that is shaped from it measure as it was asked for.

A narrow band of Gaussian noise swells and fades as fast as its width: half a second of the octave at 63 Hz holds two
dozen independent values, and an exponential shaped from it reads up to a third wrong. Low-noise noise (J. Pumplin,
JASA 78 (1985), made by dividing by the envelope again and again after A. Kohlrausch et al., Acustica 83 (1997)) has a
constant envelope instead. Here that holds in all octaves at once, and as octave filters show it: in every round each
octave is cut out, its samples are brought to one magnitude, their phases kept, and the octaves are joined again by
least squares, as D. Griffin and J. Lim, IEEE TASSP 32 (1984), do with a spectrogram. Filters shift the phases of what
they cut out, and with them the envelope, so the rounds take turns with the octave filter run forwards, backwards, and
both ways.
"""

from __future__ import annotations

import cmath
import functools
import math
from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len

# Wide octaves average more and need fewer rounds; what lies below the lowest octave leaks into it.
LOWEST_HZ = 31.25
ROUNDS = 64
FEWEST_ROUNDS = 4
HALVED_FROM_HZ = 125.0
# What is cut out of the spectrum around a centre, as a factor: the filters are below -46 dB outside.
REACH = 3.0
# How much of the octaves' joint weight must be there for a frequency to be moved.
LEAST_WEIGHT = 1e-3
# The rounds alone would empty the edges between octaves, where two filters disagree: after each, the power is brought
# back to that of white noise over a narrow width in octaves, and at the end over a wide one.
NARROW, WIDE = 0.1, 0.5
# Butterworth: an octave filter of class 1 (IEC 61260) has this order or more.
ORDER = 4


@dataclass(frozen=True)
class Octave:
    """One octave of a spectrum.

    Attributes:
        bins: those that it reaches.
        response: of the octave filter in them, complex128.
        rounds: in how many of the last rounds it takes part.
    """

    bins: slice
    response: torch.Tensor
    rounds: int

    def correction(self, spectrum: torch.Tensor, number: int) -> torch.Tensor:
        """Return what the octave lacks for a constant envelope, (C, bins), as its filter sees it in a round."""
        response = _turned(self.response, number)
        cut = spectrum[:, self.bins] * response
        count = len(response)
        samples = torch.fft.ifft(cut, n=next_fast_len(count))
        magnitude = samples.abs()
        mean = magnitude.square().mean(-1, keepdim=True).sqrt()
        level = torch.fft.fft(samples * (mean / magnitude.clamp_min(1e-9)))[:, :count]
        correction: torch.Tensor = (level - cut) * response.conj()
        return correction


@functools.lru_cache(maxsize=8)
def steady_spectrum(sample_rate: int, samples: int, seed: int) -> torch.Tensor:
    """Return the spectrum of white noise whose level is steady in every octave, different for left and right.

    The result is cached and must not be written to.

    Args:
        sample_rate: Hz.
        samples: length; the noise goes round.
        seed: of the noise.

    Returns:
        (2, samples // 2 + 1) complex128 on the CPU.
    """
    generator = torch.Generator().manual_seed(seed)
    spectrum: torch.Tensor = torch.fft.rfft(torch.randn(2, samples, generator=generator, dtype=torch.float64))
    octaves = _octaves(torch.fft.rfftfreq(samples, 1.0 / sample_rate, dtype=torch.float64))
    total = torch.full((spectrum.shape[-1],), LEAST_WEIGHT, dtype=torch.float64)
    for octave in octaves:
        total[octave.bins] += octave.response.abs().square()
    for left in range(ROUNDS, 0, -1):
        active = [octave for octave in octaves if octave.rounds >= left]
        moved = torch.zeros_like(spectrum[:, : active[-1].bins.stop])
        for octave in active:
            moved[:, octave.bins] += octave.correction(spectrum, left)
        part = spectrum[:, : moved.shape[-1]]
        part += moved / total[: moved.shape[-1]]
        _whiten(spectrum, moved.shape[-1], NARROW)
    _whiten(spectrum, spectrum.shape[-1], WIDE)
    return spectrum


def _whiten(spectrum: torch.Tensor, bins: int, octaves: float) -> None:
    """Bring the power of the first bins back to that of white noise, on average over a width in octaves."""
    white = 2.0 * (spectrum.shape[-1] - 1)
    total = torch.nn.functional.pad(spectrum.abs().square().cumsum(-1), (1, 0))
    number = torch.arange(1, bins)
    first = (number * 2.0 ** (-0.5 * octaves)).round().long()
    last = (number * 2.0 ** (0.5 * octaves)).round().long().clamp_max(spectrum.shape[-1] - 1) + 1
    around = (total[:, last] - total[:, first]) / (last - first)
    spectrum[:, 1:bins] *= (white / around.clamp_min(1e-9 * white)).sqrt()


def _turned(response: torch.Tensor, number: int) -> torch.Tensor:
    """Return the response of the filter run forwards, backwards or half of both, by turns."""
    kind = number % 3
    return response if kind == 0 else response.conj() if kind == 1 else response.abs().to(response.dtype)


def _octaves(frequency_hz: torch.Tensor) -> list[Octave]:
    octaves, centre, nyquist = [], LOWEST_HZ, float(frequency_hz[-1])
    while centre / math.sqrt(2.0) < nyquist:
        first, last = (int(torch.searchsorted(frequency_hz, centre * side)) for side in (1.0 / REACH, REACH))
        bins = slice(max(1, first), min(last, len(frequency_hz)))
        if bins.stop > bins.start:
            rounds = ROUNDS * min(1.0, HALVED_FROM_HZ / centre)
            octaves.append(Octave(bins, octave_response(frequency_hz[bins], centre), max(FEWEST_ROUNDS, round(rounds))))
        centre *= 2.0
    return octaves


def octave_response(frequency_hz: torch.Tensor, centre_hz: float) -> torch.Tensor:
    """Return the response (F,) complex128 of an octave filter at frequencies (F,) in Hz, without 0.

    A Butterworth band pass from 1 / sqrt(2) to sqrt(2) times the centre.
    """
    place = 1j * math.sqrt(2.0) * (frequency_hz / centre_hz - centre_hz / frequency_hz)
    response = torch.ones_like(place)
    for number in range(ORDER):
        pole = cmath.exp(1j * math.pi * (2 * number + ORDER + 1) / (2 * ORDER))
        response = response / (place - pole)
    return response
