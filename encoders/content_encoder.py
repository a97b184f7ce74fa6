"""An encoder of what plays, whatever was done to it: the other half of an effect encoder, for queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from encoders.base import EffectEncoder
from encoders.convolutional_body import ConvolutionalBody
from encoders.log_mel import LogMel
from fxrep.errors import ArgumentError


class ContentEncoder(EffectEncoder):
    """A small convolutional network on log-mel levels, both channels averaged and the mean level taken off.

    It has the interface of an effect encoder (windows, batches, silence, releases), but its embedding tells the
    instrument and its sound. `fxrep.data.content_pairs.ContentRenderer` trains it: positives share the recording and
    differ in effects, and every effect chain is heard on another recording too.

    Args:
        dim: size of the embedding.
        channels: of the blocks.
        n_fft: window of the transform, samples.
        hop: step between frames, samples.
        n_mels: bands between 50 Hz and 16 kHz, or 0.45 of the rate.
        dropout: share of values left out between blocks in training.
        sample_rate: rate in Hz of the waveform.
        window_s: length of the windows that `embed` cuts recordings into.
        minimum_s: shortest input of `forward` in seconds.

    Raises:
        ArgumentError: bands or shortest input are too few for the halvings between the blocks.
    """

    def __init__(
        self,
        dim: int = 512,
        channels: Sequence[int] = (16, 32, 64, 128, 256),
        n_fft: int = 2048,
        hop: int = 1024,
        n_mels: int = 64,
        dropout: float = 0.1,
        sample_rate: int = 44100,
        window_s: float = 5.0,
        minimum_s: float = 0.5,
    ) -> None:
        super().__init__(dim=dim, sample_rate=sample_rate, window_s=window_s, minimum_s=minimum_s)
        self.log_mel = LogMel(sample_rate, n_fft, hop, n_mels, 50.0, min(16000.0, 0.45 * sample_rate))
        self.convolutions = ConvolutionalBody(1, channels, dropout)
        self.output = nn.Linear(channels[-1], dim)
        least, samples = self.convolutions.smallest, self._samples(minimum_s)
        if n_mels < least or samples < (least - 1) * hop or samples <= n_fft // 2:
            raise ArgumentError(
                f"n_mels={n_mels}, minimum_s={minimum_s:g}: {len(channels)} blocks need {least} bands and frames, "
                "use fewer blocks or raise them"
            )

    def features(self, audio: Tensor) -> Tensor:
        """Audio (B, 2, T) to (B, dim)."""
        # Levels are averaged, not the channels: their sum would be silent where one of them is inverted.
        levels = self.log_mel(audio).mean(dim=1, keepdim=True)
        return cast(Tensor, self.output(self.convolutions(levels - levels.mean(dim=(2, 3), keepdim=True))))
