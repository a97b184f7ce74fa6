"""From the embeddings of tracks to where every setting stands."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fxrep.errors import ArgumentError

_START_SPREAD = 0.02
"""Spread of what an untrained network adds to the logits of its starting point."""


class PostProcessor(nn.Module):
    """Two small networks: one for each track, told its embedding and the context, and one for what is shared.

    The context is the mean of the embeddings over the tracks that there are (Steinmetz et al. 2021, section 2.2), so
    that tracks may come in any order and number. A style is a vector beside it; where there is none, a learned one
    stands in its place.

    Args:
        dim: size of the embedding of a track.
        track_starts: (K,) where an untrained network sets a track, between 0 and 1.
        shared_starts: (S,) where it sets what is shared; none for a console of which only tracks are set.
        style_dim: size of the embedding of a style; 0 for a network that takes none.
        style_width: size that a style is brought to.
        hidden: widths of the hidden layers.
        dropout: share of values left out in training.

    Raises:
        ArgumentError: a size below 1, or a share out of range.
    """

    def __init__(
        self,
        dim: int,
        track_starts: Tensor,
        shared_starts: Tensor,
        style_dim: int = 0,
        style_width: int = 32,
        hidden: Sequence[int] = (256, 256),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if min([dim, style_width, *hidden]) < 1 or not 0.0 <= dropout < 1.0:
            raise ArgumentError(
                f"dim={dim}, style_width={style_width}, hidden={list(hidden)}, dropout={dropout}: expected sizes of 1 "
                "or more, and a share below 1"
            )
        width = style_width if style_dim else 0
        self.enter_style = nn.Linear(style_dim, style_width) if style_dim else None
        self.no_style = nn.Parameter(torch.zeros(style_width)) if style_dim else None
        self.tracks = _network([2 * dim + width, *hidden], track_starts, dropout)
        self.shared = _network([dim + width, *hidden], shared_starts, dropout) if len(shared_starts) else None

    def forward(
        self, embedded: Tensor, mask: Tensor, style: Tensor | None = None, styled: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Set tracks and what is shared.

        Args:
            embedded: (B, N, dim).
            mask: (B, N) booleans, which tracks there are. The others change nothing.
            style: (B, style_dim), or None.
            styled: (B,) booleans, which mixes have one; None: all, if there are any.

        Returns:
            (B, N, K) and (B, S), between 0 and 1.

        Raises:
            ArgumentError: a style for a network that takes none.
        """
        # What an absent track holds must not matter, not even where it is NaN.
        known = embedded.masked_fill(~mask[..., None], 0.0)
        context = known.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        if self.enter_style is not None:
            context = torch.cat([context, self._enter(style, styled, len(mask))], dim=-1)
        elif style is not None:
            raise ArgumentError("this model was made without a style: leave it out, or train one with style true")
        told = torch.cat([known, context[:, None].expand(-1, known.shape[1], -1)], dim=-1)
        shared = known.new_zeros(len(mask), 0) if self.shared is None else torch.sigmoid(self.shared(context))
        return torch.sigmoid(self.tracks(told)), shared

    def _enter(self, style: Tensor | None, styled: Tensor | None, batch: int) -> Tensor:
        assert self.enter_style is not None and self.no_style is not None
        nothing = self.no_style.expand(batch, -1)
        if style is None:
            return nothing
        # Scaled, so that each value of a vector of unit length has a spread of about 1.
        entered: Tensor = self.enter_style(style * math.sqrt(style.shape[-1])).expand(batch, -1)
        return entered if styled is None else torch.where(styled[:, None], entered, nothing)


def _network(widths: Sequence[int], starts: Tensor, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.PReLU(), nn.Dropout(dropout)]
    head = nn.Linear(widths[-1], len(starts))
    nn.init.normal_(head.weight, std=_START_SPREAD / math.sqrt(widths[-1]))
    with torch.no_grad():
        head.bias.copy_(torch.logit(starts))
    return nn.Sequential(*layers, head)
