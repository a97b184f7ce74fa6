"""The network over a song that comes in blocks: every layer keeps what it has to hear again, nothing is done twice."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automix.mix_wave_unet.network import DownBlock, UpBlock, WaveUNet, joining_weight
from automix.mix_wave_unet.pair_convolution import (
    from_pairs,
    halving_weight,
    pair_bias,
    pair_weight,
    to_pairs,
)
from fxrep.effects.streaming import Stream
from fxrep.errors import AudioError


class WaveUNetStream(Stream):
    """`WaveUNet` in evaluation mode on one song, block by block.

    What comes out, joined, is the network on the whole song: each layer overlaps the blocks by as much as it hears,
    and waits for the samples that it hears ahead. Memory: of each layer what it hears again, and of each level what
    waits for the levels below, in all the features of twice `WaveUNet.reach` and of one block.

    Args:
        network: its weights are copied, the normalisations becoming part of them.
    """

    @torch.no_grad()
    def __init__(self, network: WaveUNet) -> None:
        self.network = network
        self.inputs = network.inputs
        ups: list[UpBlock | None] = [None] * network.coarse + list(reversed(network.up_blocks()))
        below: _Bottleneck | _Level = _Bottleneck(network.bottleneck)
        for number in reversed(range(network.depth)):
            below = _Level(network.down_blocks()[number], ups[number], below, number == 0)
        self.top = below
        self.head = _Convolution(*network.head_weights())
        self.given = self.taken = 0
        self.uneven = torch.zeros(1, self.inputs, 0)
        self.heard = _Queue(self.inputs if network.coarse else 2 * self.inputs)
        self.gains = _Queue(2 * self.inputs)

    @torch.no_grad()
    def push(self, block: Tensor) -> Tensor:
        """Take the next block (1, inputs, T) and return what is ready of the mix, (1, 2, T').

        Raises:
            AudioError: it has another number of inputs.
        """
        if block.dim() != 3 or block.shape[:2] != (1, self.inputs):
            raise AudioError(f"a block of shape {tuple(block.shape)}: expected (1, {self.inputs}, samples)")
        self.taken += block.shape[-1]
        return self._advance(block.float(), at_end=False)

    @torch.no_grad()
    def finish(self) -> Tensor | None:
        """Return the samples whose future is the end."""
        if not self.taken:
            return None
        filled = torch.zeros(1, self.inputs, -self.taken % self.network.step)
        left = self.taken - self.given
        return self._advance(filled, at_end=True)[..., :left]

    def _advance(self, audio: Tensor, at_end: bool) -> Tensor:
        joined = torch.cat([self.uneven, audio], -1)
        even = joined.shape[-1] // 2 * 2
        self.uneven = joined[..., even:].clone()
        whole = joined[..., :even].contiguous()
        pairs = to_pairs(whole * self.network.louder)
        self.heard.add(whole if self.network.coarse else pairs)
        features = self.top.advance(pairs, at_end)
        mixed = self._gained(features, at_end) if self.network.coarse else self._sampled(features, at_end)
        self.given += mixed.shape[-1]
        return mixed

    def _sampled(self, features: Tensor, at_end: bool) -> Tensor:
        joined = torch.cat([features, self.heard.take(features.shape[-1])], 1)
        return from_pairs(self.head.advance(joined, at_end))

    def _gained(self, features: Tensor, at_end: bool) -> Tensor:
        self.gains.add(self.head.advance(features, at_end))
        if at_end:
            self.gains.add(self.gains.waiting[..., -1:])
        frames = max(0, self.gains.waiting.shape[-1] - 1)
        edges = self.gains.waiting[..., : frames + 1]
        self.gains.take(frames)
        tracks = self.heard.take(frames * self.network.frame)
        return self.network.mixed(tracks, edges) if frames else tracks.new_zeros(1, 2, 0)


class _Queue:
    """Features (1, C, T) that wait."""

    def __init__(self, channels: int) -> None:
        self.waiting = torch.zeros(1, channels, 0)

    def add(self, features: Tensor) -> None:
        self.waiting = torch.cat([self.waiting, features], -1) if self.waiting.shape[-1] else features

    def take(self, steps: int) -> Tensor:
        """The first so many."""
        taken = self.waiting[..., :steps]
        # A copy: a view would keep the memory of the whole block.
        self.waiting = self.waiting[..., steps:].clone()
        return taken


class _Convolution:
    """A centred convolution (O, I, P) of what comes in pieces, with silence before and after, and PReLU or nothing."""

    def __init__(self, weight: Tensor, bias: Tensor, slopes: Tensor | None = None) -> None:
        self.weight, self.bias, self.slopes = weight.detach().clone(), bias.detach().clone(), slopes
        self.reach = weight.shape[-1] // 2
        self.kept = torch.zeros(1, weight.shape[1], self.reach)

    def advance(self, features: Tensor, at_end: bool) -> Tensor:
        """Take (1, I, T), return what is ready, (1, O, T')."""
        known = torch.cat([self.kept, F.pad(features, (0, self.reach if at_end else 0))], -1)
        ready = known.shape[-1] - 2 * self.reach
        if ready <= 0:
            self.kept = known
            return known.new_zeros(1, len(self.weight), 0)
        self.kept = known[..., ready:].clone()
        filtered = F.conv1d(known, self.weight, self.bias)
        return filtered if self.slopes is None else torch.prelu(filtered, self.slopes)


class _Bottleneck:
    """The 1 x 1 convolution at the bottom."""

    def __init__(self, convolution: nn.Conv1d) -> None:
        assert convolution.bias is not None
        self.weight, self.bias = convolution.weight.detach().clone(), convolution.bias.detach().clone()

    def advance(self, features: Tensor, at_end: bool) -> Tensor:
        return F.conv1d(features, self.weight, self.bias) if features.shape[-1] else features


class _Level:
    """A level down, what is below it, and the level up.

    Args:
        down: level.
        up: level; None where the network ends early on the way up.
        below: the levels under it.
        first: whether it takes and gives pairs, as the top level; the others take and give single samples.
    """

    def __init__(self, down: DownBlock, up: UpBlock | None, below: _Level | _Bottleneck, first: bool) -> None:
        weight, bias = _with_norm(down.convolution, down.norm)
        self.convolution = _Convolution(pair_weight(weight), pair_bias(bias), _slopes(down.activation))
        assert down.halving.bias is not None
        self.halving = _Convolution(halving_weight(down.halving.weight), down.halving.bias)
        self.joining: _Convolution | None = None
        if up is not None:
            weight, bias = _with_norm(up.convolution, up.norm)
            self.joining = _Convolution(joining_weight(weight), pair_bias(bias), _slopes(up.activation))
        self.below, self.first = below, first
        self.uneven = _Queue(down.convolution.in_channels)
        self.across, self.risen = _Queue(2 * down.halving.in_channels), _Queue(down.halving.out_channels)

    def advance(self, features: Tensor, at_end: bool) -> Tensor:
        """Take what comes from above and return what is ready to go back there."""
        if not self.first:
            self.uneven.add(features)
            features = to_pairs(self.uneven.take(self.uneven.waiting.shape[-1] // 2 * 2).contiguous())
        shaped = self.convolution.advance(features, at_end)
        risen = self.below.advance(self.halving.advance(shaped, at_end), at_end)
        if self.joining is None:
            return risen
        self.across.add(shaped)
        self.risen.add(risen)
        ready = min(self.across.waiting.shape[-1], self.risen.waiting.shape[-1])
        joined = torch.cat([self.risen.take(ready), self.across.take(ready)], 1)
        pairs = self.joining.advance(joined, at_end)
        return pairs if self.first else from_pairs(pairs)


def _slopes(activation: nn.PReLU) -> Tensor:
    return pair_bias(activation.weight.detach()).clone()


def _with_norm(convolution: nn.Conv1d, norm: nn.Module | None) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with the normalisation behind it."""
    weight, bias = convolution.weight.detach(), convolution.bias
    assert bias is not None
    if not isinstance(norm, nn.BatchNorm1d):
        return weight, bias.detach()
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    moved = (bias.detach().double() - norm.running_mean.double()) * scale + norm.bias.detach().double()
    return (weight.double() * scale[:, None, None]).float(), moved.float()
