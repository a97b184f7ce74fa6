"""The fixed noise that a noise-shaped reverb is made of."""

from __future__ import annotations

import functools

import torch

# Octave bands in Hz. The first takes everything below it, the last everything above.
OCTAVES = (62.5, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
# From this one down all octaves decay alike, unless they are set one by one: they need no bands of their own.
BAND_CENTRES = OCTAVES[3:]


@functools.lru_cache(maxsize=4)
def noise_bank(sample_rate: int, samples: int, seed: int, centres: tuple[float, ...] = BAND_CENTRES) -> torch.Tensor:
    """Return white Gaussian noise split into octave bands, different for left and right.

    The bands add up to the white noise again. The same numbers give the same noise in every process; the result
    is cached and must not be written to.

    Args:
        sample_rate: Hz.
        samples: length.
        seed: of the noise.
        centres: of the bands, Hz.

    Returns:
        (bands, 2, samples) float32 on the CPU.
    """
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft(torch.randn(2, samples, generator=generator, dtype=torch.float64))
    weights = band_weights(torch.fft.rfftfreq(samples, 1.0 / sample_rate, dtype=torch.float64), centres)
    bands = [torch.fft.irfft(spectrum * weight, n=samples).to(torch.float32) for weight in weights]
    return torch.stack(bands)


def band_weights(frequency_hz: torch.Tensor, centres: tuple[float, ...] = BAND_CENTRES) -> torch.Tensor:
    """Return the share (bands, F) of every band at the given frequencies; the shares add up to one.

    Neighbours cross over as triangles on a logarithmic axis, from centre to centre.
    """
    places = torch.tensor(centres, dtype=frequency_hz.dtype).log2().unsqueeze(-1)
    octaves = torch.log2(frequency_hz.clamp(centres[0], centres[-1]))
    return (1.0 - (octaves - places).abs()).clamp_min(0.0)
