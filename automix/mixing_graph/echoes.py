"""Echoes that a mix has and its fitted tracks have not: where, how loud, and how fast they fade."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal
from torch import Tensor

from automix.alignment import Array, roth_response

SHORTEST_S, LONGEST_S = 0.02, 2.0
"""Times that are looked for. Nearer to the sound itself stands what an equaliser has not made up for."""

MOST = 3
"""Echoes that are named for a strip, the clearest first."""

# In units of the spread of the response over all times: of a hundred thousand values of noise one reaches 4.4.
_CLEAR = 6.0
_APART_S = 0.01

LEAST_LEVEL = 0.02
"""Of an echo (-34 dB), under which it is no matter."""

_SMOOTHED_BINS, _FLOOR = 65, 1e-4


@dataclass(frozen=True)
class Echo:
    """A repetition of a sound.

    Attributes:
        time_s: how much later.
        level: of the repetition, as a factor of the sound itself.
        feedback: the level of the next repetition as a factor of this one, 0 to 0.9.
    """

    time_s: float
    level: float
    feedback: float


def find_echoes(source: Tensor, rest: Tensor, sample_rate: int) -> list[Echo]:
    """Look for repetitions of a sound in what is left of a mix without them.

    The cross-spectrum, divided by the smoothed power spectrum of the sound, is the response that leads from the sound
    to the rest: an echo is a peak in it. Music repeats itself too, and so has peaks where it was never sent through a
    delay: what is named here is to be tried.

    Args:
        source: (2, T).
        rest: (2, T), of the same time.
        sample_rate: Hz.

    Returns:
        At most `MOST`, the highest peak first; none where nothing stands out.
    """
    samples = source.shape[-1]
    size = fft.next_fast_len(2 * samples, real=True)
    own, other = (fft.rfft(one.double().numpy(), size) for one in (source, rest))
    power: Array = np.square(np.abs(own)).sum(0)
    if not power.any():
        return []
    cross = (own.conj() * other).sum(0)
    response = roth_response(cross, power, size, _SMOOTHED_BINS, _FLOOR)
    first = round(SHORTEST_S * sample_rate)
    last = min(round(LONGEST_S * sample_rate), samples - 1)
    if last - first < 3:
        return []
    # What a mix adds is in phase with it, in delays as in rooms: a peak downwards is what a fit took away too much.
    lags = response[first : last + 1]
    spread = math.sqrt(float(np.median(np.square(lags))) / 0.455)
    places, _ = signal.find_peaks(
        lags, height=max(_CLEAR * spread, 1e-12), distance=max(1, round(_APART_S * sample_rate))
    )
    places = sorted(places.tolist(), key=lambda place: -float(lags[place]))[:MOST]
    plain, energies = fft.irfft(cross, size), np.cumsum(source.double().square().sum(0).numpy())
    echoes = [_describe(place + first, plain, response, energies, sample_rate) for place in places]
    return [echo for echo in echoes if echo.level >= LEAST_LEVEL]


def _describe(lag: int, plain: Array, response: Array, energies: Array, sample_rate: int) -> Echo:
    # What is repeated behind the end is not heard.
    repeated = float(energies[len(energies) - lag - 1])
    level = float(plain[lag]) / max(repeated, 1e-12)
    around = response[2 * lag - 3 : 2 * lag + 4] if 2 * lag + 4 <= len(response) // 2 else np.zeros(1)
    feedback = float(np.max(around)) / float(response[lag])
    return Echo(lag / sample_rate, min(level, 4.0), min(max(feedback, 0.0), 0.9))
