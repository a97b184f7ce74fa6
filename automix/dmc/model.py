"""The Differentiable Mixing Console: tracks in, settings of a console out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from automix.dmc.controls import LEVEL, Controls
from automix.dmc.level_features import level_features
from automix.dmc.level_memory import LevelMemory
from automix.dmc.post_processor import PostProcessor
from automix.dmc.song_description import describe_song
from automix.dmc.track_encoder import TrackEncoder
from automix.instruments import name_instruments
from encoders.configurable import Configurable
from fxrep.data.instruments import INSTRUMENTS
from fxrep.effects.console import ConsoleSettings, ConsoleTensors, create_console
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.recordings import Recordings
from fxrep.mixing.tracks import TrackSet

WINDOWS = 4
"""How many places of a song are heard where none are named."""

UNKNOWN = INSTRUMENTS.index("other")
"""What a track is that nobody has named."""


class DifferentiableMixingConsole(Configurable, nn.Module):
    """Track encoder, context, post-processor and console (Steinmetz, Pons, Pascual and Serra, ICASSP 2021).

    One encoder for all tracks; the context is the mean of what it gives; a small network sets each track from its
    embedding and the context. What is set is a console of exact effects; how its gradient comes about in training is
    the business of `automix.dmc.transformation`.

    Args:
        encoder: hears the tracks: `ShortChunkEncoder` as published, or `EmbeddingTrackEncoder` over any effect encoder.
        console: name of a console, see `fxrep.effects.console`. How many numbers are set, it is asked.
        sets: patterns of settings that are set, see `Controls`; None: all. ``["fader.*", "panner.*"]`` is the form in
            which the system was shared.
        ranges: from and to, by pattern, for settings that go less far than the console.
        relative_levels: faders count among each other, see `Controls`.
        hidden: widths of the hidden layers of the network.
        dropout: share of its values left out in training.
        style: take the embedding of a mix in whose style to mix, by the encoder's effect encoder; the same model mixes
            without one too.
        style_width: size that it is brought to.
        track_lufs: loudness of the tracks before the console.
        instrument_width: size of what is learnt of each instrument, which joins the embedding of a track and, in the
            mean over the tracks, tells which others there are; 0: instruments are not told.
        memory: how many tracks of known levels `LevelMemory` holds; 0: the network alone sets the levels.

    Attributes:
        console: the console that is set.
        controls: which of its settings are.
        sample_rate: Hz of the audio that is heard.
        window_s: seconds heard at once.
        wanted_style: the style that `estimate` mixes in, see `set_style`.
        instruments: what tracks are, by name, for those that `estimate` is not to guess from their names.

    Raises:
        ArgumentError: no such console or setting, sizes that do not go together, a style of an encoder without one, or
            a memory without production and sound features or without faders to set.
    """

    def __init__(
        self,
        encoder: TrackEncoder,
        console: str = "default",
        sets: Sequence[str] | None = None,
        ranges: Mapping[str, Sequence[float]] | None = None,
        relative_levels: bool = True,
        hidden: Sequence[int] = (256, 256),
        dropout: float = 0.2,
        style: bool = False,
        style_width: int = 32,
        track_lufs: float = -24.0,
        instrument_width: int = 0,
        memory: int = 0,
    ) -> None:
        super().__init__()
        if style and not encoder.style_dim:
            raise ArgumentError(f"style: {type(encoder).__name__} embeds no mixes; use EmbeddingTrackEncoder")
        self.encoder, self.console, self.track_lufs = encoder, create_console(console), track_lufs
        self.sample_rate, self.window_s = encoder.sample_rate, encoder.window_s
        # Numbers are looked at on the way, which models that are built on the meta device have none of.
        with torch.device("cpu"):
            self.controls = Controls(self.console, sets, ranges, relative_levels)
            starts = [self.controls.starts("tracks"), self.controls.starts("shared")]
        self.style_dim = encoder.style_dim if style else 0
        self.kinds = nn.Embedding(len(INSTRUMENTS), instrument_width) if instrument_width else None
        self.memory = LevelMemory(memory) if memory else None
        self.level = next((place for place, one in enumerate(self.controls.tracks) if one.name == LEVEL), None)
        if memory and (not (encoder.production and encoder.sound) or self.level is None):
            raise ArgumentError(
                f"memory={memory} needs an encoder with production and sound features, and {LEVEL} among sets"
            )
        self.post_processor = PostProcessor(
            encoder.dim + instrument_width, starts[0], starts[1], self.style_dim, style_width, hidden, dropout
        )
        self.wanted_style: Tensor | None = None
        self.instruments: Mapping[str, str] | None = None

    def config(self) -> dict[str, Any]:
        """The constructor tree, without what this model does not have: releases older than that keep their print."""
        tree = super().config()
        for name in ("instrument_width", "memory"):
            if not tree["init_args"][name]:
                del tree["init_args"][name]
        return tree

    @property
    def takes_instruments(self) -> bool:
        """Whether it makes a difference what a track is called."""
        return self.kinds is not None or self.memory is not None

    def forward(
        self,
        described: Tensor,
        mask: Tensor | None = None,
        style: Tensor | None = None,
        styled: Tensor | None = None,
        instruments: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Set the console from descriptions, each setting between 0 and 1; see `settings`.

        Args:
            described: (B, N, F) of `TrackEncoder.describe`.
            mask: (B, N) booleans: which tracks there are. The others change nothing.
            style: (B, style_dim) of `TrackEncoder.embed_style`, or None.
            styled: (B,) booleans, which mixes have a style; None: all, if there are any.
            instruments: (B, N) places in `INSTRUMENTS`; None: all are unknown.

        Returns:
            (B, N, K) of the tracks and (B, S) of groups, buses and master.
        """
        if mask is None:
            mask = torch.ones(described.shape[:2], dtype=torch.bool, device=described.device)
        known = described.masked_fill(~mask[..., None], 0.0)
        kinds = torch.full_like(mask, UNKNOWN, dtype=torch.long) if instruments is None else instruments
        embedded = self.encoder(known, mask)
        if self.kinds is not None:
            embedded = torch.cat([embedded, self.kinds(kinds)], dim=-1)
        found: tuple[Tensor, Tensor] = self.post_processor(embedded, mask, style, styled)
        return found if self.memory is None else (self._remembered(found[0], known, kinds, mask), found[1])

    def _remembered(self, tracks: Tensor, described: Tensor, instruments: Tensor, mask: Tensor) -> Tensor:
        """Add the remembered levels to the positions of the faders; all of these are even in dB."""
        assert self.memory is not None and self.level is not None
        fader = self.controls.tracks[self.level]
        span_db = (fader.high - fader.low) * (fader.path.parameter.maximum - fader.path.parameter.minimum)
        levels = self.memory(level_features(described, instruments), mask) / span_db
        columns = list(tracks.unbind(-1))
        columns[self.level] = (columns[self.level] + levels).clamp(0.0, 1.0)
        return torch.stack(columns, dim=-1)

    def settings(self, tracks: Tensor, shared: Tensor, mask: Tensor) -> ConsoleTensors:
        """Return what `forward` gave as settings in physical units; tracks that there are not are neutral."""
        return self.controls.settings(tracks, shared, mask)

    def listen(
        self,
        tracks: Tensor,
        mask: Tensor | None = None,
        style: Tensor | None = None,
        instruments: Tensor | None = None,
    ) -> ConsoleTensors:
        """Set the console from audio (B, N, 2, T) at `sample_rate`, each track at `track_lufs`.

        Args:
            tracks: the tracks.
            mask: (B, N) booleans: which tracks there are.
            style: (B, style_dim) or (1, style_dim), of unit length, or None.
            instruments: (B, N) places in `INSTRUMENTS`; None: all are unknown.

        Raises:
            AudioError: another shape, or shorter than the encoder can hear.
        """
        if tracks.dim() != 4 or tracks.shape[2] != 2 or tracks.shape[-1] < self.encoder.shortest:
            raise AudioError(
                f"tracks of shape {tuple(tracks.shape)}: expected (batch, tracks, 2, samples) with at least "
                f"{self.encoder.shortest} samples"
            )
        if mask is None:
            mask = torch.ones(tracks.shape[:2], dtype=torch.bool, device=tracks.device)
        rows = self.encoder.describe(tracks[mask])
        described = rows.new_zeros(*mask.shape, rows.shape[-1]).masked_scatter(mask[..., None], rows)
        found: tuple[Tensor, Tensor] = self(described, mask, style, instruments=instruments)
        return self.settings(found[0], found[1], mask)

    def set_style(self, style: Recordings | Tensor | None) -> None:
        """Choose in whose style `estimate` mixes.

        Args:
            style: recordings, whose embedding is taken; or an embedding (style_dim,) by the same encoder, for example
                the mean of the hits of a search; None: no style.

        Raises:
            ArgumentError: this model takes no style, or the embedding has another size or is not finite.
        """
        if style is None:
            self.wanted_style = None
            return
        if not self.style_dim:
            raise ArgumentError("this model takes no style: leave it out, or train one with style: true")
        if isinstance(style, Recordings):
            # Whoever has a style has an encoder that embeds windows.
            vector = style.embedding(self.encoder.encoder)  # type: ignore[arg-type]
        else:
            vector = torch.as_tensor(style, dtype=torch.float32).detach()
        length = torch.linalg.vector_norm(vector)
        if vector.shape != (self.style_dim,) or not bool(torch.isfinite(length)) or not bool(length > 0.0):
            raise ArgumentError(
                f"style of shape {tuple(vector.shape)}: expected an embedding of {self.style_dim} finite numbers, not "
                "all zero, by the encoder of this model"
            )
        self.wanted_style = vector / length

    @torch.no_grad()
    def estimate(self, tracks: TrackSet, start_s: Sequence[float] | None = None, seed: int = 0) -> ConsoleSettings:
        """Set the console for a song, in the style that was set, if any. Nothing is random.

        What is known of a track is averaged over the windows in which it sounds. A track that sounds in none of them
        is left at the defaults of the console. What tracks are is guessed from their names where `instruments` does
        not say it.

        Args:
            tracks: of the song.
            start_s: where windows start, in seconds; None: where the tracks sound.
            seed: not used; other methods draw.

        Raises:
            ArgumentError: there is no window, or an instrument is unknown, or said of no track.
            AudioError: no track sounds in any of the windows, or a file cannot be read.
        """
        starts = tracks.windows(self.window_s, WINDOWS) if start_s is None else list(start_s)
        if not starts:
            raise ArgumentError("start_s is empty: name at least one window, or leave it out")
        kinds = name_instruments(tracks.names, self.instruments)
        told = torch.tensor([[INSTRUMENTS.index(kinds[name]) for name in tracks.names]], device=self._device())
        training = [part for part in self.modules() if part.training]
        self.eval()
        try:
            described, mask = describe_song(self.encoder, tracks, starts, self.track_lufs, self._device())
            style = None if self.wanted_style is None else self.wanted_style.to(described)[None]
            found = self(described, mask, style, instruments=told)
        finally:
            for part in training:
                part.training = True
        settings = self.settings(found[0].cpu(), found[1].cpu(), mask.cpu())
        return self.console.unstack(settings, tracks.names)

    def _device(self) -> torch.device:
        return next(self.post_processor.parameters()).device
