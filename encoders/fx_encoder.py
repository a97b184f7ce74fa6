"""The Fx-Encoder of Koo et al.: residual one-dimensional convolutions on the stereo waveform.

J. Koo, M. A. Martínez-Ramírez, W.-H. Liao, S. Uhlich, K. Lee, Y. Mitsufuji: "Music Mixing Style Transfer: A
Contrastive Learning Approach to Disentangle Audio Effects", ICASSP 2023 (arXiv 2211.02247).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from encoders.base import EffectEncoder
from fxrep.errors import ArgumentError

PUBLISHED_CHANNELS = (16, 32, 64, 128, 256, 256, 512, 512, 1024, 1024, 2048, 2048)
PUBLISHED_KERNELS = (25, 25, 15, 15, 10, 10, 10, 10, 5, 5, 5, 5)
PUBLISHED_STRIDES = (4, 4, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1)


class FxEncoder(EffectEncoder):
    """Blocks of a residual and a strided convolution, averaged over time; the defaults are the published size.

    Each block halves (or quarters) the rate: 4096-fold in all, so one frame of the last block is 93 ms at 44.1 kHz.
    The average over time makes the embedding's size independent of the input's length.

    Args:
        channels: output channels of each block; the last is the size of the embedding.
        kernels: kernel length of each block in samples of its own rate.
        strides: stride of each block.
        sample_rate: rate in Hz of the waveform.
        window_s: length of the windows that `embed` cuts recordings into.
        minimum_s: shortest input of `forward` in seconds.

    Raises:
        ArgumentError: the three lists differ in length, or the shortest input is too short for the strides.
    """

    def __init__(
        self,
        channels: Sequence[int] = PUBLISHED_CHANNELS,
        kernels: Sequence[int] = PUBLISHED_KERNELS,
        strides: Sequence[int] = PUBLISHED_STRIDES,
        sample_rate: int = 44100,
        window_s: float = 10.0,
        minimum_s: float = 1.0,
    ) -> None:
        if not channels or not len(channels) == len(kernels) == len(strides):
            raise ArgumentError(
                f"channels, kernels and strides have {len(channels)}, {len(kernels)} and {len(strides)} entries: "
                "give each block one of each"
            )
        super().__init__(dim=channels[-1], sample_rate=sample_rate, window_s=window_s, minimum_s=minimum_s)
        inputs = (2, *channels[:-1])
        blocks = zip(inputs, channels, kernels, strides, strict=True)
        self.blocks = nn.Sequential(*(ResidualBlock(*sizes) for sizes in blocks))
        self._check_minimum(kernels, strides)

    def features(self, audio: Tensor) -> Tensor:
        """Average of the last block over time: audio (B, 2, T) to (B, channels[-1])."""
        return cast(Tensor, self.blocks(audio)).mean(dim=-1)

    def _check_minimum(self, kernels: Sequence[int], strides: Sequence[int]) -> None:
        frames = self._samples(self.minimum_s)
        for kernel, stride in zip(kernels, strides, strict=True):
            # Reflection needs more samples than it adds on either side.
            if frames <= kernel // 2:
                raise ArgumentError(
                    f"minimum_s={self.minimum_s:g} leaves {frames} frames before a kernel of {kernel}: "
                    "raise minimum_s or use smaller strides"
                )
            frames = -(-frames // stride)


class ResidualBlock(nn.Module):
    """A convolution that keeps the shape, added to its input, then one that changes channels and rate.

    (B, inputs, T) to (B, outputs, ceil(T / stride)). Both are padded by reflection, normalised and rectified.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.padding = ((kernel - 1) // 2, kernel // 2)
        self.keep = nn.Conv1d(inputs, inputs, kernel)
        self.keep_norm = nn.BatchNorm1d(inputs)
        self.change = nn.Conv1d(inputs, outputs, kernel, stride=stride)
        self.change_norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to (B, inputs, T)."""
        kept = F.relu(self.keep_norm(self.keep(F.pad(x, self.padding, mode="reflect")))) + x
        return F.relu(self.change_norm(self.change(F.pad(kept, self.padding, mode="reflect"))))
