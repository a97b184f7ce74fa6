"""Diff-MST: tracks and a reference in, settings of a console out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from encoders.configurable import Configurable
from fxrep.effects.console import ConsoleSettings, create_console
from fxrep.effects.console.starting_point import neutral_track, starting_positions
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.recordings import Recordings
from fxrep.mixing.tracks import TrackSet
from style_transfer.diff_mst.conditioning import Conditioning
from style_transfer.diff_mst.controller import Controller, Positions

TRACK_LUFS = {"dasp": -48.0}
"""What tracks are brought to before a console that is not the project's own; -48 is the published level."""

REFERENCE_WINDOWS = 8


class DiffMST(Configurable, nn.Module):
    """A controller with what it is told and what it sets (Vanka et al., ISMIR 2024).

    Args:
        conditioning: describes tracks and reference: `SpectrogramConditioning` as published, or
            `EmbeddingConditioning` over any effect encoder.
        console: "default" or "dasp", see `fxrep.effects.console`.
        width: of the controller's tokens.
        layers: of its transformer.
        heads: of its attention.
        feedforward: width inside its layers.
        dropout: share of values left out in training.
        norm_first: normalise before each part of a layer instead of behind it.
        track_lufs: loudness of the tracks before the console; None for the console's own, -24, or -48 with "dasp".

    Attributes:
        console: the console that is set.
        track_lufs: LUFS, of whole tracks, as `TrackSet` measures them.
        sample_rate: Hz of the audio that is heard.
        window_s: seconds heard at once.

    Raises:
        ArgumentError: no such console, or sizes that do not go together.
    """

    def __init__(
        self,
        conditioning: Conditioning,
        console: str = "default",
        width: int = 256,
        layers: int = 4,
        heads: int = 4,
        feedforward: int = 512,
        dropout: float = 0.0,
        norm_first: bool = True,
        track_lufs: float | None = None,
    ) -> None:
        super().__init__()
        self.conditioning = conditioning
        self.console = create_console(console)
        self.track_lufs = TRACK_LUFS.get(console, -24.0) if track_lufs is None else track_lufs
        self.sample_rate, self.window_s = conditioning.sample_rate, conditioning.window_s
        self.controller = Controller(
            starting_positions(self.console),
            conditioning.reference_tokens,
            conditioning.track_dim,
            conditioning.reference_dim,
            width,
            layers,
            heads,
            feedforward,
            dropout,
            norm_first,
        )
        self.register_buffer("neutral", neutral_track(self.console), persistent=False)

    def forward(
        self, tracks: Tensor, reference: Tensor, mask: Tensor | None = None, asked: Tensor | None = None
    ) -> Positions:
        """Set the console from descriptions.

        Args:
            tracks: (B, N, F) of `conditioning.describe_tracks`.
            reference: (B, R, F) of `conditioning.describe_reference`.
            mask: (B, N) booleans: which tracks there are. The others change nothing and stay at their defaults.
            asked: (B, N, D) of `conditioning.ask`.
        """
        if mask is None:
            mask = torch.ones(tracks.shape[:2], dtype=torch.bool, device=tracks.device)
        told, heard = self.conditioning(tracks, reference, mask, asked)
        found = self.controller(told, heard, mask)
        neutral = self.get_buffer("neutral").to(found.tracks)
        return Positions(torch.where(mask[..., None], found.tracks, neutral), found.buses, found.master)

    def listen(self, tracks: Tensor, reference: Tensor, mask: Tensor | None = None) -> Positions:
        """Set the console from audio: tracks (B, N, 2, T) and references (B, 2, T') at `sample_rate`.

        Raises:
            AudioError: another shape, or shorter than the conditioning can hear.
        """
        for name, audio, dims in (("tracks", tracks, 4), ("reference", reference, 3)):
            if audio.dim() != dims or audio.shape[-2] != 2 or audio.shape[-1] < self.conditioning.shortest:
                expected = "(batch, tracks, 2, samples)" if dims == 4 else "(batch, 2, samples)"
                raise AudioError(
                    f"{name} of shape {tuple(audio.shape)}: expected {expected} with at least "
                    f"{self.conditioning.shortest} samples"
                )
        described = self.conditioning.describe_tracks(tracks.flatten(0, 1)).unflatten(0, tracks.shape[:2])
        asked = self.conditioning.ask(reference, described)
        found: Positions = self(described, self.conditioning.describe_reference(reference), mask, asked)
        return found

    @torch.no_grad()
    def estimate(
        self,
        tracks: TrackSet,
        references: Recordings,
        start_s: Sequence[float] | None = None,
        seed: int = 0,
        start: ConsoleSettings | None = None,
    ) -> ConsoleSettings:
        """Set the console for a song in the style of references. Nothing is random, and no start is needed.

        What is known of a track is averaged over the windows in which it sounds, what is known of the references over
        theirs. A track that sounds in none of the windows is left at the defaults of the console.

        Args:
            tracks: of the song.
            references: in whose style.
            start_s: where windows of the tracks start, in seconds; None: where the tracks sound.
            seed: not used; other methods draw.
            start: not used; other methods begin somewhere.

        Raises:
            ArgumentError: there is no window.
            AudioError: no track sounds in any of the windows, or a file cannot be read.
        """
        starts = tracks.windows(self.window_s, 4) if start_s is None else list(start_s)
        if not starts:
            raise ArgumentError("start_s is empty: name at least one window, or leave it out")
        training = [part for part in self.modules() if part.training]
        self.eval()
        try:
            found = self._estimate_positions(tracks, references, starts)
        finally:
            for part in training:
                part.training = True
        settings = self.console.denormalize(found.tracks.cpu(), found.buses.cpu(), found.master.cpu())
        return self.console.unstack(settings, tracks.names)

    def _estimate_positions(self, tracks: TrackSet, references: Recordings, starts: Sequence[float]) -> Positions:
        described, mask = self._describe_song(tracks, starts)
        parts = references.windows(self.window_s, REFERENCE_WINDOWS, self.sample_rate)
        windows, shares = (part.to(described) for part in parts)
        heard = torch.stack([self.conditioning.describe_reference(one[None])[0] for one in windows])
        answers = [answer for one in windows if (answer := self.conditioning.ask(one[None], described)) is not None]
        asked = torch.stack(answers).mul(shares[:, None, None, None]).sum(0) if answers else None
        found: Positions = self(described, (heard * shares[:, None, None]).sum(0, keepdim=True), mask, asked)
        return found

    def _describe_song(self, tracks: TrackSet, starts: Sequence[float]) -> tuple[Tensor, Tensor]:
        """What is known of the tracks, (1, N, F), and which of them sound in the windows, (1, N)."""
        gains = tracks.input_gain_db(self.track_lufs)
        neutral = self.get_buffer("neutral")
        total: Any = None
        count = neutral.new_zeros(1, len(tracks))
        for start_s in starts:
            audio = tracks.read(start_s, self.window_s, self.sample_rate, gains).to(neutral)
            sounds = audio.abs().amax((2, 3)) > 10.0 ** ((self.track_lufs - SILENT_BELOW_DB) / 20.0)
            if not bool(sounds.any()):
                continue
            described = self.conditioning.describe_tracks(audio[sounds])
            whole = described.new_zeros(1, len(tracks), described.shape[-1])
            whole[sounds] = described
            total = whole if total is None else total + whole
            count += sounds
        if total is None:
            raise AudioError(
                "all tracks are silent in the windows that were chosen: choose others, or leave start_s out"
            )
        return total / count.clamp(min=1.0)[..., None], count > 0


SILENT_BELOW_DB = 40.0
"""A window of a track whose peak is so far under the loudness of the track counts as silent."""
