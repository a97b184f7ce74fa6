"""The controller of Diff-MST: a transformer over the tracks, the reference and the shared strips of a console.

S. Vanka, C. Steinmetz et al., "Diff-MST: Differentiable Mixing Style Transfer", ISMIR 2024, section 2.5. Nothing tells
the tracks apart but what they sound like, so that they may come in any order and number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from fxrep.errors import ArgumentError

_START_SPREAD = 0.02
"""Spread of what an untrained head adds to the logits of its starting point."""


@dataclass(frozen=True)
class Positions:
    """Where every setting of a console stands, from 0 to 1; see `MixingConsole.denormalize`.

    Attributes:
        tracks: (B, N, P).
        buses: (B, Q).
        master: (B, M).
    """

    tracks: Tensor
    buses: Tensor
    master: Tensor


class Controller(nn.Module):
    """Tokens of tracks and reference to positions of settings, between 0 and 1.

    One token for each track, for each view of the reference (left, right; or left, right and both), for the buses, if
    there are any, and for the master; the last two are learned. A learned vector tells which kind a token is. Heads are
    linear, one for all tracks.

    Args:
        starts: where an untrained controller sets the console: positions of one track (P,), of the buses (Q,) and of
            the master (M,), between 0 and 1; their sizes are those of the heads. See `starting_positions`.
        reference_tokens: views of the reference.
        track_dim: size of what is known of a track.
        reference_dim: size of what is known of a view of the reference.
        width: of the tokens; where it is the size of what is known, no layer stands between, as published.
        layers: of the transformer.
        heads: of its attention.
        feedforward: width inside its layers.
        dropout: share of values left out in training.
        norm_first: normalise before each part instead of behind it, which trains without a warm-up.

    Raises:
        ArgumentError: the width cannot be divided among the heads.
    """

    def __init__(
        self,
        starts: Mapping[str, Tensor],
        reference_tokens: int,
        track_dim: int,
        reference_dim: int,
        width: int = 512,
        layers: int = 12,
        heads: int = 8,
        feedforward: int = 2048,
        dropout: float = 0.0,
        norm_first: bool = False,
    ) -> None:
        super().__init__()
        if min(width, layers, heads, feedforward) < 1 or width % heads:
            raise ArgumentError(f"width {width} cannot be divided among {heads} heads: give a multiple")
        self.enter_track = _entry(track_dim, width)
        self.enter_reference = _entry(reference_dim, width)
        self.track_kind = nn.Parameter(torch.randn(width))
        self.reference_kinds = nn.Parameter(torch.randn(reference_tokens, width))
        self.shared = [name for name in ("buses", "master") if len(starts[name])]
        self.shared_tokens = nn.ParameterDict({name: nn.Parameter(torch.randn(width)) for name in self.shared})
        layer = nn.TransformerEncoderLayer(width, heads, feedforward, dropout, batch_first=True, norm_first=norm_first)
        last = nn.LayerNorm(width) if norm_first else None
        self.transformer = nn.TransformerEncoder(layer, layers, last, enable_nested_tensor=False)
        self.heads = nn.ModuleDict({name: _head(width, starts[name]) for name in ("tracks", *self.shared)})

    def forward(self, tracks: Tensor, reference: Tensor, mask: Tensor | None = None) -> Positions:
        """Set the console.

        Args:
            tracks: (B, N, track_dim), what is known of each track.
            reference: (B, reference_tokens, reference_dim), what is known of the reference.
            mask: (B, N) booleans: which tracks there are. The others change nothing; what is set for them has no
                meaning.

        Returns:
            positions of all settings.
        """
        batch, count = tracks.shape[:2]
        if mask is None:
            mask = torch.ones(batch, count, dtype=torch.bool, device=tracks.device)
        # What an absent track holds must not matter, not even where it is NaN.
        known = tracks.masked_fill(~mask[..., None], 0.0)
        tokens = [self.enter_track(known) + self.track_kind, self.enter_reference(reference) + self.reference_kinds]
        tokens += [self.shared_tokens[name].expand(batch, 1, -1) for name in self.shared]
        joined = torch.cat(tokens, dim=1)
        absent = torch.cat([~mask, mask.new_zeros(batch, joined.shape[1] - count)], dim=1)
        heard = self.transformer(joined, src_key_padding_mask=absent)
        places = {name: heard[:, place - len(self.shared)] for place, name in enumerate(self.shared)}
        found = {name: torch.sigmoid(self.heads[name](token)) for name, token in places.items()}
        nothing = heard.new_zeros(batch, 0)
        return Positions(
            torch.sigmoid(cast(Tensor, self.heads["tracks"](heard[:, :count]))),
            found.get("buses", nothing),
            found.get("master", nothing),
        )


def _entry(size: int, width: int) -> nn.Module:
    return nn.Identity() if size == width else nn.Linear(size, width)


def _head(width: int, start: Tensor) -> nn.Linear:
    head = nn.Linear(width, len(start))
    nn.init.normal_(head.weight, std=_START_SPREAD / math.sqrt(width))
    with torch.no_grad():
        head.bias.copy_(torch.logit(start))
    return head
