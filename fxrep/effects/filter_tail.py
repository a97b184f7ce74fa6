"""How long a filter rings: the padding that keeps filtering by FFT free of time aliasing."""

from __future__ import annotations

import functools
import itertools
import math

import torch

from fxrep.effects.filter_bands import BUTTERWORTH_Q, Band
from fxrep.effects.filter_sections import Sections
from fxrep.effects.settings import HIGHEST_FREQUENCY

# Time constants to wait for. One pole has then fallen by exp(-16), -139 dB; the margin above the -95 dB that is asked
# for covers several equally slow sections in series, whose envelope grows before it falls.
TIME_CONSTANTS = 16.0


def slowest_radius(sections: Sections) -> torch.Tensor:
    """Return the largest pole radius of every item (B,), exactly, for real and for complex pairs of poles."""
    a1, a2 = sections.coefficients()[..., 3:].unbind(-1)
    discriminant = a1.square() / 4.0 - a2
    real = a1.abs() / 2.0 + discriminant.clamp_min(0.0).sqrt()
    return torch.where(discriminant < 0, a2.clamp_min(0.0).sqrt(), real).amax(-1)


@functools.lru_cache(maxsize=32)
def tail_samples(sample_rate: int, bands: tuple[Band, ...]) -> int:
    """Return the longest tail that any setting of these bands can have.

    A bound per range, not per setting: the length of the transform is then the same for all settings, nothing
    waits for the device to read them, and an item sounds the same whatever shares its batch.

    The slowest pole lies at a corner of the ranges. In units of its own frequency a section's decay rate depends
    on one number D (the effective Q) alone: 1/(2D) above D = 1/2, falling, and (1 - sqrt(1 - 4 D^2)) / (2 D) below it,
    rising; so only the ends of D matter. D is monotone in Q and in the gain, and the rate is proportional to a
    frequency that is monotone in both the band's frequency and the gain. The fast pole of an overdamped section near
    Nyquist, which the bilinear transform makes slow again, is slowest at the same corners.
    """
    highest = HIGHEST_FREQUENCY * sample_rate
    radius = 0.0
    for band in bands:
        frequencies = [min(edge, highest) for edge in band.hz]
        qs = [q * factor for q in band.q or (BUTTERWORTH_Q,) for factor in band.q_factors]
        corners = list(itertools.product(frequencies, band.gain_db or (0.0,), qs))
        hz, gain_db, q = torch.tensor(corners, dtype=torch.float64).unsqueeze(1).unbind(-1)
        sections = Sections.design([band.kind], hz, gain_db, q, sample_rate)
        radius = max(radius, float(slowest_radius(sections).max()))
    return math.ceil(TIME_CONSTANTS / -math.log(radius))
