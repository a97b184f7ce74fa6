"""What a controller is told of the tracks and of the reference."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from encoders.configurable import Configurable
from style_transfer.diff_mst.spectrogram_encoder import SpectrogramEncoder


class Conditioning(Configurable, nn.Module):
    """Base: describes each track by itself, the reference by itself, and then puts both together.

    The first two steps hear audio. Where they are `frozen` they hold nothing that is trained, so that the description
    of a track can be kept and used again.

    Attributes:
        sample_rate: Hz of the audio.
        window_s: how much audio is heard at once in use, seconds.
        shortest: samples of the shortest audio that can be described.
        reference_tokens: views of the reference.
        track_dim: size of what the controller is told of a track.
        reference_dim: size of what it is told of a view of the reference.
        frozen: whether descriptions never change in training.
    """

    sample_rate: int
    window_s: float
    shortest: int
    reference_tokens: int
    track_dim: int
    reference_dim: int
    frozen: bool

    def describe_tracks(self, audio: Tensor) -> Tensor:
        """Describe tracks (R, 2, T), each by itself: (R, F). Descriptions of one track may be averaged."""
        raise NotImplementedError(f"{type(self).__name__} does not define describe_tracks(audio)")

    def describe_reference(self, audio: Tensor) -> Tensor:
        """Describe references (B, 2, T): (B, reference_tokens, F). Those of one reference may be averaged."""
        raise NotImplementedError(f"{type(self).__name__} does not define describe_reference(audio)")

    def ask(self, reference: Tensor, tracks: Tensor) -> Tensor | None:
        """Ask references (B, 2, T) for what sounds like the tracks, descriptions (B, N, F): (B, N, D), or None."""
        return None

    def forward(
        self, tracks: Tensor, reference: Tensor, mask: Tensor, asked: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Put descriptions together.

        Args:
            tracks: (B, N, F) of `describe_tracks`.
            reference: (B, reference_tokens, F) of `describe_reference`.
            mask: (B, N) booleans, which tracks there are.
            asked: (B, N, D) of `ask`.

        Returns:
            (B, N, track_dim) and (B, reference_tokens, reference_dim), what the controller is told.
        """
        return tracks, reference


class SpectrogramConditioning(Conditioning):
    """As published: one spectrogram encoder for the tracks, another for left and right of the reference.

    A stereo track is heard as the mean of its channels, since it is one track here.

    Args:
        track_encoder: hears tracks; None for one of the published size.
        mix_encoder: hears the channels of the reference; None for one of the published size.
        window_s: seconds heard at once in use.
    """

    def __init__(
        self,
        track_encoder: SpectrogramEncoder | None = None,
        mix_encoder: SpectrogramEncoder | None = None,
        window_s: float = 5.0,
    ) -> None:
        super().__init__()
        self.track_encoder = SpectrogramEncoder() if track_encoder is None else track_encoder
        self.mix_encoder = SpectrogramEncoder() if mix_encoder is None else mix_encoder
        self.sample_rate, self.window_s = self.track_encoder.sample_rate, window_s
        self.shortest = max(self.track_encoder.shortest, self.mix_encoder.shortest)
        self.track_dim, self.reference_dim, self.reference_tokens = self.track_encoder.dim, self.mix_encoder.dim, 2
        self.frozen = False

    def describe_tracks(self, audio: Tensor) -> Tensor:
        """Embed the mean of the channels: (R, 2, T) to (R, dim)."""
        embedded: Tensor = self.track_encoder(audio.mean(dim=1))
        return embedded

    def describe_reference(self, audio: Tensor) -> Tensor:
        """Embed left and right apart: (B, 2, T) to (B, 2, dim)."""
        embedded: Tensor = self.mix_encoder(audio.flatten(0, 1)).unflatten(0, audio.shape[:2])
        return embedded


def left_right_both(audio: Tensor) -> Tensor:
    """References (B, 2, T) as three stereo signals each, left on both sides, right on both, and both: (B, 3, 2, T)."""
    left, right = (audio[:, channel : channel + 1].expand(-1, 2, -1) for channel in (0, 1))
    return torch.stack([left, right, audio], dim=1)
