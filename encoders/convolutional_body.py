"""The convolutional body of Cnn14, for spectrograms of any number of channels.

Q. Kong et al., "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition", IEEE/ACM TASLP 28,
2020 (arXiv 1912.10211), table II.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from fxrep.errors import ArgumentError


class ConvolutionalBody(nn.Module):
    """Blocks of two convolutions, halved in time and frequency after each but the last, then pooled to one vector.

    The mean over frequency; the sum of maximum and mean over time; a linear layer and a rectifier.

    Args:
        inputs: channels of the spectrogram.
        channels: channels of each block; the last is the size of the result.
        dropout: share of values left out between blocks in training.
        linear: False for the pooled vector itself, without the layer and the rectifier.

    Shape:
        (B, inputs, frames, bands), both at least `smallest`, → (B, channels[-1]).
    """

    def __init__(self, inputs: int, channels: Sequence[int], dropout: float = 0.2, linear: bool = True) -> None:
        super().__init__()
        if not channels or min(channels) < 1 or not 0.0 <= dropout < 1.0:
            raise ArgumentError(
                f"channels={list(channels)}, dropout={dropout}: expected positive widths and a share in [0, 1)"
            )
        sizes = [inputs, *channels]
        self.blocks = nn.ModuleList(ConvolutionBlock(*pair) for pair in itertools.pairwise(sizes))
        self.dropout = dropout
        self.linear = nn.Linear(channels[-1], channels[-1]) if linear else None
        if self.linear is not None:
            nn.init.xavier_uniform_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)

    @property
    def smallest(self) -> int:
        """Fewest frames and bands that are left with one after all halvings."""
        return int(2 ** (len(self.blocks) - 1))

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Body of (B, inputs, frames, bands)."""
        x = spectrogram
        for number, block in enumerate(self.blocks):
            if number:
                x = F.dropout(F.avg_pool2d(x, 2), self.dropout, self.training)
            x = block(x)
        over_time = x.mean(dim=3)
        pooled = over_time.amax(dim=2) + over_time.mean(dim=2)
        return pooled if self.linear is None else F.relu(cast(Tensor, self.linear(pooled)))


class ConvolutionBlock(nn.Module):
    """Two 3 x 3 convolutions, each normalised and rectified: (B, inputs, H, W) to (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for entering in (inputs, outputs):
            convolution = nn.Conv2d(entering, outputs, 3, padding=1, bias=False)
            nn.init.xavier_uniform_(convolution.weight)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return cast(Tensor, self.layers(x))
