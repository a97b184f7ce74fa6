"""Convolutions over pairs of samples: the same sums, with half the length and twice the channels.

A signal (B, C, T) is held as (B, 2C, T / 2), channel c of its even samples beside channel c of its odd ones. A
convolution of K taps then has (K + 1) / 2 taps, one with stride 2 loses its stride, and a signal that was doubled in
length by repeating every sample is the signal before: it has (K + 1) / 2 taps where it had K. On processors matrix
products get wider where few channels make them slow.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def to_pairs(signal: Tensor) -> Tensor:
    """(B, C, T), T even, as (B, 2C, T / 2)."""
    batch, channels, samples = signal.shape
    return signal.view(batch, channels, samples // 2, 2).transpose(2, 3).reshape(batch, 2 * channels, samples // 2)


def from_pairs(pairs: Tensor) -> Tensor:
    """(B, 2C, T / 2) as (B, C, T)."""
    batch, channels, steps = pairs.shape
    return pairs.view(batch, channels // 2, 2, steps).transpose(2, 3).reshape(batch, channels // 2, 2 * steps)


def reach_in_pairs(kernel: int) -> int:
    """How many pairs before, and after its own, an output pair of a centred convolution depends on."""
    return (kernel // 2 + 1) // 2


def pair_weight(weight: Tensor) -> Tensor:
    """Weight (O, I, K), K odd, of a convolution from pairs to pairs: (2O, 2I, P)."""
    return torch.stack([_phase(weight, 0), _phase(weight, 1)], dim=1).flatten(0, 1).flatten(1, 2)


def halving_weight(weight: Tensor) -> Tensor:
    """Weight (O, I, K) of a convolution with stride 2, from pairs to single samples: (O, 2I, P)."""
    return _phase(weight, 0).flatten(1, 2)


def repeated_weight(weight: Tensor) -> Tensor:
    """Weight (O, I, K) for an input of which every sample is heard twice, to pairs: (2O, I, P)."""
    return torch.stack([_phase(weight, 0).sum(2), _phase(weight, 1).sum(2)], dim=1).flatten(0, 1)


def pair_bias(bias: Tensor) -> Tensor:
    """Bias (O,) of outputs in pairs: (2O,)."""
    return bias.repeat_interleave(2)


def _phase(weight: Tensor, phase: int) -> Tensor:
    """Taps for the first or second sample of each output pair, by sample of the input pair: (O, I, 2, P)."""
    outputs, inputs, kernel = weight.shape
    taps = 2 * reach_in_pairs(kernel) + 1
    before = taps - 1 - kernel // 2 + phase
    padded = F.pad(weight, (before, 2 * taps - kernel - before))
    return padded.view(outputs, inputs, taps, 2).transpose(2, 3)
