"""The fixed noise that a noise-shaped reverb is made of."""

from __future__ import annotations

import functools
import math

import torch

from fxrep.effects.steady_noise import steady_spectrum

# Octave bands in Hz. The first takes everything below it, the last everything above.
OCTAVES = (62.5, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
# From this one down all octaves decay alike, unless they are set one by one: they need no bands of their own.
BAND_CENTRES = OCTAVES[3:]
# Octaves that are set one by one are cut apart at their edges, over this many octaves.
EDGE_OCTAVES = 0.25


@functools.lru_cache(maxsize=4)
def noise_bank(sample_rate: int, samples: int, seed: int, octaves: bool = False) -> torch.Tensor:
    """Return white noise of a steady level in every octave, split into bands, different for left and right.

    The bands add up to the white noise again. The same numbers give the same noise in every process; the result
    is cached and must not be written to.

    Args:
        sample_rate: Hz.
        samples: length.
        seed: of the noise.
        octaves: cut the bands of `band_weights` further into octaves, in the order of `octave_pieces`.

    Returns:
        (bands, 2, samples) float32 on the CPU.
    """
    spectrum = steady_spectrum(sample_rate, samples, seed)
    frequency_hz = torch.fft.rfftfreq(samples, 1.0 / sample_rate, dtype=torch.float64)
    weights = band_weights(frequency_hz)
    if octaves:
        bands, numbers = (list(column) for column in zip(*octave_pieces(), strict=True))
        weights = weights[bands] * octave_weights(frequency_hz)[numbers]
    pieces = torch.empty((len(weights), 2, samples))
    for piece, weight in zip(pieces, weights, strict=True):
        piece.copy_(torch.fft.irfft(spectrum * weight, n=samples))
    return pieces


@functools.lru_cache(maxsize=1)
def octave_pieces() -> tuple[tuple[int, int], ...]:
    """Return the pairs of a band of `BAND_CENTRES` and an octave of `OCTAVES` that have frequencies in common."""
    grid = torch.logspace(1.0, 4.6, 2000, dtype=torch.float64)
    shared = (band_weights(grid).unsqueeze(1) * octave_weights(grid)).amax(-1) > 0.0
    return tuple((int(band), int(octave)) for band, octave in shared.nonzero())


def octave_weights(frequency_hz: torch.Tensor) -> torch.Tensor:
    """Return the share (octaves, F) of every octave at the given frequencies; the shares add up to one.

    An octave reaches from 1 / sqrt(2) to sqrt(2) times its centre and passes over into the next one as a raised cosine.
    """
    octaves = torch.log2(frequency_hz.clamp_min(1.0))
    # The share of all that lies above the lower edge of an octave; the first has none, the last no upper one.
    above = [torch.ones_like(octaves)]
    for centre in OCTAVES[1:]:
        place = (octaves - math.log2(centre) + 0.5) / EDGE_OCTAVES + 0.5
        above.append(torch.sin(0.5 * math.pi * place.clamp(0.0, 1.0)).square())
    above.append(torch.zeros_like(octaves))
    joined = torch.stack(above)
    return joined[:-1] - joined[1:]


def band_weights(frequency_hz: torch.Tensor) -> torch.Tensor:
    """Return the share (bands, F) of every band of `BAND_CENTRES` at the given frequencies; the shares add up to one.

    Neighbours cross over as triangles on a logarithmic axis, from centre to centre.
    """
    places = torch.tensor(BAND_CENTRES, dtype=frequency_hz.dtype).log2().unsqueeze(-1)
    octaves = torch.log2(frequency_hz.clamp(BAND_CENTRES[0], BAND_CENTRES[-1]))
    return (1.0 - (octaves - places).abs()).clamp_min(0.0)
