"""Tracks told by any effect encoder of the project, and by what meters show."""

from __future__ import annotations

import math
import os
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automix.dmc.level_features import describe_sound
from automix.dmc.track_encoder import TrackEncoder
from encoders.base import EffectEncoder
from encoders.checkpoints import load_encoder
from encoders.front_ends import RunningStandardization
from encoders.production_description import N_VALUES, describe_production
from fxrep.audio import resample
from fxrep.errors import ArgumentError, CheckpointError

FURTHEST = 5.0
"""How many spreads from the mean a value counts as at most."""


class EmbeddingTrackEncoder(TrackEncoder):
    """Effect embeddings of the tracks, joined by production features; the encoder of effects stays as it is.

    An effect embedding is made to leave out what is played, and so also which track is a bass. Levels and spectra come
    beside it: `describe_production`, each value standardised over what training has seen. A linear layer puts both
    together.

    Args:
        encoder: a release that `load_encoder` opens, or an encoder. One given by name stays where it is: a release of
            the model names it. One given as an object is part of the model.
        production: join the production features.
        embedding: join the effect embedding; without it only the style of a mix is told by the encoder.
        dim: size of what comes out.
        dropout: share of the production features, and of what comes out, that is left out in training.
        embedding_dropout: share of the values of the embedding that are left out in training; with few songs they are
            learnt by heart sooner than levels and spectra are.
        sample_rate: Hz of the audio; that of the encoder may be another.
        window_s: seconds heard at once in use; None for the window of the encoder.
        fingerprint: of the encoder that this was trained with; None when it is new. A release fills it in.
        sound: describe tracks by `describe_sound` too, for a memory of levels; the embedding does without.

    Raises:
        ArgumentError: neither production features nor embedding, or a share out of range.
        CheckpointError: there is no such encoder, or it is another than the model was trained with.
    """

    frozen = True

    def __init__(
        self,
        encoder: str | EffectEncoder = "default",
        production: bool = True,
        embedding: bool = True,
        dim: int = 64,
        dropout: float = 0.2,
        embedding_dropout: float = 0.5,
        sample_rate: int = 44100,
        window_s: float | None = None,
        fingerprint: str | None = None,
        sound: bool = False,
    ) -> None:
        super().__init__()
        if not (production or embedding) or dim < 1 or not 0.0 <= max(dropout, embedding_dropout) < 1.0:
            raise ArgumentError(
                f"production={production}, embedding={embedding}, dim={dim}, dropout={dropout}, embedding_dropout="
                f"{embedding_dropout}: expected at least one of the first two, a size of 1 or more, and shares below 1"
            )
        opened = encoder if isinstance(encoder, EffectEncoder) else load_encoder(os.fspath(encoder))
        if fingerprint is not None and opened.fingerprint != fingerprint:
            raise CheckpointError(f"the encoder {encoder} is another than the one this model was trained with")
        self.sample_rate, self.window_s = sample_rate, opened.window_s if window_s is None else window_s
        # Resampling may round a sample away.
        spare = int(opened.sample_rate != sample_rate)
        self.shortest = max(2048, math.ceil(opened.minimum_s * sample_rate) + spare)
        self.production, self.embedding, self.dim, self.style_dim = production, embedding, dim, opened.dim
        self.sound = sound
        opened.requires_grad_(False)
        # One that has a place of its own is no part of this module: checkpoints would carry it along.
        self.registered = opened if isinstance(encoder, EffectEncoder) else None
        self.kept = [opened]
        self.standardize = RunningStandardization(N_VALUES) if production else None
        size = (opened.dim if embedding else 0) + (N_VALUES if production else 0)
        self.leave_out, self.leave_out_embedding = nn.Dropout(dropout), nn.Dropout(embedding_dropout)
        self.linear = nn.Linear(size, dim)

    def config(self) -> dict[str, Any]:
        """The constructor tree, without sound features where there are none: older releases keep their print."""
        tree = super().config()
        if not self.sound:
            del tree["init_args"]["sound"]
        return tree

    @property
    def encoder(self) -> EffectEncoder:
        """What embeds."""
        return self.kept[0] if self.registered is None else self.registered

    def train(self, mode: bool = True) -> EmbeddingTrackEncoder:
        """Switch this module; the encoder of effects stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> EmbeddingTrackEncoder:
        """Take the encoder of effects along to another device."""
        super()._apply(fn, recurse)
        if self.registered is None:
            self.kept[0]._apply(fn, recurse)
        return self

    @torch.no_grad()
    def describe(self, audio: Tensor) -> Tensor:
        """Embedding, sound and production features of tracks (R, 2, T), as far as they are used: (R, F)."""
        parts = [self._embed(audio)] if self.embedding else []
        if self.sound:
            parts.append(describe_sound(audio, self.sample_rate))
        if self.production:
            parts.append(describe_production(audio, self.sample_rate))
        return torch.cat(parts, dim=1)

    def embed_style(self, mixes: Tensor) -> Tensor:
        """Embed finished mixes (B, 2, T): (B, style_dim), of unit length."""
        return F.normalize(self._embed(mixes), dim=-1)

    def forward(self, described: Tensor, mask: Tensor) -> Tensor:
        """Standardise and join; see `TrackEncoder`."""
        told = []
        if self.embedding:
            # Of unit length also where they were averaged over windows; scaled to values with a spread of about 1.
            embedded = F.normalize(described[..., : self.style_dim], dim=-1)
            told.append(self.leave_out_embedding(embedded * math.sqrt(self.style_dim)))
        if self.standardize is not None:
            measured = described[..., -N_VALUES:]
            rows = self.standardize(measured[mask][..., None])[..., 0].clamp(-FURTHEST, FURTHEST)
            told.append(self.leave_out(torch.zeros_like(measured).masked_scatter(mask[..., None], rows)))
        embedding: Tensor = self.leave_out(F.gelu(self.linear(torch.cat(told, dim=-1))))
        return embedding

    @torch.no_grad()
    def _embed(self, audio: Tensor) -> Tensor:
        embedded: Tensor = self.encoder(resample(audio, self.sample_rate, self.encoder.sample_rate))
        return embedded
