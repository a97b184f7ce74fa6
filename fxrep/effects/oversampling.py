"""Bending a waveform at a higher rate, so that the harmonics above Nyquist do not fold back.

Both ways lead through one linear-phase filter: a sinc of the lower rate, 32 samples to each side, under a Kaiser window
for 90 dB. At 44.1 kHz it passes up to 20.1 kHz, is 6 dB down at Nyquist and stops from 24 kHz; what folds back from
between lies above 20.1 kHz. Only what the effect changes is brought down and added to the input:

    y = x + down(bend(up(x)) - up(x))

so that the dry signal passes untouched, in time and up to Nyquist, and an effect that changes nothing is the identity,
bit for bit.

The filter is applied as a matrix, to blocks that overlap: general matrix products run at the full speed of every
device, ten times faster here than convolutions of one channel.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional as F

from fxrep.effects.parameters import Choice
from fxrep.effects.processor import Processor
from fxrep.effects.settings import check_choice
from fxrep.effects.streaming import ContextStream, MemorylessStream, Stream

OVERSAMPLING = Choice("oversampling", ("1", "2", "4", "8", "16"), "1")
# Half of the filter's length, in samples of the lower rate, and the samples that one matrix product makes.
HALF = 32
BLOCK = 64
# Shape of the Kaiser window for 90 dB of attenuation.
BETA = 0.1102 * (90.0 - 8.7)
# Samples of the higher rate to hold at once: few enough for the caches.
SEGMENT_SAMPLES = 500_000


@functools.lru_cache(maxsize=16)
def _matrix(factor: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return (BLOCK + 2 HALF, BLOCK factor): the response of every output sample to every input sample around it."""
    inputs = torch.arange(BLOCK + 2 * HALF, dtype=torch.float64).unsqueeze(-1) - HALF
    distance = torch.arange(BLOCK * factor, dtype=torch.float64) / factor - inputs
    matrix: torch.Tensor = torch.sinc(distance) * kaiser_window(distance)
    return matrix.to(device, dtype)


def kaiser_window(distance: torch.Tensor) -> torch.Tensor:
    """Return the window of the filter at distances in samples of the lower rate; 0 from HALF on."""
    rest = (1.0 - (distance / HALF).square()).clamp_min(0.0)
    inside = torch.special.i0(BETA * rest.sqrt()) / torch.special.i0(torch.tensor(BETA))
    return torch.where(rest > 0, inside, 0.0)


def bend_oversampled(audio: torch.Tensor, factor: int, bend: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Return ``bend(audio)``, computed at a multiple of the sample rate.

    Args:
        audio: (B, C, T).
        factor: 1, 2, 4, 8 or 16; 1 is ``bend(audio)`` itself.
        bend: maps (B, C, T') to the same shape, sample by sample, for any T'.

    Returns:
        (B, C, T), in time with the input. An output sample depends on 64 samples before and after it.
    """
    if factor == 1:
        return bend(audio)
    matrix = _matrix(factor, audio.dtype, audio.device)

    def change(frames: torch.Tensor) -> torch.Tensor:
        high = frames.flatten(-2)
        return bend(high) - high

    return bend_frames(audio, factor, matrix, matrix.T / factor, change)


def bend_frames(
    audio: torch.Tensor,
    factor: int,
    up: torch.Tensor,
    down: torch.Tensor,
    change: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Return the audio with what `change` makes of it at a higher rate.

    Args:
        audio: (B, C, T).
        factor: of the rates.
        up: (BLOCK + 2 HALF, P), to P places at the higher rate around BLOCK samples.
        down: (BLOCK factor, BLOCK + 2 HALF).
        change: maps blocks (B, C, N, P) to (B, C, N BLOCK factor).

    Returns:
        (B, C, T).
    """
    batch, channels, samples = audio.shape
    blocks = -(-samples // BLOCK)
    padded = F.pad(audio, (HALF, HALF + blocks * BLOCK - samples))
    frames = padded.unfold(-1, BLOCK + 2 * HALF, BLOCK)
    size = max(1, SEGMENT_SAMPLES // (batch * channels * BLOCK * factor))
    changes = []
    for start in range(0, blocks, size):
        made = change(frames[:, :, start : start + size] @ up)
        # Behind the end there is nothing to change.
        inside = min(made.shape[-1], (samples - start * BLOCK) * factor)
        made = F.pad(made[..., :inside], (0, made.shape[-1] - inside)) if inside < made.shape[-1] else made
        changes.append(made.unflatten(-1, (-1, BLOCK * factor)) @ down)
    return audio + _overlap(torch.cat(changes, -2))[..., HALF : HALF + samples]


def _overlap(frames: torch.Tensor) -> torch.Tensor:
    """Add frames (…, N, BLOCK + 2 HALF) that are BLOCK apart: (…, (N + 1) BLOCK)."""
    early, late = frames.split(BLOCK, -1)
    return F.pad(early.flatten(-2), (0, BLOCK)) + F.pad(late.flatten(-2), (BLOCK, 0))


class Waveshaper(Processor):
    """A memoryless curve with optional oversampling."""

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks; oversampling holds back 64 samples until it knows what follows."""
        self.check_names(settings)
        return shaper_stream(lambda block: self(block, sample_rate, **settings), {**self.defaults(), **settings})


def read_factor(oversampling: str) -> int:
    """Return the factor as a number.

    Raises:
        ArgumentError: there is no such factor.
    """
    return int(check_choice(OVERSAMPLING, oversampling))


def shaper_stream(effect: Callable[[torch.Tensor], torch.Tensor], settings: Mapping[str, Any]) -> Stream:
    """Return a stream of an effect that has no memory but that of the oversampling named in its settings."""
    reach = 0 if read_factor(settings["oversampling"]) == 1 else 2 * HALF
    return ContextStream(effect, reach, reach) if reach else MemorylessStream(effect)
