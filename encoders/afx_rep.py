"""The AFx-Rep encoder of Steinmetz et al.: a convolutional network on the log-mel spectra of mid and side.

C. J. Steinmetz, S. Singh, M. Comunità, I. Ibnyahya, S. Yuan, E. Benetos, J. D. Reiss: "ST-ITO: Controlling Audio
Effects for Style Transfer with Inference-Time Optimization", ISMIR 2024 (arXiv 2410.21233).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.base import EffectEncoder
from encoders.convolutional_body import ConvolutionalBody
from encoders.log_mel import LogMel
from fxrep.errors import ArgumentError

PUBLISHED_CHANNELS = (64, 128, 256, 512, 1024, 2048)
PUBLISHED_WINDOW_S = 262144 / 48000

_LEAST_PEAK = 1e-8
_WIDEST_TIME_MASK, _WIDEST_BAND_MASK = 64, 8


class AFxRepEncoder(EffectEncoder):
    """Log-mel of mid and of side → one Cnn14 for both → a linear head for each; the defaults are the published size.

    The published module holds 81.91 M parameters. Here are the 77.58 M that it trains, less the normalisation of 128
    bands that it never uses; its 4.33 M frozen ones are a Fourier transform and mel filters done as convolutions.

    The embedding is that of mid beside that of side, each of unit length before the whole is. As published, every clip
    is first brought to a peak of 1: **the level is not heard**. Mid is (L + R) / 2 and side (L - R) / 2, of which the
    spectra know no sign: **left and right are the same to it**.

    Args:
        channels: of the blocks.
        head_dim: size of each of the two heads; the embedding has twice as much.
        n_fft: window of the transform, samples.
        hop: step between frames, samples.
        n_mels: bands of the spectrogram.
        minimum_hz: lower edge of the lowest band.
        maximum_hz: upper edge of the highest band.
        dropout: share of values left out between blocks in training.
        masks: stripes of time, and as many of frequency, masked in every spectrogram in training (SpecAugment).
        sample_rate: rate in Hz of the waveform.
        window_s: length of the windows that `embed` cuts recordings into.
        minimum_s: shortest input of `forward` in seconds.

    Raises:
        ArgumentError: bands or shortest input are too few for the halvings between the blocks.
    """

    def __init__(
        self,
        channels: Sequence[int] = PUBLISHED_CHANNELS,
        head_dim: int = 512,
        n_fft: int = 2048,
        hop: int = 1024,
        n_mels: int = 128,
        minimum_hz: float = 20.0,
        maximum_hz: float = 20000.0,
        dropout: float = 0.2,
        masks: int = 2,
        sample_rate: int = 48000,
        window_s: float = PUBLISHED_WINDOW_S,
        minimum_s: float = 1.0,
    ) -> None:
        super().__init__(dim=2 * head_dim, sample_rate=sample_rate, window_s=window_s, minimum_s=minimum_s)
        self.log_mel = LogMel(sample_rate, n_fft, hop, n_mels, minimum_hz, maximum_hz)
        self.masks = masks
        self.convolutions = ConvolutionalBody(1, channels, dropout, linear=False)
        self.mid, self.side = nn.Linear(channels[-1], head_dim), nn.Linear(channels[-1], head_dim)
        for head in (self.mid, self.side):
            nn.init.xavier_uniform_(head.weight)
            nn.init.zeros_(head.bias)
        least, samples = self.convolutions.smallest, self._samples(minimum_s)
        if n_mels < least or samples < (least - 1) * hop or samples <= n_fft // 2:
            raise ArgumentError(
                f"n_mels={n_mels}, minimum_s={minimum_s:g}: {len(channels)} blocks need {least} bands and frames, "
                "use fewer blocks or raise them"
            )

    def mid_and_side(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Both heads at the level of the audio (B, 2, T): (B, head_dim) each, of unit length."""
        left, right = audio.unbind(1)
        levels = self.log_mel(torch.stack([(left + right) / 2, (left - right) / 2], dim=1))
        if self.training:
            levels = mask_stripes(levels, self.masks)
        mid, side = self.convolutions(levels.flatten(0, 1).unsqueeze(1)).unflatten(0, (-1, 2)).unbind(1)
        return F.normalize(self.mid(mid).float(), dim=-1), F.normalize(self.side(side).float(), dim=-1)

    def features(self, audio: Tensor) -> Tensor:
        """Mid beside side of audio (B, 2, T) at a peak of 1: (B, 2 head_dim)."""
        peak = audio.abs().amax((1, 2), keepdim=True).clamp(min=_LEAST_PEAK)
        return torch.cat(self.mid_and_side(audio / peak), dim=-1)


def mask_stripes(levels: Tensor, count: int = 2) -> Tensor:
    """Set random stripes to the middle of the scale, 0, each item and channel its own.

    D. S. Park et al., "SpecAugment", Interspeech 2019. The widths are those of ST-ITO, up to 64 frames and 8 bands, but
    no more than a quarter of the time and a sixteenth of the bands, which they are of its clips.

    Args:
        levels: (B, C, frames, bands).
        count: stripes of time, and of frequency.
    """
    from torchaudio.functional import mask_along_axis_iid

    frames, bands = levels.shape[2:]
    for axis, widest in ((2, min(_WIDEST_TIME_MASK, frames // 4)), (3, min(_WIDEST_BAND_MASK, bands // 16))):
        for _ in range(count):
            levels = cast(Tensor, mask_along_axis_iid(levels, widest, 0.0, axis))
    return levels
