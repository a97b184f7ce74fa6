"""What the network may begin with: an equaliser whose curves the embedding sets, since most of a sound is its tone."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fxrep.effects.convolution import fft_convolve
from fxrep.effects.convolution_stream import ConvolutionStream
from fxrep.effects.minimum_phase import minimum_phase_taps
from fxrep.effects.streaming import Stream
from fxrep.losses.spectra import mid_side

TAPS = 2048
"""Of each filter, 46 ms at 44.1 kHz: a curve may turn within some 20 Hz."""

WARP = 96.0
"""Bands lie even on log(1 + 96 f / Nyquist): at 44.1 kHz on the scale of ERB (Glasberg & Moore 1990)."""

LARGEST_DB = 36.0
HIDDEN = 256


class StyleEqualizer(nn.Module):
    """Equaliser of minimum phase for middle and side, and how much of either goes to each: the same all the time.

    Its curves go straight from band to band in dB. It begins flat, exactly.

    Args:
        condition: size of the embedding.
        bands: numbers that make a curve.
    """

    def __init__(self, condition: int, bands: int) -> None:
        super().__init__()
        last = nn.Linear(HIDDEN, 2 * bands + 4)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.bands = bands
        self.settings = nn.Sequential(nn.Linear(condition, HIDDEN), nn.LeakyReLU(0.1), last)
        self.register_buffer("shape", _interpolation(bands, TAPS + 1), persistent=False)

    def filters(self, told: Tensor) -> tuple[Tensor, Tensor]:
        """Of what FiLM is told (B, D): what the filters of middle and side add, (B, 2, K), and what then goes across.

        The latter is (B, 2, 2), to middle and side from middle and side, in addition.
        """
        settings = self.settings(told)
        largest = LARGEST_DB * math.log(10.0) / 20.0
        curves = largest * torch.tanh(settings[:, :-4].view(-1, 2, self.bands) / largest)
        assert isinstance(self.shape, Tensor)
        return minimum_phase_taps(curves @ self.shape, TAPS), settings[:, -4:].view(-1, 2, 2)

    def forward(self, audio: Tensor, told: Tensor) -> Tensor:
        """Equalise stems (B, 2, T), given (B, D) or (1, D): (B, 2, T); the stem ends where it did."""
        # Transforms know no half precision.
        with torch.autocast(audio.device.type, enabled=False):
            taps, across = self.filters(told)
            plain = mid_side(audio)
            return _with_added(audio, plain, fft_convolve(plain, taps), across)

    def stream(self, told: Tensor) -> Stream:
        """The same for one stem that comes in blocks, given (D,), without gradients."""
        with torch.no_grad():
            return _EqualizerStream(*self.filters(told[None]))


class _EqualizerStream(Stream):
    """Filters (1, 2, K) and what goes across (1, 2, 2), block by block."""

    def __init__(self, taps: Tensor, across: Tensor) -> None:
        self.across = across.float()
        self.convolution = ConvolutionStream(taps.float())
        self.waiting = torch.zeros(1, 2, 0)

    def push(self, block: Tensor) -> Tensor:
        """Take (1, 2, T) and return what is ready."""
        self.waiting = torch.cat([self.waiting, block], -1)
        return self._ready(self.convolution.push(mid_side(block)))

    def finish(self) -> Tensor | None:
        """Return what still waits."""
        added = self.convolution.finish()
        return None if added is None else self._ready(added)

    def _ready(self, added: Tensor) -> Tensor:
        samples = added.shape[-1]
        audio, self.waiting = self.waiting[..., :samples], self.waiting[..., samples:].clone()
        return _with_added(audio, mid_side(audio), added, self.across)


def _with_added(audio: Tensor, plain: Tensor, added: Tensor, across: Tensor) -> Tensor:
    """Left and right plus what their middle and side, as they are and what is added, change."""
    change = added + across @ (plain + added)
    middle, side = change.unbind(1)
    return audio + torch.stack([middle + side, middle - side], 1)


def _interpolation(bands: int, lines: int) -> Tensor:
    """(bands, lines): how much each band counts on each line of a spectrum up to Nyquist."""
    share = torch.linspace(0.0, 1.0, lines)
    places = torch.log1p(WARP * share) / math.log1p(WARP) * (bands - 1)
    return (1.0 - (places - torch.arange(bands)[:, None]).abs()).clamp_min(0.0)
