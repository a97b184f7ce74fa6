"""Fx-Encoder++ without its projection: the 2048 values that conditioned systems take from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor

from encoders.base import EffectEncoder
from encoders.convolutional_body import ConvolutionalBody
from encoders.fx_encoder_plus_plus import PUBLISHED_CHANNELS
from encoders.log_mel import LogMel
from fxrep.errors import ArgumentError


class FxEncoderPlusPlusBody(EffectEncoder):
    """Log-mel of left and right → Cnn14 → 2048 values; what `FxEncoderPlusPlus.body` gives, as an encoder of its own.

    Args:
        channels: of the blocks; the last is the size of the embedding.
        n_fft: window of the transform, samples.
        hop: step between frames, samples.
        n_mels: bands of the spectrogram.
        minimum_hz: lower edge of the lowest band.
        maximum_hz: upper edge of the highest band.
        sample_rate: rate in Hz of the waveform.
        window_s: length of the windows that `embed` cuts recordings into.
        minimum_s: shortest input of `forward` in seconds.

    Raises:
        ArgumentError: bands or shortest input are too few for the halvings between the blocks.
    """

    def __init__(
        self,
        channels: Sequence[int] = PUBLISHED_CHANNELS,
        n_fft: int = 2048,
        hop: int = 512,
        n_mels: int = 64,
        minimum_hz: float = 50.0,
        maximum_hz: float = 18000.0,
        sample_rate: int = 44100,
        window_s: float = 10.0,
        minimum_s: float = 1.0,
    ) -> None:
        super().__init__(dim=channels[-1], sample_rate=sample_rate, window_s=window_s, minimum_s=minimum_s)
        self.log_mel = LogMel(sample_rate, n_fft, hop, n_mels, minimum_hz, maximum_hz)
        self.convolutions = ConvolutionalBody(2, channels)
        least, samples = self.convolutions.smallest, self._samples(minimum_s)
        if n_mels < least or samples < max((least - 1) * hop, n_fft // 2 + 1):
            raise ArgumentError(
                f"n_mels={n_mels}, minimum_s={minimum_s:g}: {len(channels)} blocks need {least} bands and frames, "
                "use fewer blocks or raise them"
            )

    def features(self, audio: Tensor) -> Tensor:
        """Audio (B, 2, T) to (B, channels[-1])."""
        return cast(Tensor, self.convolutions(self.log_mel(audio)))
