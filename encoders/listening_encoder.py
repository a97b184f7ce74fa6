"""Our encoder with queries: the whole as `SpectralEncoder` hears it, or one instrument inside."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from encoders.instrument_listener import InstrumentListener
from encoders.queries import Query, QueryEncoder
from encoders.spectral_encoder import SpectralEncoder


class ListeningEncoder(SpectralEncoder):
    """`SpectralEncoder` and an `InstrumentListener` on its frames, in one space.

    Without a query it embeds as the `SpectralEncoder` of the same weights. With one it tells the effects on that
    instrument: ``embed(mixture, query="bass")`` is near ``embed(stem)`` of the bass as it stands in the mixture.
    The listener says what the frames of that instrument alone would be, and the same layers embed them.

    Args:
        queries: what reads queries.
        listener_channels: width of the listener's convolutions.
        listener_blocks: how many they are.
        dim, channels, n_blocks, hidden, sample_rate, window_s, n_fft, hop, n_mels: as for `SpectralEncoder`.
    """

    def __init__(
        self,
        queries: QueryEncoder,
        listener_channels: int = 192,
        listener_blocks: int = 4,
        dim: int = 128,
        channels: int = 256,
        n_blocks: int = 4,
        hidden: int = 512,
        sample_rate: int = 44100,
        window_s: float = 5.0,
        n_fft: int = 2048,
        hop: int = 1024,
        n_mels: int = 64,
    ) -> None:
        super().__init__(dim, channels, n_blocks, hidden, sample_rate, window_s, n_fft, hop, n_mels)
        self.queries = queries
        self.listener = InstrumentListener(self.frames.n_features, queries.dim, listener_channels, listener_blocks)

    def read_query(self, query: Query, sample_rate: int | None = None) -> Tensor:
        """The vector of a query, see `QueryEncoder.read`.

        Raises:
            ArgumentError: the query cannot be read; for an unknown name it lists the known ones.
            AudioError: the clip cannot be used, or is silent.
        """
        return self.queries.read(query, sample_rate)

    def extract(self, audio: Tensor, query: Tensor) -> Tensor:
        """What was done to the instrument that is asked for: audio (B, 2, T), query (Q,) or (B, Q), to (B, D)."""
        heard = self.listener(self.standard_frames(audio), query.expand(len(audio), -1))
        # Always in float32: half precision would leave lengths off by 1e-3.
        return F.normalize(self.embed_frames(heard).float(), dim=-1)
