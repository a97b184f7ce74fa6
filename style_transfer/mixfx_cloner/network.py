"""The network of the MixFXcloner: a non-causal stack of dilated convolutions that a reference's embedding steers.

J. Koo, M. A. Martínez-Ramírez, W.-H. Liao, S. Uhlich, K. Lee, Y. Mitsufuji: "Music Mixing Style Transfer: A
Contrastive Learning Approach to Disentangle Audio Effects", ICASSP 2023.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxrep.errors import ArgumentError, AudioError
from style_transfer.mixfx_cloner.equalizer import TAPS, StyleEqualizer
from style_transfer.mixfx_cloner.polyphase import convolve

Output = Literal["samples", "gains"]

PUBLISHED: dict[str, Any] = {
    "channels": 128,
    "blocks": 14,
    "kernel": 15,
    "dilation_growth": 2,
    "batch_norm": True,
    "output": "samples",
}
"""Sizes of the published network: 10,547,970 weights with an embedding of 2048, receptive field 229,363 samples."""

SMALL: dict[str, Any] = {
    "channels": 16,
    "blocks": 6,
    "kernel": 9,
    "dilation_growth": 4,
    "batch_norm": False,
    "output": "gains",
    "equalizer_bands": 48,
}
"""Sizes that two CPU cores can train and run faster than real time; receptive field 12,968 samples, 0.29 s."""

SLOPE = 0.01


class ClonerNetwork(nn.Module):
    """Stereo stem in, stereo stem of the same length out, time for time.

    Each block is convolution, batch normalisation, leaky ReLU and FiLM (E. Perez et al., AAAI 2018: a gain and an
    offset for each channel, both linear in the embedding), beside a skip connection with one weight for each channel.
    Before the stem and after it every layer hears silence.

    Args:
        condition: size of the embedding.
        channels: width of every block; even.
        blocks: how many.
        kernel: taps of each convolution; odd.
        dilation_growth: block n hears every (growth^n)-th sample.
        batch_norm: as published; without it the convolutions have a bias.
        output: ``samples``, as published: the last layer gives the stem itself, cut at full scale. ``gains``: it gives
            for each sample how much of either channel goes to each in addition, and what is added; both begin at 0, so
            that an untrained network is the identity, and level, width and place are gains to learn.
        equalizer_bands: bands of an equaliser before the blocks, see `StyleEqualizer`; 0, as published: there is none.

    Raises:
        ArgumentError: a size is out of range.
    """

    def __init__(
        self,
        condition: int,
        channels: int = 128,
        blocks: int = 14,
        kernel: int = 15,
        dilation_growth: int = 2,
        batch_norm: bool = True,
        output: Output = "samples",
        equalizer_bands: int = 0,
    ) -> None:
        super().__init__()
        if min(condition, blocks, dilation_growth) < 1 or channels < 2 or channels % 2 or kernel < 3 or not kernel % 2:
            raise ArgumentError(
                f"condition={condition}, channels={channels}, blocks={blocks}, kernel={kernel}, "
                f"dilation_growth={dilation_growth}: expected 1 or more, even channels, an odd kernel from 3"
            )
        if equalizer_bands < 0 or equalizer_bands == 1:
            raise ArgumentError(f"equalizer_bands is {equalizer_bands}: expected 2 or more, or 0 for no equaliser")
        if output not in ("samples", "gains"):
            raise ArgumentError(f"output is {output!r}: choose samples or gains")
        self.condition, self.output = condition, output
        self.equalizer = StyleEqualizer(condition, equalizer_bands) if equalizer_bands else None
        widths = [2] + [channels] * blocks
        self.blocks = nn.ModuleList(
            TemporalBlock(widths[n], channels, kernel, dilation_growth**n, condition, batch_norm) for n in range(blocks)
        )
        self.head = nn.Conv1d(channels, 2 if output == "samples" else 6, 1)
        if output == "gains":
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.bias)

    @property
    def bias(self) -> Tensor:
        """(2,) or (6,), of the last layer."""
        assert self.head.bias is not None
        return self.head.bias

    @property
    def reach(self) -> int:
        """How many samples before, and how many after it, the blocks hear for a sample of the output."""
        return sum(block.reach for block in self.temporal_blocks())

    @property
    def receptive_field(self) -> int:
        """Samples of the input that one sample of the output depends on."""
        return 2 * self.reach + (1 if self.equalizer is None else TAPS)

    def temporal_blocks(self) -> list[TemporalBlock]:
        """The blocks in order, by their type."""
        return [block for block in self.blocks if isinstance(block, TemporalBlock)]

    def forward(self, audio: Tensor, embedding: Tensor) -> Tensor:
        """Process stems.

        Args:
            audio: (B, 2, T).
            embedding: (B, D) of unit length, or (1, D) for all.

        Returns:
            (B, 2, T).

        Raises:
            AudioError: the audio is not stereo.
        """
        if audio.dim() != 3 or audio.shape[1] != 2:
            raise AudioError(f"audio of shape {tuple(audio.shape)}: expected stereo stems, (batch, 2, samples)")
        told = told_condition(embedding)
        audio = audio if self.equalizer is None else self.equalizer(audio, told)
        features = audio
        for block in self.blocks:
            features = block(features, told)
        return self.finished(audio, self.head(features))

    def finished(self, audio: Tensor, last: Tensor) -> Tensor:
        """(..., 2, T) of the input (..., 2, T) and of what the last layer gives, (..., 2 or 6, T)."""
        if self.output == "samples":
            return last.clamp(-1.0, 1.0)
        left, right = audio.unbind(-2)
        to_left = left + left * last[..., 0, :] + right * last[..., 1, :] + last[..., 4, :]
        to_right = right + left * last[..., 2, :] + right * last[..., 3, :] + last[..., 5, :]
        return torch.stack([to_left, to_right], dim=-2)


class TemporalBlock(nn.Module):
    """Convolution, normalisation, leaky ReLU, FiLM, beside a skip connection: (B, C, T) to (B, C', T).

    Args:
        inputs: C.
        outputs: C'.
        kernel: taps.
        dilation: samples between the taps.
        condition: size of the embedding.
        batch_norm: normalise, or add a bias.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int, condition: int, batch_norm: bool) -> None:
        super().__init__()
        self.dilation, self.reach = dilation, (kernel - 1) // 2 * dilation
        self.convolution = nn.Conv1d(inputs, outputs, kernel, dilation=dilation, bias=not batch_norm)
        self.norm = nn.BatchNorm1d(outputs) if batch_norm else None
        self.film = nn.Linear(condition, 2 * outputs)
        # A gain of 1 to begin with: gains around 0 would let nothing through the blocks but the skip connections.
        with torch.no_grad():
            self.film.bias[:outputs] = 1.0
        self.skip = nn.Conv1d(inputs, outputs, 1, groups=inputs, bias=False)

    def forward(self, features: Tensor, told: Tensor) -> Tensor:
        """Map (B, C, T) to (B, C', T), given (B, D)."""
        filtered = convolve(features, self.convolution.weight, self.convolution.bias, self.dilation)
        if self.norm is not None:
            filtered = self.norm(filtered)
        gain, offset = self.film(told)[..., None].chunk(2, 1)
        shaped = torch.addcmul(offset, F.leaky_relu(filtered, SLOPE), gain)
        result: Tensor = shaped + self.skip(features)
        return result


def told_condition(embedding: Tensor) -> Tensor:
    """What FiLM is told: an embedding of unit length, its values brought to about 1, whatever its size."""
    return embedding * math.sqrt(embedding.shape[-1])
