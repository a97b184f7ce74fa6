"""The encoder of StemFX: networks on overlapping bands of the spectrum, modulated by features of the mix.

StemFX, arXiv 2607.15634; sizes from its published package, written anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.base import EffectEncoder, _inference
from encoders.log_mel import slaney_filters
from encoders.mixing_features import count_features, mixing_features
from encoders.windows import fixed_windows, is_silent
from fxrep.audio import AudioInput, read_audio
from fxrep.errors import ArgumentError, AudioError

_POOLS = ((2, 5), (4, 4))
_KERNEL = 7
_LEAST_POWER = 1e-10


class BandSplitEncoder(EffectEncoder):
    """Log-mel of all stems, without level → a small network per band → attention over time → embedding.

    Every channel's spectrogram is normalised over time and frequency, so that its level is gone; level, dynamics,
    spectrum and stereo image come back as measured features (`mixing_features`), which scale and shift what the
    networks hold (FiLM, Perez et al. 2018). With four stems, the defaults are the published 1.91 M parameters.

    The first stem is the one that is asked for, the others are what it stands in. A recording by itself is a first stem
    among silent ones, and so are `forward` and `embed`; `stem_features` and `embed_stems` take several.

    Args:
        stems: most stems, 1 or more; published are 4.
        dim: size of the embedding.
        n_mels: bands of the spectrogram.
        band: mel bands that one network hears.
        step: mel bands between the starts of two networks.
        channels: of the two layers of every network.
        hidden: width of the layers that read the features, and of the attention.
        dropout: share of values left out in training.
        n_fft: window of the transform, samples.
        hop: step between frames, samples.
        sample_rate: rate in Hz of the waveform.
        window_s: length of the windows that `embed` cuts recordings into.
        minimum_s: shortest input of `forward` in seconds.

    Raises:
        ArgumentError: bands do not fit, or the shortest input is too short for the pooling over time.
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self,
        stems: int = 4,
        dim: int = 512,
        n_mels: int = 80,
        band: int = 20,
        step: int = 10,
        channels: Sequence[int] = (32, 64),
        hidden: int = 256,
        dropout: float = 0.3,
        n_fft: int = 2048,
        hop: int = 512,
        sample_rate: int = 44100,
        window_s: float = 10.0,
        minimum_s: float = 0.5,
    ) -> None:
        super().__init__(dim=dim, sample_rate=sample_rate, window_s=window_s, minimum_s=minimum_s)
        if stems < 1 or len(channels) != 2 or not 8 <= band <= n_mels or step < 1:
            raise ArgumentError(
                f"stems={stems}, channels={list(channels)}, band={band}, step={step}: expected at least 1, two widths, "
                f"8 to {n_mels}, and at least 1"
            )
        self.stems, self.n_fft, self.hop, self.band, self.step = stems, n_fft, hop, band, step
        if self._samples(minimum_s) // hop + 1 < 20 or self._samples(minimum_s) <= n_fft // 2:
            raise ArgumentError(f"minimum_s={minimum_s:g}: pooling over time needs {19 * hop / sample_rate:.2f} s")
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        filters = slaney_filters(n_mels, n_fft, sample_rate, 20.0, 0.49 * sample_rate)
        self.register_buffer("filters", filters, persistent=False)
        bands = (n_mels - band) // step + 1
        self.bands = bands
        self.normalize = nn.InstanceNorm2d(2 * stems, affine=True)
        # Convolutions in as many groups as there are bands: the networks share nothing.
        self.convolutions = nn.ModuleList(
            nn.Conv2d(bands * inputs, bands * outputs, _KERNEL, padding=_KERNEL // 2, groups=bands)
            for inputs, outputs in ((2 * stems, channels[0]), (channels[0], channels[1]))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(bands * outputs) for outputs in channels)
        width = bands * channels[1] * (band // 8)
        self.attention = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.output = nn.Linear(width, dim)
        self.widths = [bands * size for size in channels]
        self.modulation = nn.Sequential(
            nn.Linear(count_features(stems), hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * sum(self.widths)),
        )
        self.dropout = dropout

    def features(self, audio: Tensor) -> Tensor:
        """A recording by itself: (B, 2, T) to (B, dim)."""
        return self.stem_features(audio.unsqueeze(1))

    def stem_features(self, stems: Tensor) -> Tensor:
        """Stems (B, S, 2, T), the one asked for first and at most `stems` of them, to (B, dim)."""
        if stems.dim() != 4 or stems.shape[2] != 2 or not 1 <= stems.shape[1] <= self.stems:
            raise AudioError(f"stems of shape {tuple(stems.shape)}: expected (batch, 1 to {self.stems}, 2, samples)")
        stems = F.pad(stems, (0, 0, 0, 0, 0, self.stems - stems.shape[1]))
        with torch.autocast(stems.device.type, enabled=False):
            levels, described = self._describe(stems.float())
        scale, shift = (part.split(self.widths, dim=1) for part in self.modulation(described).chunk(2, dim=1))
        # (B, 2 S, frames, mels) to bands of their own: (B, bands 2 S, band, frames).
        x = self.normalize(levels).unfold(-1, self.band, self.step).permute(0, 3, 1, 4, 2).flatten(1, 2)
        for place, pool in enumerate(_POOLS):
            x = (
                self.norms[place](self.convolutions[place](x)) * (1.0 + scale[place][..., None, None])
                + shift[place][..., None, None]
            )
            x = F.dropout(F.max_pool2d(F.relu(x), pool), self.dropout, self.training)
        moments = x.flatten(1, 2).transpose(1, 2)
        weight = torch.softmax(self.attention(moments), dim=1)
        return F.dropout(F.relu(cast(Tensor, self.output((weight * moments).sum(1)))), self.dropout, self.training)

    def embed_stems(self, stems: Sequence[AudioInput], sample_rate: int | None = None) -> Tensor:
        """Embed the first of several stems in the company of the others, without any randomness.

        All are read whole, and shorter ones end in silence; windows in which the first is silent are left out.

        Args:
            stems: 1 to `self.stems` recordings, paths or arrays (samples,) or (channels, samples).
            sample_rate: rate of arrays in Hz.

        Returns:
            (D,) of unit length, on the CPU.

        Raises:
            AudioError: a recording cannot be used, the first is silent, or there are too many.
        """
        if not 1 <= len(stems) <= self.stems:
            raise AudioError(f"{len(stems)} stems: this encoder takes 1 to {self.stems}")
        read = [read_audio(stem, sample_rate, target_rate=self.sample_rate, channels=2) for stem in stems]
        longest = max(self._samples(self.minimum_s), *(audio.shape[-1] for audio in read))
        joined = torch.stack([F.pad(audio, (0, longest - audio.shape[-1])) for audio in read])
        return self._embed_joined(joined)

    def _embed_joined(self, joined: Tensor) -> Tensor:
        length = self._samples(self.window_s)
        flat = fixed_windows([joined.flatten(0, 1)], length, length)
        windows = [window.unflatten(0, (-1, 2)) for _, window in flat]
        sounding = [window for window in windows if not is_silent(window[0])]
        if not sounding:
            raise AudioError("the first stem is silent, nothing to embed")
        device = self.filters.device
        with _inference(self):
            total = sum(F.normalize(self.stem_features(part[None].to(device)).float(), dim=-1)[0] for part in sounding)
        return F.normalize(cast(Tensor, total), dim=-1).cpu()

    def _describe(self, stems: Tensor) -> tuple[Tensor, Tensor]:
        """Levels in dB (B, 2 S, frames, mels), and the features of the mix (B, F)."""
        half = self.n_fft // 2
        padded = F.pad(stems.flatten(0, 2).unsqueeze(1), (half, half), mode="reflect").squeeze(1)
        spectrum = torch.fft.rfft(padded.unfold(-1, self.n_fft, self.hop) * self.window)
        power = torch.view_as_real(spectrum).square().sum(-1).unflatten(0, stems.shape[:3])
        mel = power @ self.filters
        described = mixing_features(stems, power, mel.sum(2), self.sample_rate)
        levels = 10.0 * torch.log10(mel.clamp(min=_LEAST_POWER))
        return levels.flatten(1, 2), described
