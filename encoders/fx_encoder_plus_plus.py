"""The Fx-Encoder++ of Yeh et al.: a convolutional network on the log-mel spectra of left and right, with queries.

Y.-T. Yeh, J. Koo, M. A. Martínez-Ramírez, W.-H. Liao, Y.-H. Yang, Y. Mitsufuji: "Fx-Encoder++: Extracting
Instrument-Wise Audio Effects Representations from Mixtures", ISMIR 2025 (arXiv 2507.02273).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from encoders.base import EffectEncoder
from encoders.convolutional_body import ConvolutionalBody
from encoders.extractor import Extractor
from encoders.log_mel import LogMel
from encoders.queries import Query, QueryEncoder
from fxrep.errors import ArgumentError, AudioError

PUBLISHED_CHANNELS = (64, 128, 256, 512, 1024, 2048)


class FxEncoderPlusPlus(EffectEncoder):
    """Log-mel of left and right → Cnn14 → 2048 values → projection to 128; the defaults are the published size.

    The released module holds 84.37 M parameters. Here are the 79.67 M of its encoder and the 0.28 M of its
    projection; not the 4.26 M frozen weights of a Fourier transform and mel filters done as convolutions, nor what it
    never uses: a normalisation before the first block, a second projection and two temperatures. The Fourier transform
    is a fast one, which is a third of the work less.

    With `queries` it also tells the effects on one instrument inside a mixture: ``embed(mixture, query="bass")``, or a
    clip of the instrument as query. The published queries are CLAP's, of 512 values; the extractor that joins them
    with the mixture's embedding is the published one.

    The spectra carry no phase between the channels: inverting one channel changes nothing that this encoder sees.

    Args:
        channels: of the blocks; the last is the size of `body`.
        projection_dim: size of the embedding.
        queries: what reads queries; None for an encoder without.
        n_fft: window of the transform, samples.
        hop: step between frames, samples.
        n_mels: bands of the spectrogram.
        minimum_hz: lower edge of the lowest band.
        maximum_hz: upper edge of the highest band.
        dropout: share of values left out between blocks in training.
        sample_rate: rate in Hz of the waveform.
        window_s: length of the windows that `embed` cuts recordings into.
        minimum_s: shortest input of `forward` in seconds.

    Raises:
        ArgumentError: bands or shortest input are too few for the halvings between the blocks.
    """

    def __init__(
        self,
        channels: Sequence[int] = PUBLISHED_CHANNELS,
        projection_dim: int = 128,
        queries: QueryEncoder | None = None,
        n_fft: int = 2048,
        hop: int = 512,
        n_mels: int = 64,
        minimum_hz: float = 50.0,
        maximum_hz: float = 18000.0,
        dropout: float = 0.2,
        sample_rate: int = 44100,
        window_s: float = 10.0,
        minimum_s: float = 1.0,
    ) -> None:
        super().__init__(dim=projection_dim, sample_rate=sample_rate, window_s=window_s, minimum_s=minimum_s)
        self.log_mel = LogMel(sample_rate, n_fft, hop, n_mels, minimum_hz, maximum_hz)
        self.convolutions = ConvolutionalBody(2, channels, dropout)
        self.projection = nn.Sequential(
            nn.Linear(channels[-1], projection_dim), nn.ReLU(), nn.Linear(projection_dim, projection_dim)
        )
        self.queries = queries
        self.extractor = None if queries is None else Extractor(projection_dim, queries.dim)
        least = self.convolutions.smallest
        if n_mels < least or self._samples(minimum_s) < self._shortest():
            raise ArgumentError(
                f"n_mels={n_mels}, minimum_s={minimum_s:g}: {len(channels)} blocks need {least} bands and "
                f"{self._shortest() / sample_rate:.2f} s, use fewer blocks or raise them"
            )

    def body(self, audio: Tensor) -> Tensor:
        """What the network holds before the projection: audio (B, 2, T) to (B, channels[-1]), not of unit length.

        Raises:
            AudioError: too short for the halvings between the blocks.
        """
        if audio.shape[-1] < self._shortest():
            raise AudioError(
                f"audio of {audio.shape[-1] / self.sample_rate:.3f} s: this encoder needs at least "
                f"{self._shortest() / self.sample_rate:.3f} s; embed() takes any length"
            )
        return cast(Tensor, self.convolutions(self.log_mel(audio)))

    def features(self, audio: Tensor) -> Tensor:
        """The projection of the body: audio (B, 2, T) to (B, projection_dim)."""
        return cast(Tensor, self.projection(self.body(audio)))

    def read_query(self, query: Query, sample_rate: int | None = None) -> Tensor:
        """The vector of a query, see `QueryEncoder.read`.

        Raises:
            ArgumentError: this encoder was built without queries, or the query cannot be read.
            AudioError: the clip cannot be used, or is silent.
        """
        return super().read_query(query, sample_rate) if self.queries is None else self.queries.read(query, sample_rate)

    def extract(self, audio: Tensor, query: Tensor) -> Tensor:
        """What was done to the instrument that is asked for: audio (B, 2, T), query (Q,) or (B, Q), to (B, D)."""
        assert self.extractor is not None
        vectors = query.expand(len(audio), -1)
        return cast(Tensor, self.extractor(self(audio), vectors))

    def _shortest(self) -> int:
        """Samples of the shortest clip: as many frames as the halvings need, and enough to reflect at its ends."""
        frames = (self.convolutions.smallest - 1) * self.log_mel.hop
        return max(frames, self.log_mel.n_fft // 2 + 1)
