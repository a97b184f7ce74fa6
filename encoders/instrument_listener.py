"""From the frames of a mixture and a query to the embedding of one instrument in it.

An extractor that starts from a mixture's embedding (Yeh et al. 2025) can only sort what is left of the instruments
after pooling. This one listens before: the query steers convolutions over the frames, which decide for every band when
the instrument is heard there, and statistics are taken over those moments.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from encoders.time_blocks import FRAMES_PER_STEP, TimeBlock, frame_pairs, spread


class InstrumentListener(nn.Module):
    """Convolutions over time steered by a query (FiLM, Perez et al. 2018), then statistics by attention.

    Args:
        n_features: F of the frames.
        n_bands: bands B of the frames; features 0 … 6 B - 1 are six rows of them, all others are one more group.
        query_dim: size of the query.
        dim: size of the embedding.
        channels: width of the convolutions.
        n_blocks: of them, with dilations 1, 2, 4, 1, 2, 4, …
        hidden: width of the last layers.
    """

    def __init__(
        self,
        n_features: int,
        n_bands: int,
        query_dim: int,
        dim: int,
        channels: int = 128,
        n_blocks: int = 4,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        self.n_bands = n_bands
        self.entry = nn.Linear(FRAMES_PER_STEP * n_features, channels)
        self.steering = nn.Linear(query_dim, 2 * channels * (n_blocks + 1))
        self.blocks = nn.ModuleList(TimeBlock(channels, dilation=2 ** (i % 3)) for i in range(n_blocks))
        self.attention = nn.Linear(channels, n_bands + 1)
        sizes = 2 * n_features + (n_bands + 1) + 3 * channels + query_dim
        last = nn.Linear(hidden, dim)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.joint = nn.Sequential(nn.Linear(sizes, hidden), nn.GELU(), last)

    def forward(self, frames: Tensor, query: Tensor) -> Tensor:
        """Standardised frames (B, F, frames) and queries (B, Q) of unit length to (B, dim); 0 until it has learned."""
        steered = query * query.shape[-1] ** 0.5
        scales, shifts = self.steering(steered).unflatten(-1, (2, len(self.blocks) + 1, -1)).unbind(1)
        moving = self.entry(frame_pairs(frames))
        for place, block in enumerate(self.blocks):
            moving = block(moving * (1.0 + scales[:, place, None]) + shifts[:, place, None])
        moving = moving * (1.0 + scales[:, -1, None]) + shifts[:, -1, None]
        logits = self.attention(moving)
        heard = self._statistics(frames, logits.softmax(dim=1))
        # How sure it is that the instrument is heard in each band at its loudest moment, which the weights do not tell.
        pooled = [logits.amax(1), moving.mean(1), spread(moving, 1), moving.amax(1), steered]
        embedded: Tensor = self.joint(torch.cat([heard, *pooled], dim=1))
        return embedded

    def _statistics(self, frames: Tensor, weights: Tensor) -> Tensor:
        """Mean and spread (B, 2 F) of the frames under weights (B, steps, bands + 1) that sum to 1 over the steps."""
        steps = frames.shape[-1] // FRAMES_PER_STEP
        each = weights.transpose(1, 2).repeat_interleave(FRAMES_PER_STEP, dim=-1) / FRAMES_PER_STEP
        frames = frames[..., : steps * FRAMES_PER_STEP]
        banded, other = frames.split([6 * self.n_bands, frames.shape[1] - 6 * self.n_bands], dim=1)
        banded = banded.unflatten(1, (6, self.n_bands))
        moments = []
        for values in ((banded, other), (banded.square(), other.square())):
            by_band = (values[0] * each[:, None, :-1]).sum(-1).flatten(1)
            moments.append(torch.cat([by_band, (values[1] * each[:, -1:]).sum(-1)], dim=1))
        mean, square = moments
        # Rounding can leave a constant feature below zero.
        return torch.cat([mean, ((square - mean.square()).clamp(min=0.0) + 1e-5).sqrt()], dim=1)
