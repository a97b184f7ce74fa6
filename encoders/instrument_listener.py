"""From the frames of a mixture and a query to the frames of one instrument in it.

An extractor that starts from a mixture's embedding (Yeh et al. 2025) can only sort what is left of the instruments
after pooling. This one listens before: the query steers convolutions over the frames, which say for every frame what
the instrument alone would look like. The encoder then hears those frames as it hears any others.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from encoders.time_blocks import FRAMES_PER_STEP, TimeBlock, frame_pairs


class InstrumentListener(nn.Module):
    """Convolutions over time steered by a query (FiLM, Perez et al. 2018), which change the frames they read.

    Args:
        n_features: F of the frames.
        query_dim: size of the query.
        channels: width of the convolutions.
        n_blocks: of them, with dilations 1, 2, 4, 1, 2, 4, …
    """

    def __init__(self, n_features: int, query_dim: int, channels: int = 192, n_blocks: int = 4) -> None:
        super().__init__()
        self.entry = nn.Linear(FRAMES_PER_STEP * n_features, channels)
        self.steering = nn.Linear(query_dim, 2 * channels * (n_blocks + 1))
        self.blocks = nn.ModuleList(TimeBlock(channels, dilation=2 ** (i % 3)) for i in range(n_blocks))
        self.change = nn.Linear(channels, FRAMES_PER_STEP * n_features)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, frames: Tensor, query: Tensor) -> Tensor:
        """Standardised frames (B, F, frames) of mixtures and queries (B, Q) of unit length to frames (B, F, frames).

        Levels are in decibels, so that what is added to them is a mask. Untrained, it changes nothing.
        """
        steered = query * query.shape[-1] ** 0.5
        scales, shifts = self.steering(steered).unflatten(-1, (2, len(self.blocks) + 1, -1)).unbind(1)
        moving = self.entry(frame_pairs(frames))
        for place, block in enumerate(self.blocks):
            moving = block(moving * (1.0 + scales[:, place, None]) + shifts[:, place, None])
        change = self.change(moving * (1.0 + scales[:, -1, None]) + shifts[:, -1, None])
        change = change.unflatten(-1, (FRAMES_PER_STEP, -1)).flatten(1, 2).transpose(1, 2)
        left_out = frames.shape[-1] - change.shape[-1]  # a last odd frame is no step: it changes as the one before it
        if left_out:
            change = torch.cat([change, change[..., -left_out:]], dim=-1)
        alone: Tensor = frames + change
        return alone
