"""What the mixing console's network is told of each track."""

from __future__ import annotations

from torch import Tensor, nn

from encoders.configurable import Configurable
from fxrep.errors import ArgumentError


class TrackEncoder(Configurable, nn.Module):
    """Base: hears each track by itself, the same way for all tracks.

    `describe` hears audio; what it gives of one track may be averaged over several places. Where it is `frozen` it
    holds nothing that is trained, so that the description of a track can be kept and used again.

    Attributes:
        sample_rate: Hz of the audio.
        window_s: how much audio is heard at once in use, seconds.
        shortest: samples of the shortest audio that can be described.
        dim: size of the embedding of a track.
        style_dim: size of the embedding of a finished mix; 0 for an encoder that has none.
        frozen: whether descriptions never change in training.
        production: whether descriptions end with the values of `describe_production`.
        sound: whether those of `describe_sound` stand before them.
    """

    sample_rate: int
    window_s: float
    shortest: int
    dim: int
    style_dim: int
    frozen: bool
    production: bool = False
    sound: bool = False

    def describe(self, audio: Tensor) -> Tensor:
        """Describe tracks (R, 2, T), each by itself: (R, F)."""
        raise NotImplementedError(f"{type(self).__name__} does not define describe(audio)")

    def embed_style(self, mixes: Tensor) -> Tensor:
        """Embed finished mixes (B, 2, T) at -16 LUFS: (B, style_dim), of unit length, without gradient."""
        raise ArgumentError(f"{type(self).__name__} does not embed mixes: a style needs an effect encoder")

    def forward(self, described: Tensor, mask: Tensor) -> Tensor:
        """Embed descriptions.

        Args:
            described: (B, N, F) of `describe`.
            mask: (B, N) booleans, which tracks there are.

        Returns:
            (B, N, dim); what is at the places of no track has no meaning.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define forward(described, mask)")
