"""How long a filter rings: the padding that keeps filtering by FFT free of time aliasing."""

from __future__ import annotations

import functools
import itertools
import math

import torch

from fxrep.effects import filter_sections
from fxrep.effects.filter_sections import Sections
from fxrep.effects.parameters import Parameter
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
def tail_samples(sample_rate: int, table: tuple[Parameter, ...]) -> int:
    """Return the longest tail that any setting of the equaliser can have.

    A bound per range, not per setting: the length of the transform is then the same for all settings, nothing
    waits for the device to read them, and an item sounds the same whatever shares its batch.

    The slowest pole lies at a corner of the ranges. In units of its own frequency a section's decay rate depends
    on one number D (the effective Q) alone: 1/(2D) above D = 1/2, falling, and (1 - sqrt(1 - 4 D^2)) / (2 D) below it,
    rising; so only the ends of D matter. D is monotone in Q and in the gain, and the rate is proportional to a
    frequency that is monotone in both the band's frequency and the gain. The fast pole of an overdamped section near
    Nyquist, which the bilinear transform makes slow again, is slowest at the same corners.
    """
    ranges = {parameter.name: (parameter.minimum, parameter.maximum) for parameter in table}
    highest = HIGHEST_FREQUENCY * sample_rate
    radius = 0.0
    for name in (key for key in ranges if key.endswith("_hz")):
        band = name.removesuffix("_hz")
        gains, qs = ranges.get(f"{band}_gain_db", (0.0, 0.0)), ranges.get(f"{band}_q", (math.sqrt(0.5),) * 2)
        frequencies = [min(edge, highest) for edge in ranges[name]]
        corner = torch.tensor(list(itertools.product(frequencies, gains, qs)), dtype=torch.float64)
        design = {"low_shelf": filter_sections.low_shelf, "high_shelf": filter_sections.high_shelf}
        numerator, denominator = design.get(band, filter_sections.peak)(corner[:, 1], corner[:, 2])
        warp = torch.tan(corner[:, 0] * (math.pi / sample_rate))
        sections = Sections(numerator[:, None], denominator[:, None], warp[:, None])
        radius = max(radius, float(slowest_radius(sections).max()))
    return math.ceil(TIME_CONSTANTS / -math.log(radius))
