"""The track encoder that is published with the Differentiable Mixing Console: a convolutional tagger of music.

C. Steinmetz, J. Pons, S. Pascual and J. Serra, "Automatic multitrack mixing with a differentiable mixing console of
neural audio effects", ICASSP 2021, in the form in which automix-toolkit shares it: the residual short-chunk network of
M. Won et al., "Evaluation of CNN-based automatic music tagging models", SMC 2020, over one channel at 16 kHz.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automix.dmc.track_encoder import TrackEncoder
from encoders.front_ends import mel_filter_bank
from fxrep.audio import resample
from fxrep.errors import ArgumentError, AudioError

CHANNELS = (128, 128, 256, 256, 256, 256, 512)
TAGS = 50
HEARD_HZ = 16000
LEAST_POWER = 1e-10


class ShortChunkEncoder(TrackEncoder):
    """Mel spectrogram, residual blocks that halve both axes, the maximum over all places; 12,104,244 parameters.

    A stereo track is heard as the mean of its channels. Every mel band has a filter, also where bands are narrower than
    the transform resolves; there the shared form has filters of zeros.

    Args:
        channels: of the blocks.
        dim: size of the embedding.
        tags: outputs of the head by which the network told 50 tags when it was trained to tag music. Nothing here uses
            them; they are part of the published size, and of weights that come from there. 0 leaves the head out.
        n_mels: bands from 0 to 8 kHz; each block halves them.
        n_fft: window of the transform in samples at 16 kHz (Hann); hops are half of it.
        sample_rate: Hz of the audio, which is resampled to 16 kHz.
        window_s: seconds heard at once in use.

    Raises:
        ArgumentError: a size below 1, or fewer bands than the blocks halve.
    """

    filters: Tensor
    window: Tensor
    style_dim = 0
    frozen = False

    def __init__(
        self,
        channels: Sequence[int] = CHANNELS,
        dim: int = 512,
        tags: int = TAGS,
        n_mels: int = 128,
        n_fft: int = 512,
        sample_rate: int = 44100,
        window_s: float = 5.0,
    ) -> None:
        super().__init__()
        if not channels or min(*channels, dim, n_mels, n_fft) < 1 or tags < 0 or n_mels < 2 ** (len(channels) - 1):
            raise ArgumentError(
                f"channels={list(channels)}, dim={dim}, tags={tags}, n_mels={n_mels}, n_fft={n_fft}: expected sizes of "
                "1 or more, and two bands for every block but the first that halves them"
            )
        self.dim, self.n_fft, self.sample_rate, self.window_s = dim, n_fft, sample_rate, window_s
        # So many frames that one is left behind all blocks.
        self.shortest = -(-(n_fft // 2) * (2 ** (len(channels) - 1)) * sample_rate // HEARD_HZ) + 1
        self.spectrum_norm = nn.BatchNorm2d(1)
        self.blocks = nn.Sequential(*(_ResidualBlock(*pair) for pair in itertools.pairwise([1, *channels])))
        self.linear = nn.Linear(channels[-1], dim)
        self.norm = nn.BatchNorm1d(dim)
        self.tagger = nn.Linear(dim, tags).requires_grad_(False) if tags else None
        self.register_buffer("filters", mel_filter_bank(n_mels, n_fft, HEARD_HZ, 0.0, HEARD_HZ / 2), persistent=False)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def describe(self, audio: Tensor) -> Tensor:
        """Embed tracks (R, 2, T): (R, dim), 0 or more.

        Raises:
            AudioError: another shape, or shorter than `shortest`.
        """
        if audio.dim() != 3 or audio.shape[-1] < self.shortest:
            raise AudioError(
                f"tracks of shape {tuple(audio.shape)}: expected (tracks, 2, samples), at least {self.shortest} samples"
            )
        heard = resample(audio.mean(1, keepdim=True), self.sample_rate, HEARD_HZ)[:, 0]
        features = self.blocks(self.spectrum_norm(self.spectrogram(heard)[:, None]))
        largest = features.amax(dim=(2, 3))
        embedded: Tensor = F.relu(self.norm(self.linear(largest)))
        return embedded

    def spectrogram(self, audio: Tensor) -> Tensor:
        """Level of every band in dB, of signals (R, T) at 16 kHz: (R, bands, frames)."""
        spectrum = torch.stft(audio, self.n_fft, self.n_fft // 2, window=self.window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return 10.0 * torch.log10((power.transpose(1, 2) @ self.filters).transpose(1, 2).clamp(min=LEAST_POWER))

    def forward(self, described: Tensor, mask: Tensor) -> Tensor:
        """The descriptions (B, N, dim) are the embeddings."""
        return described


class _ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions, the first with a step of 2, beside a third that makes the shapes alike."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs))
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1), nn.BatchNorm2d(outputs))
        self.beside = nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """Map (R, inputs, bands, frames) to (R, outputs, bands / 2, frames / 2)."""
        return F.relu(self.second(F.relu(self.first(features))) + self.beside(features))
