"""Convolution by FFT."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

# A transform of this many points and more no longer fits the caches: its cost per point rises by about half.
CACHED_POINTS = 131072


def fft_convolve(audio: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """Convolve along the last dimension and keep the length of the audio.

    Overlap-save: the audio is cut into frames that overlap by the length of the response, each frame is
    convolved on a circle, and the part of the circle that has wrapped around is dropped. Nothing is approximated.

    Args:
        audio: (B, C, T).
        response: (B or 1, C or 1, K). Whatever lies beyond T samples cannot be heard and is not computed.

    Returns:
        (B, C, T): the first T samples of the linear convolution.
    """
    samples = audio.shape[-1]
    response = response[..., :samples]
    overlap = response.shape[-1] - 1
    points = transform_points(samples, overlap)
    hop = points - overlap
    frames = -(-samples // hop)
    padded = F.pad(audio, (overlap, frames * hop - samples)).unfold(-1, points, hop)
    product = torch.fft.rfft(padded) * torch.fft.rfft(response, n=points).unsqueeze(-2)
    # The inverse must be told the length, or odd ones would come back resampled.
    convolved: torch.Tensor = torch.fft.irfft(product, n=points)[..., overlap:]
    joined: torch.Tensor = convolved.flatten(-2)
    return joined[..., :samples]


def transform_points(samples: int, overlap: int) -> int:
    """Return the power of two that makes overlap-save cheapest for these lengths."""

    def cost(points: int) -> float:
        frames = -(-samples // (points - overlap))
        return (2 * frames + 1) * points * math.log2(points) * (1.0 if points <= CACHED_POINTS else 1.5)

    smallest = math.ceil(math.log2(overlap + 2))
    return min((1 << power for power in range(smallest, smallest + 8)), key=cost)
