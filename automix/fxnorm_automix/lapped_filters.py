"""Filters to begin with: as many bands of every channel as there are filters, which add up to the channel itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def lapped_filters(features: int, channels: int, taps: int) -> Tensor | None:
    """Return filters that, applied and applied again backwards in time, give their input.

    They are the basis of an extended lapped transform (Malvar, "Extended lapped transforms: properties, applications,
    and fast algorithms", IEEE Trans. Signal Processing, 1992) with M bands of 4 M taps, or of 2 M taps (a modulated
    lapped transform) where there is no room. Its blocks every M samples are orthogonal; the mean over the M ways to lay
    the blocks is a filter bank without decimation.

    Args:
        features: filters of all channels, M for each.
        channels: each filter hears one of them.
        taps: length of the filters; what the transform does not need is 0.

    Returns:
        (features, channels, taps); None where the features do not divide into the channels, or their filters are too
        short for so many bands.
    """
    bands, rest = divmod(features, channels)
    if rest or not bands or taps < 2 * bands:
        return None
    length = 4 * bands if taps >= 4 * bands else 2 * bands
    time = torch.arange(length, dtype=torch.float64)
    band = torch.arange(bands, dtype=torch.float64)[:, None] + 0.5
    if length == 4 * bands:
        window = -1.0 / (2.0 * math.sqrt(2.0)) + 0.5 * torch.cos((time + 0.5) * math.pi / (2 * bands))
    else:
        window = torch.sin((time + 0.5) * math.pi / (2 * bands))
    phase = (time + (bands + 1) / 2) * math.pi / bands
    basis = math.sqrt(2.0) / bands * window * torch.cos(band * phase)
    filters = torch.zeros(channels, bands, channels, taps)
    start = (taps - length) // 2
    for channel in range(channels):
        filters[channel, :, channel, start : start + length] = basis
    return filters.flatten(0, 1)
