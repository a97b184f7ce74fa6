"""The network of Mix-Wave-U-Net: a Wave-U-Net that takes tracks and gives a stereo mix.

M. A. Martínez-Ramírez, D. Stoller, D. Moffat: "A Deep Learning Approach to Intelligent Drum Mixing with the
Wave-U-Net", Journal of the Audio Engineering Society 69(3), 2021; after D. Stoller et al., ISMIR 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automix.mix_wave_unet.pair_convolution import (
    from_pairs,
    halving_weight,
    pair_bias,
    pair_weight,
    reach_in_pairs,
    repeated_weight,
    to_pairs,
)
from fxrep.errors import ArgumentError, AudioError

Output = Literal["samples", "gains"]

PUBLISHED: dict[str, Any] = {"depth": 12, "growth": 24, "kernel": 13, "batch_norm": True, "output": "samples"}
"""Sizes of the published network: 17,833,426 weights with 8 inputs; a sample hears 77,807 before it and after it."""

SMALL: dict[str, Any] = {
    "depth": 13,
    "growth": 8,
    "kernel": 5,
    "batch_norm": False,
    "output": "gains",
    "coarse": 10,
}
"""Sizes that one processor core can train."""

OUTPUT_KERNEL = 5

LOUDER = 10.0
"""What a network without normalisation hears its tracks with: music at -24 LUFS then has values of about 1."""


class WaveUNet(nn.Module):
    """Tracks in, stereo mix of the same length out, time for time.

    Every level down is a convolution, normalisation, PReLU and a convolution with stride 2; every level up repeats each
    sample, appends what the level down had before its stride, and is a convolution, normalisation and PReLU. Level n
    has n times `growth` channels. A 1 x 1 convolution stands between, and the last one hears the tracks again. Outside
    of the song every layer hears silence.

    Args:
        inputs: channels of the tracks together.
        depth: levels; lengths are filled up to multiples of 2^depth inside, and cut again.
        growth: channels that each level has more than the one above.
        kernel: taps of the convolutions; odd.
        batch_norm: as published; without it nothing depends on the other items of a batch.
        output: ``samples``, as published: the last layer gives the mix itself. ``gains``: on the way up the network
            ends `coarse` levels early and gives, every 2^coarse samples, how much of every input goes to either side in
            addition to `plain`; between them gains change linearly. They are 0 to begin with, so that an untrained
            network is the plain sum; silence stays silence, and nothing is distorted.
        coarse: levels that ``gains`` leaves out on the way up, from 1; 0 for ``samples``.
        plain: (2, inputs), how inputs go to the sides of the plain sum; None: all to both.

    Raises:
        ArgumentError: a size is out of range.
    """

    plain: Tensor

    def __init__(
        self,
        inputs: int,
        depth: int = 12,
        growth: int = 24,
        kernel: int = 13,
        batch_norm: bool = True,
        output: Output = "samples",
        coarse: int = 0,
        plain: Tensor | None = None,
    ) -> None:
        super().__init__()
        if min(inputs, depth, growth) < 1 or depth > 16 or kernel < 3 or not kernel % 2:
            raise ArgumentError(
                f"inputs={inputs}, depth={depth}, growth={growth}, kernel={kernel}: expected 1 or more, depth up to "
                "16, an odd kernel from 3"
            )
        if output not in ("samples", "gains"):
            raise ArgumentError(f"output is {output!r}: choose samples or gains")
        if coarse not in (range(1, depth) if output == "gains" else (0,)):
            raise ArgumentError(f"coarse is {coarse} with output {output}: expected 1 to depth - 1 for gains, else 0")
        self.inputs, self.depth, self.output, self.coarse = inputs, depth, output, coarse
        self.louder = 1.0 if batch_norm else LOUDER
        widths = [inputs] + [growth * level for level in range(1, depth + 1)]
        self.down = nn.ModuleList(DownBlock(widths[n], widths[n + 1], kernel, batch_norm) for n in range(depth))
        self.bottleneck = nn.Conv1d(widths[-1], widths[-1], 1)
        self.up = nn.ModuleList(
            UpBlock(widths[n + 1], max(growth, growth * n), kernel, batch_norm) for n in reversed(range(coarse, depth))
        )
        heard, given = (growth + inputs, 2) if output == "samples" else (growth * coarse, 2 * inputs)
        self.head = nn.Conv1d(heard, given, OUTPUT_KERNEL)
        assert self.head.bias is not None
        if output == "gains":
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)
        self.register_buffer("plain", torch.ones(2, inputs) if plain is None else plain, persistent=False)

    @property
    def step(self) -> int:
        """Lengths inside are multiples of so many samples."""
        return 1 << self.depth

    @property
    def frame(self) -> int:
        """Samples from one set of gains to the next."""
        return 1 << self.coarse

    @property
    def reach(self) -> int:
        """So many samples before it, and after it, a sample of the output depends on at most."""
        half = self.down_blocks()[0].convolution.weight.shape[-1] // 2
        inside = ((1 << (self.depth - self.coarse)) - 1) * (3 * half + 1) + OUTPUT_KERNEL // 2
        return inside if self.output == "samples" else (inside + 1) * self.frame + 2 * half * (self.frame - 1)

    def down_blocks(self) -> list[DownBlock]:
        """The levels down in order, by their type."""
        return [block for block in self.down if isinstance(block, DownBlock)]

    def up_blocks(self) -> list[UpBlock]:
        """The levels up, the deepest first, by their type."""
        return [block for block in self.up if isinstance(block, UpBlock)]

    def forward(self, tracks: Tensor) -> Tensor:
        """Mix tracks (B, inputs, T) to (B, 2, T), of any length.

        Raises:
            AudioError: another number of inputs.
        """
        if tracks.dim() != 3 or tracks.shape[1] != self.inputs or not tracks.shape[-1]:
            raise AudioError(f"tracks of shape {tuple(tracks.shape)}: expected (batch, {self.inputs}, samples)")
        samples = tracks.shape[-1]
        filled = F.pad(tracks, (0, -samples % self.step))
        pairs = to_pairs(filled * self.louder)
        features, skips = pairs, []
        for number, block in enumerate(self.down_blocks()):
            skip, features = block(features if number == 0 else to_pairs(features))
            skips.append(skip)
        features = self.bottleneck(features)
        for number, rising in enumerate(self.up_blocks()):
            features = rising(features if number == 0 else from_pairs(features), skips.pop())
        if self.output == "gains":
            gains = F.conv1d(from_pairs(features), self.head.weight, self.head.bias, padding=OUTPUT_KERNEL // 2)
            return self.mixed(filled, torch.cat([gains, gains[..., -1:]], -1))[..., :samples]
        weight, bias = self.head_weights()
        last = F.conv1d(torch.cat([features, pairs], 1), weight, bias, padding=weight.shape[-1] // 2)
        return from_pairs(last)[..., :samples]

    def head_weights(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the last layer: for pairs, or for the frames of gains."""
        assert self.head.bias is not None
        if self.output == "gains":
            return self.head.weight, self.head.bias
        return pair_weight(self.head.weight), pair_bias(self.head.bias)

    def mixed(self, tracks: Tensor, gains: Tensor) -> Tensor:
        """Mix tracks (B, inputs, F frames) with gains (B, 2 inputs, F + 1) at the frames' edges: (B, 2, F frames)."""
        parts = tracks.unflatten(-1, (-1, self.frame))
        edges = gains.unflatten(1, (2, self.inputs)) + self.plain[..., None]
        first, last = (torch.einsum("bsif,bifn->bsfn", one, parts) for one in (edges[..., :-1], edges[..., 1:]))
        share = torch.arange(self.frame, device=tracks.device, dtype=tracks.dtype) / self.frame
        return torch.lerp(first, last, share).flatten(-2)


class DownBlock(nn.Module):
    """A level down, on pairs: (B, 2C, T / 2) to what goes across, (B, 2C', T / 2), and down, (B, C', T / 2).

    Args:
        inputs: C.
        outputs: C'.
        kernel: taps.
        batch_norm: normalise.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, batch_norm: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, kernel)
        self.norm = nn.BatchNorm1d(outputs) if batch_norm else None
        self.activation = nn.PReLU(outputs)
        self.halving = nn.Conv1d(outputs, outputs, kernel, stride=2)

    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """What goes across, and what goes down."""
        assert self.convolution.bias is not None
        padding = reach_in_pairs(self.convolution.weight.shape[-1])
        weight, bias = pair_weight(self.convolution.weight), pair_bias(self.convolution.bias)
        across = _shaped(F.conv1d(pairs, weight, bias, padding=padding), self.norm, self.activation)
        return across, F.conv1d(across, halving_weight(self.halving.weight), self.halving.bias, padding=padding)


class UpBlock(nn.Module):
    """A level up: what came from below, (B, C, T / 2), and across, (B, 2C, T / 2), to pairs (B, 2C', T / 2).

    Args:
        inputs: C.
        outputs: C'.
        kernel: taps.
        batch_norm: normalise.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, batch_norm: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(2 * inputs, outputs, kernel)
        self.norm = nn.BatchNorm1d(outputs) if batch_norm else None
        self.activation = nn.PReLU(outputs)

    def forward(self, below: Tensor, across: Tensor) -> Tensor:
        """Join both."""
        assert self.convolution.bias is not None
        weight, bias = joining_weight(self.convolution.weight), pair_bias(self.convolution.bias)
        filtered = F.conv1d(torch.cat([below, across], 1), weight, bias, padding=weight.shape[-1] // 2)
        return _shaped(filtered, self.norm, self.activation)


def joining_weight(weight: Tensor) -> Tensor:
    """Weight (C', 2C, K) over (below, across) for what is heard twice and what comes in pairs: (2C', 3C, P)."""
    below, across = weight.chunk(2, 1)
    return torch.cat([repeated_weight(below), pair_weight(across)], 1)


def _shaped(pairs: Tensor, norm: nn.Module | None, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """Normalisation and PReLU by channel: neither asks for the order of the samples."""
    channels: Sequence[int] = (pairs.shape[1] // 2, 2)
    plain = pairs.unflatten(1, channels).flatten(2)
    shaped: Tensor = activation(plain if norm is None else norm(plain))
    joined: Tensor = shaped.unflatten(2, (2, -1)).flatten(1, 2)
    return joined
