"""One block of the network made ready to render under one embedding: channels last, normalisation folded in."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from style_transfer.mixfx_cloner.network import SLOPE, TemporalBlock
from style_transfer.mixfx_cloner.window_products import WindowProducts

FEWEST_CHANNELS = 48
"""Below that the sums of a direct convolution cost less than the transforms that save them."""


class BlockRenderer:
    """What a `TemporalBlock` in evaluation mode does to features whose surroundings are given.

    Args:
        block: it is copied.
        told: (D,), what FiLM is told.
    """

    def __init__(self, block: TemporalBlock, told: Tensor) -> None:
        self.reach, self.dilation = block.reach, block.dilation
        weight, bias = _with_norm(block)
        self.outputs, self.inputs, self.taps = weight.shape
        self.bias = bias.float()
        self.gain, self.offset = (part.contiguous() for part in block.film(told).detach().float().chunk(2))
        self.skip = block.skip.weight.detach().flatten().float()
        products = self.inputs >= FEWEST_CHANNELS
        self.products = WindowProducts(weight, self.dilation) if products else None
        self.weight = weight.float()[:, :, None].to(memory_format=torch.channels_last)

    def padded_length(self, samples: int) -> int:
        """Rows of features that are read for so many outputs; those beyond samples + 2 reach have to be 0."""
        needed = samples + 2 * self.reach
        return needed if self.products is None or not samples else max(needed, self.products.padded_length(samples))

    def render(self, features: Tensor, result: Tensor) -> None:
        """Process features (`padded_length(T)` or more, C) into the result (T, C')."""
        if self.products is None:
            self._direct(features[: len(result) + 2 * self.reach], result)
            return
        for found, rows in self.products.tiles(features, len(result)):
            torch.addcmul(self._shaped(found), rows.of(features, self.reach), self.skip, out=found)
            rows.write(found, result)

    def _direct(self, features: Tensor, result: Tensor) -> None:
        image = features.t()[None, :, None]
        filtered = F.conv2d(image, self.weight, dilation=(1, self.dilation))[0, :, 0].t()
        centre = features[self.reach : len(features) - self.reach]
        if self.inputs != self.outputs:
            # The outputs of a grouped convolution share its inputs in turn: the first half hears the left channel.
            centre = centre.repeat_interleave(self.outputs // self.inputs, dim=1)
        torch.addcmul(self._shaped(filtered.contiguous()), centre, self.skip, out=result)

    def _shaped(self, filtered: Tensor) -> Tensor:
        """Bias, leaky ReLU and FiLM, in place."""
        F.leaky_relu_(filtered.add_(self.bias), SLOPE)
        return torch.addcmul(self.offset, filtered, self.gain, out=filtered)


def _with_norm(block: TemporalBlock) -> tuple[Tensor, Tensor]:
    """Weight (C', C, K) and bias (C',) of the convolution with the normalisation behind it, float64."""
    weight = block.convolution.weight.detach().double()
    bias = block.convolution.bias
    start = torch.zeros(len(weight), dtype=torch.float64) if bias is None else bias.detach().double()
    norm = block.norm
    if norm is None:
        return weight, start
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    return weight * scale[:, None, None], (start - norm.running_mean.double()) * scale + norm.bias.detach().double()
