"""A controller told by any effect encoder of the project, and by what meters show."""

from __future__ import annotations

import math
import os
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.base import EffectEncoder
from encoders.checkpoints import load_encoder
from encoders.front_ends import RunningStandardization
from encoders.production_description import N_VALUES, band_power, describe_production
from fxrep.audio import resample, resample_differentiable
from fxrep.errors import ArgumentError, CheckpointError
from style_transfer.diff_mst.conditioning import Conditioning, left_right_both
from style_transfer.diff_mst.spectral_fit import N_FIT, fit_spectrum


class EmbeddingConditioning(Conditioning):
    """Effect embeddings of tracks and reference, joined by production features and by a fit of their spectra.

    An effect embedding is made to leave out what is played. Levels and spectra of the tracks, without which nobody can
    mix, therefore come beside it: `describe_production` of every track and of left, right and both of the reference,
    each value standardised over what training has seen; and `fit_spectrum`, which says where in the reference something
    like the track is. An encoder that takes queries is also asked for the track inside the reference.

    Args:
        encoder: a release that `load_encoder` opens, or an encoder. One given by name stays where it is: a release of
            the controller names it. One given as an object is part of the controller.
        tuned: train the encoder too; else it stays as it is and descriptions of tracks can be kept.
        production: join the production features.
        fit: join the fit of the spectra.
        queries: ask the reference for each track, where the encoder takes queries.
        sample_rate: Hz of the audio; that of the encoder may be another.
        window_s: seconds heard at once in use; None for the window of the encoder.
        fingerprint: of the encoder that this was trained with; None when it is new. A release fills it in.

    Raises:
        ArgumentError: queries of an encoder that takes none.
        CheckpointError: there is no such encoder, or it is another than the controller was trained with.
    """

    def __init__(
        self,
        encoder: str | EffectEncoder = "default",
        tuned: bool = False,
        production: bool = True,
        fit: bool = True,
        queries: bool = False,
        sample_rate: int = 44100,
        window_s: float | None = None,
        fingerprint: str | None = None,
    ) -> None:
        super().__init__()
        opened = encoder if isinstance(encoder, EffectEncoder) else load_encoder(os.fspath(encoder))
        if fingerprint is not None and opened.fingerprint != fingerprint:
            raise CheckpointError(f"the encoder {encoder} is another than the one this controller was trained with")
        self.sample_rate, self.window_s = sample_rate, opened.window_s if window_s is None else window_s
        # Resampling may round a sample away.
        spare = int(opened.sample_rate != sample_rate)
        self.shortest = max(2048, math.ceil(opened.minimum_s * sample_rate) + spare)
        self.tuned, self.frozen, self.production, self.fit = tuned, not tuned, production, fit
        self.dim, self.query_dim = opened.dim, 0
        opened.requires_grad_(tuned)
        # A frozen encoder that has a place of its own is no part of this module: checkpoints would carry it along.
        self.registered = opened if tuned or isinstance(encoder, EffectEncoder) else None
        self.kept = [opened]
        if queries:
            self.query_dim = _query_size(opened)
        self.reference_tokens = 3
        self.standardize_track = RunningStandardization(N_VALUES) if production else None
        self.standardize_reference = RunningStandardization(N_VALUES) if production else None
        self.reference_dim = self.dim + (N_VALUES if production else 0)
        self.track_dim = self.reference_dim + (N_FIT if fit else 0) + (self.dim if queries else 0)

    @property
    def encoder(self) -> EffectEncoder:
        """What embeds."""
        return self.kept[0] if self.registered is None else self.registered

    def train(self, mode: bool = True) -> EmbeddingConditioning:
        """Switch this module; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.train(mode and self.tuned)
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> EmbeddingConditioning:
        """Take the encoder along to another device."""
        super()._apply(fn, recurse)
        if self.registered is None:
            self.kept[0]._apply(fn, recurse)
        return self

    def describe_tracks(self, audio: Tensor) -> Tensor:
        """Embedding, production features and query of tracks (R, 2, T): (R, D + N_VALUES + Q)."""
        parts = [self._embed(audio), describe_production(audio, self.sample_rate)]
        if self.query_dim:
            parts.append(self._query(audio))
        return torch.cat(parts, dim=1)

    def describe_reference(self, audio: Tensor) -> Tensor:
        """Embedding and production features of left, right and both of references (B, 2, T): (B, 3, D + N_VALUES)."""
        views = left_right_both(audio).flatten(0, 1)
        described = torch.cat([self._embed(views), describe_production(views, self.sample_rate)], dim=1)
        by_view: Tensor = described.unflatten(0, (-1, 3))
        return by_view

    def ask(self, reference: Tensor, tracks: Tensor) -> Tensor | None:
        """Embed what sounds like each track (B, N, F) inside references (B, 2, T): (B, N, D)."""
        if not self.query_dim:
            return None
        # Of unit length, as they are made, also where they were averaged over windows.
        queries = F.normalize(tracks[..., -self.query_dim :], dim=-1)
        audio = self._resampled(reference)
        # One reference at a time: the encoder hears it once for every track.
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tuned):
            answers = [
                self.encoder.extract(one.expand(len(asked), -1, -1), asked)
                for one, asked in zip(audio, queries, strict=True)
            ]
        return torch.stack(answers)

    def forward(
        self, tracks: Tensor, reference: Tensor, mask: Tensor, asked: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Standardise, fit and join; see `Conditioning`."""
        # Of unit length also where they were averaged over windows; scaled, so that each value has a spread of about 1.
        told = [self._scaled(tracks[..., : self.dim])]
        heard = [self._scaled(reference[..., : self.dim])]
        measured, of_reference = (one[..., self.dim : self.dim + N_VALUES] for one in (tracks, reference))
        if self.standardize_track is not None and self.standardize_reference is not None:
            rows = self.standardize_track(measured[mask][..., None])[..., 0]
            told.append(torch.zeros_like(measured).masked_scatter(mask[..., None], rows.clamp(-5.0, 5.0)))
            views = self.standardize_reference(of_reference.flatten(0, 1)[..., None])[..., 0]
            heard.append(views.clamp(-5.0, 5.0).unflatten(0, of_reference.shape[:2]))
        if self.fit:
            told.append(fit_spectrum(band_power(measured).mean(-2), band_power(of_reference[:, 2]), mask))
        if asked is not None:
            told.append(self._scaled(asked))
        return torch.cat(told, dim=-1), torch.cat(heard, dim=-1)

    def _scaled(self, embedding: Tensor) -> Tensor:
        return F.normalize(embedding, dim=-1) * math.sqrt(self.dim)

    def _embed(self, audio: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tuned):
            embedded: Tensor = self.encoder(self._resampled(audio))
        return embedded

    def _query(self, audio: Tensor) -> Tensor:
        reader: Any = cast(Any, self.encoder).queries
        with torch.no_grad():
            vectors: Tensor = reader.encode(self._resampled(audio), self.encoder.sample_rate)
        return vectors

    def _resampled(self, audio: Tensor) -> Tensor:
        if self.encoder.sample_rate == self.sample_rate:
            return audio
        change = resample_differentiable if audio.requires_grad else resample
        return change(audio, self.sample_rate, self.encoder.sample_rate)


def _query_size(encoder: EffectEncoder) -> int:
    """How many values a query of the encoder has.

    Raises:
        ArgumentError: it takes none.
    """
    reader: nn.Module | None = getattr(encoder, "queries", None)
    if reader is None:
        raise ArgumentError(
            f"queries: this {type(encoder).__name__} takes none: give an encoder that does, or set queries to false"
        )
    return int(cast(Any, reader).dim)
