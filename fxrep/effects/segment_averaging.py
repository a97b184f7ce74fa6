"""Bending a waveform with what a curve does between the samples, for curves with corners and steps.

The harmonics of a corner fall by 12 dB per octave and those of a step by 6, so that oversampling alone needs a rate far
out of reach. Here the curve is averaged over the straight line between two neighbouring samples of the higher rate
instead of being taken at one of them (J. Parker, V. Zavalishin and E. Le Bivic, "Reducing the Aliasing of Nonlinear
Waveshaping Using Continuous-Time Convolution", DAFx 2016; known as antiderivative anti-aliasing). That is a filter
ahead of the sampling, with zeros at all multiples of the higher rate: right where what would fold back to the audible
range comes from.

Two things that the method usually costs are taken back. The line reaches from half a sample before to half a sample
after, so nothing is delayed; and the filter on the way down makes good for the loss of the averaging towards 20 kHz.
What remains is that a line is not a tone: of a 20 kHz tone the change comes out 4 % too small at a factor of 4, and a
quarter of that at every doubling. As in `bend_oversampled` only the change is brought down: what the curve leaves
alone passes bit for bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch

from fxrep.effects.oversampling import BLOCK, HALF, bend_frames, kaiser_window

# Nodes that integrate half a band of cosines of up to HALF / 2 periods exactly.
NODES = 128
# Below this a line is a point; the quotient is then not used.
SHORTEST = 1e-30

SegmentChange = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def average_oversampled(audio: torch.Tensor, factor: int, change: SegmentChange) -> torch.Tensor:
    """Return the audio with the change that a curve makes on average between samples at a multiple of the rate.

    Args:
        audio: (B, C, T).
        factor: 2, 4, 8 or 16.
        change: maps the ends (B, C, T') of short lines to the mean of the curve minus the line itself.

    Returns:
        (B, C, T), in time with the input. An output sample depends on 64 samples before and after it.
    """
    up, down = _edge_matrix(factor, audio.dtype, audio.device), _level_matrix(factor, audio.dtype, audio.device)
    return bend_frames(
        audio, factor, up, down, lambda ends: change(ends[..., :-1].flatten(-2), ends[..., 1:].flatten(-2))
    )


def mean_excess(early: torch.Tensor, late: torch.Tensor, ceiling: torch.Tensor) -> torch.Tensor:
    """Return the mean of max(x - ceiling, 0) over the lines from `early` to `late`, without cancellation."""
    first, last = (early - ceiling).clamp_min(0.0), (late - ceiling).clamp_min(0.0)
    length = late - early
    length = torch.where(length.abs() < SHORTEST, 1.0, length)
    # The share of the line that lies beyond.
    share = torch.where(torch.minimum(first, last) > 0.0, 1.0, (last - first) / length)
    return 0.5 * (first + last) * share


def mean_rounding(early: torch.Tensor, late: torch.Tensor) -> torch.Tensor:
    """Return the mean of round(x) - x over the lines from `early` to `late`; no gradient passes."""
    with torch.no_grad():
        first, last = torch.round(early), torch.round(late)
        before, after = early - first, late - last
        same = first == last
        share = torch.where(same, 1.0, (after - before) / torch.where(same, 1.0, late - early))
        return -0.5 * (before + after) * share


def _distances(factor: int, places: int, shift: float) -> torch.Tensor:
    """Return (BLOCK + 2 HALF, places): from every input sample to places at the higher rate, in input samples."""
    inputs = torch.arange(BLOCK + 2 * HALF, dtype=torch.float64).unsqueeze(-1) - HALF
    return (torch.arange(places, dtype=torch.float64) + shift) / factor - inputs


@functools.lru_cache(maxsize=16)
def _edge_matrix(factor: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return (BLOCK + 2 HALF, BLOCK factor + 1): the interpolator to half a sample before and after each place."""
    distance = _distances(factor, BLOCK * factor + 1, -0.5)
    matrix: torch.Tensor = torch.sinc(distance) * kaiser_window(distance)
    return matrix.to(device, dtype)


@functools.lru_cache(maxsize=16)
def _level_matrix(factor: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return (BLOCK factor, BLOCK + 2 HALF): the low-pass with the inverse of the averaging, 1 / sinc(f / rate)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    frequency, weight = torch.from_numpy(0.25 * (nodes + 1.0)), torch.from_numpy(0.5 * weights)
    weight = weight / torch.sinc(frequency / factor)
    distance = _distances(factor, BLOCK * factor, 0.0)
    response = torch.stack([torch.cos(2.0 * torch.pi * row.unsqueeze(-1) * frequency) @ weight for row in distance])
    return (response * kaiser_window(distance)).T.div(factor).to(device, dtype).contiguous()
