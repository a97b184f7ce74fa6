"""The published encoder of Diff-MST: a magnitude spectrogram of every frequency bin through a Cnn14.

S. Vanka, C. Steinmetz et al., "Diff-MST: Differentiable Mixing Style Transfer", ISMIR 2024, section 2.4; the body is
that of Q. Kong et al., "PANNs", IEEE/ACM TASLP 28, 2020.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.configurable import Configurable
from encoders.convolutional_body import ConvolutionBlock
from encoders.front_ends import mel_filter_bank
from fxrep.errors import ArgumentError, AudioError

PUBLISHED_CHANNELS = (64, 128, 256, 512, 1024, 2048)
PUBLISHED_POOLS = ((2, 2), (4, 4), (4, 2), (4, 2), (4, 2), (2, 2))
SMALL_CHANNELS = (16, 32, 64, 128)
SMALL_POOLS = ((2, 2), (4, 4), (4, 2), (2, 2))


class SpectrogramEncoder(Configurable, nn.Module):
    """One channel of audio to an embedding; the defaults are the published size, 76,526,400 parameters.

    Each block is two 3 x 3 convolutions, each normalised over the batch and rectified, and a mean over `pools`
    (frequency, time). The mean over frequency, the sum of maximum and mean over time, and a linear layer follow.
    The published one reads all 1025 bins, which is what it costs; with `n_mels` it reads bands and is the small form
    for processors, see `small_spectrogram_encoder` for its sizes.

    Args:
        dim: size of the embedding.
        channels: of each block.
        pools: (frequency, time) of each block.
        n_fft: window of the transform in samples (Hann).
        hop: step between frames in samples.
        exponent: of the magnitude, which brings loud and quiet nearer to each other.
        n_mels: bands between 30 Hz and 20 kHz; 0 for all bins of the transform.
        sample_rate: Hz of the audio.

    Raises:
        ArgumentError: blocks and pools do not go together, or halve more often than there are bands.
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self,
        dim: int = 512,
        channels: Sequence[int] = PUBLISHED_CHANNELS,
        pools: Sequence[Sequence[int]] = PUBLISHED_POOLS,
        n_fft: int = 2048,
        hop: int = 512,
        exponent: float = 0.3,
        n_mels: int = 0,
        sample_rate: int = 44100,
    ) -> None:
        super().__init__()
        self.dim, self.n_fft, self.hop, self.exponent, self.sample_rate = dim, n_fft, hop, exponent, sample_rate
        self.pools = [(int(frequency), int(time)) for frequency, time in pools]
        bands = n_mels or n_fft // 2 + 1
        over_frequency = math.prod(frequency for frequency, _ in self.pools)
        self._frames: int = math.prod(time for _, time in self.pools)
        if len(self.pools) != len(channels) or over_frequency > bands:
            raise ArgumentError(
                f"{len(channels)} blocks with pools {self.pools} on {bands} bands: expected one pool a block, which "
                f"divide the bands by {bands} at most"
            )
        sizes = [1, *channels]
        self.blocks = nn.ModuleList(ConvolutionBlock(*pair) for pair in itertools.pairwise(sizes))
        self.linear = nn.Linear(sizes[-1], dim)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        filters = mel_filter_bank(n_mels, n_fft, sample_rate, 30.0, 20000.0) if n_mels else torch.zeros(0)
        self.register_buffer("filters", filters, persistent=False)

    @property
    def shortest(self) -> int:
        """Samples of the shortest input: so many that one frame is left behind the pools."""
        return max(self.n_fft // 2 + 1, (self._frames - 1) * self.hop)

    def forward(self, audio: Tensor) -> Tensor:
        """Embed signals (R, T) with T at least `shortest`: (R, dim), not of unit length.

        Raises:
            AudioError: another shape, or too short.
        """
        if audio.dim() != 2 or audio.shape[1] < self.shortest:
            raise AudioError(
                f"audio of shape {tuple(audio.shape)}: expected (signals, samples), at least {self.shortest} samples"
            )
        x = self.spectrogram(audio)[:, None]
        for block, pool in zip(self.blocks, self.pools, strict=True):
            x = F.avg_pool2d(block(x), pool)
        over_frequency = x.mean(dim=2)
        embedded: Tensor = self.linear(over_frequency.amax(dim=2) + over_frequency.mean(dim=2))
        return embedded

    def spectrogram(self, audio: Tensor) -> Tensor:
        """Compressed magnitudes of signals (R, T): (R, bins or bands, frames)."""
        spectrum = torch.stft(audio, self.n_fft, self.hop, window=self.window, return_complex=True)
        # The root of the power: the gradient of a magnitude does not exist at silence.
        power = spectrum.real.square() + spectrum.imag.square()
        if len(self.filters):
            power = (power.transpose(1, 2) @ self.filters).transpose(1, 2)
        return (power + 1e-16).pow(self.exponent / 2.0)


def small_spectrogram_encoder(dim: int = 128, sample_rate: int = 44100) -> SpectrogramEncoder:
    """The same form for processors: 64 bands, four blocks, about 0.3 million parameters.

    Args:
        dim: size of the embedding.
        sample_rate: Hz of the audio.
    """
    return SpectrogramEncoder(dim, SMALL_CHANNELS, SMALL_POOLS, hop=1024, n_mels=64, sample_rate=sample_rate)
