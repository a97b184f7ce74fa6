"""The network of FxNorm-automix: learned filters, a mask over them from a TCN and a BLSTM, and the filters backwards.

Source: Martinez-Ramirez, Liao, Fabbro, Uhlich, Nagashima and Mitsufuji, "Automatic music mixing with deep learning and
out-of-domain data", ISMIR 2022. Every size is the published one by default. Four things differ:

- The mask is used. The published program computes it and then multiplies by the output of the front end in its place,
  so that its TCN and BLSTM, three quarters of its weights, have no influence.
- The residual path of the last temporal block, which nothing reads, is left out: 33,024 weights.
- The front end begins as a lapped transform whose bands add up to the stems, and with envelopes of these bands, where
  the published one is trained as an autoencoder first.
- The length need not be a multiple of the pooling: silence is added and cut off again.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from automix.fxnorm_automix.groups import GROUPS
from automix.fxnorm_automix.lapped_filters import lapped_filters
from fxrep.errors import ArgumentError, AudioError

CHANNELS = 2 * len(GROUPS)

PUBLISHED: dict[str, Any] = {
    "features": 128,
    "taps": 64,
    "pool": 64,
    "stride": 1,
    "separation": 256,
    "hidden": 128,
    "skip": 64,
    "blocks": 6,
    "repeats": 4,
    "expansion": 16,
    "lstm_layers": 3,
}

SMALL: dict[str, Any] = {
    "features": 32,
    "taps": 16,
    "pool": 128,
    "stride": 16,
    "separation": 48,
    "hidden": 48,
    "skip": 32,
    "blocks": 6,
    "repeats": 1,
    "expansion": 4,
    "lstm_layers": 1,
}
"""For a CPU core: half the bands, a quarter of the blocks, a fortieth of the weights."""

EPS = 1e-8
LONGEST_MEMORY = 32
"""Frames after which a BLSTM that begins so has forgotten (Tallec and Ollivier, "Can recurrent neural networks warp
time?", ICLR 2018)."""


class TemporalBlock(nn.Module):
    """One block of the TCN (Luo and Mesgarani, "Conv-TasNet", 2019), normalised over all frames and features.

    Args:
        separation: features that come in and go on.
        hidden: features inside.
        skip: features that are added up over all blocks.
        dilation: frames between the three taps.
        last: whether nothing goes on.
    """

    def __init__(self, separation: int, hidden: int, skip: int, dilation: int, last: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.enter = nn.Sequential(nn.Conv1d(separation, hidden, 1), nn.PReLU())
        self.norm_entered = nn.GroupNorm(1, hidden, eps=EPS)
        self.filter = nn.Conv1d(hidden, hidden, 3, dilation=dilation, groups=hidden)
        self.bend = nn.PReLU()
        self.norm_filtered = nn.GroupNorm(1, hidden, eps=EPS)
        self.skip = nn.Conv1d(hidden, skip, 1)
        self.residual = None if last else nn.Conv1d(hidden, separation, 1)

    def filtered(self, normed: Tensor) -> Tensor:
        """Filter (B, H, F + 2 dilation) to (B, H, F)."""
        # Depthwise convolutions of images are ten times as fast as those of lines.
        weight, step = self.filter.weight[:, :, None], (1, self.dilation)
        filtered = F.conv2d(normed[:, :, None], weight, self.filter.bias, dilation=step, groups=len(weight))
        bent: Tensor = self.bend(filtered[:, :, 0])
        return bent

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Process (B, C, F): what goes on, (B, C, F), and what is added up, (B, skip, F)."""
        normed = self.norm_entered(self.enter(features))
        found = self.norm_filtered(self.filtered(F.pad(normed, (self.dilation, self.dilation))))
        return features if self.residual is None else features + self.residual(found), self.skip(found)


class FxNormNetwork(nn.Module):
    """Normalised stems to wet stems and their mix.

    Args:
        features: filters of the front end.
        taps: of these filters; those of the envelopes have twice as many.
        pool: samples of a frame of the mask.
        stride: samples from one value of an envelope to the next; a frame is the highest of them.
        separation, hidden, skip: features between the temporal blocks, within them, and added up over them.
        blocks: temporal blocks of a repeat, with dilations 1, 2, 4 …
        repeats: of those blocks.
        expansion: hidden units of the squeeze-and-excitation layer for each feature.
        lstm_layers: of the BLSTM.

    Raises:
        ArgumentError: a size is out of range.
    """

    def __init__(
        self,
        features: int = 128,
        taps: int = 64,
        pool: int = 64,
        stride: int = 1,
        separation: int = 256,
        hidden: int = 128,
        skip: int = 64,
        blocks: int = 6,
        repeats: int = 4,
        expansion: int = 16,
        lstm_layers: int = 3,
    ) -> None:
        super().__init__()
        sizes = (features, taps, pool, stride, separation, hidden, skip, blocks, repeats, expansion, lstm_layers)
        if min(sizes) < 1 or features % 2 or blocks > 16 or pool % stride:
            raise ArgumentError(
                f"sizes {sizes}: expected 1 or more, an even number of features, at most 16 blocks, and a stride that "
                "divides the pool"
            )
        self.features, self.taps, self.pool, self.stride = features, taps, pool, stride
        self.analysis = nn.Parameter(torch.empty(features, CHANNELS, taps))
        self.envelope = nn.Parameter(torch.empty(features, 1, 2 * taps))
        self.norm = nn.GroupNorm(1, features, eps=EPS)
        self.bottleneck = nn.Conv1d(features, separation, 1)
        last = blocks * repeats - 1
        self.blocks = nn.ModuleList(
            TemporalBlock(separation, hidden, skip, 2 ** (number % blocks), number == last)
            for number in range(blocks * repeats)
        )
        self.collect = nn.Sequential(nn.PReLU(), nn.Conv1d(skip, features, 1), nn.Softplus())
        self.blstm = nn.LSTM(
            features, features // 2, lstm_layers, batch_first=True, dropout=0.1 * (lstm_layers > 1), bidirectional=True
        )
        self.excite = nn.Sequential(
            nn.Linear(features, expansion * features),
            nn.ReLU(),
            nn.Linear(expansion * features, features),
            nn.Sigmoid(),
        )
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        """Begin as the sum of the stems: lapped filters, envelopes, half of every feature, a mask of ln 2.

        A mask by chance would pull both sides of whatever is in the middle apart, and the difference of the sides,
        silent in the target, is half of the loss. So nothing enters the cells of the last layer: it gives 0 until it
        learnt.
        """
        for name, weight in self.blstm.named_parameters():
            size = len(weight) // 4
            if "bias" in name:
                weight.zero_()
                weight[size : 2 * size] = torch.empty(size).uniform_(1.0, LONGEST_MEMORY - 1.0).log()
                weight[:size] = -weight[size : 2 * size]
            if f"_l{self.blstm.num_layers - 1}" in name:
                weight[2 * size : 3 * size] = 0.0
        last: Any = self.excite[2]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        window = torch.hann_window(2 * self.taps + 1)[1:]
        self.envelope.copy_((window / window.sum()).expand_as(self.envelope))
        filters = lapped_filters(self.features, CHANNELS, self.taps)
        if filters is None:
            nn.init.kaiming_uniform_(self.analysis, a=math.sqrt(5.0))
        else:
            self.analysis.copy_(filters * (0.5 * math.log(2.0)) ** -0.5)

    @property
    def before(self) -> int:
        """Samples before it that a filter hears; those of an envelope are 2 `before` + 1."""
        return (self.taps - 1) // 2

    @property
    def after(self) -> int:
        """Samples behind it that a filter hears; those of an envelope are 2 `after`."""
        return self.taps - 1 - self.before

    @property
    def envelope_reach(self) -> tuple[int, int]:
        """Samples before and behind it that an envelope hears."""
        return (2 * self.taps - 1) // 2, 2 * self.taps - 1 - (2 * self.taps - 1) // 2

    def temporal_blocks(self) -> list[TemporalBlock]:
        """The blocks in order, by their type."""
        return [block for block in self.blocks if isinstance(block, TemporalBlock)]

    def analysed(self, audio: Tensor) -> Tensor:
        """Filter (B, 8, T + taps - 1) to (B, features, T)."""
        return F.conv2d(audio[:, :, None], self.analysis[:, :, None])[:, :, 0]

    def frames(self, analysed: Tensor) -> Tensor:
        """Follow (B, features, T + 2 taps - 1), T a multiple of the frames: the highest envelope of each frame."""
        size, step = analysed.abs()[:, :, None], (1, self.stride)
        followed = F.conv2d(size, self.envelope[:, :, None], stride=step, groups=self.features)
        return F.max_pool1d(F.softplus(followed[:, :, 0]), self.pool // self.stride)

    def synthesised(self, masked: Tensor) -> Tensor:
        """Go back from (B, features, T + taps - 1) to (B, 8, T)."""
        whole = F.conv_transpose2d(masked[:, :, None], self.analysis[:, :, None])[:, :, 0]
        return whole[..., self.taps - 1 : masked.shape[-1]]

    def mask(self, frames: Tensor) -> Tensor:
        """Frames (B, features, F) to their gains (B, features, F), between 0.31 and 1.31."""
        features, collected = self.bottleneck(self.norm(frames)), frames.new_zeros(())
        for block in self.blocks:
            features, skipped = block(features)
            collected = collected + skipped
        found, _ = self.blstm(self.collect(collected).transpose(1, 2))
        return F.softplus(found.transpose(1, 2))

    def outputs(self, stems: Tensor) -> Tensor:
        """Wet stems before the limit of the sum, (B, 4, 2, T), of normalised stems (B, 4, 2, T).

        Raises:
            AudioError: not four stereo stems.
        """
        if stems.dim() != 4 or stems.shape[1:3] != (len(GROUPS), 2) or not stems.shape[-1]:
            raise AudioError(
                f"stems of shape {tuple(stems.shape)}: expected (batch, {len(GROUPS)}, 2, samples), {', '.join(GROUPS)}"
            )
        samples = stems.shape[-1]
        audio = F.pad(stems.flatten(1, 2), (self.before, self.after + -samples % self.pool))
        analysed = self.analysed(audio)
        mask = self.mask(self.frames(F.pad(analysed, self.envelope_reach)))
        masked = analysed * mask.repeat_interleave(self.pool, dim=-1)
        masked = masked * self.excite(masked.abs().mean(-1))[:, :, None]
        back = self.synthesised(F.pad(masked, (self.after, self.before)))
        outputs: Tensor = back[..., :samples].unflatten(1, (len(GROUPS), 2))
        return outputs

    def forward(self, stems: Tensor) -> Tensor:
        """Mix normalised stems (B, 4, 2, T), in the order of `GROUPS`: (B, 2, T), within full scale."""
        return self.outputs(stems).sum(1).tanh()


def limited(outputs: Tensor) -> Tensor:
    """Share the limit of the mix among the stems (..., 4, 2, T), so that they add up to it: all get the same gain."""
    total = outputs.sum(-3, keepdim=True)
    return outputs * torch.where(total.abs() < 1e-4, 1.0, total.tanh() / total)
