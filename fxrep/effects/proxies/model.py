"""A temporal convolutional network (TCN) that is told the settings of the effect it imitates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxrep.errors import ArgumentError


@dataclass(frozen=True)
class ProxySize:
    """Sizes of a `ProxyNetwork`. The defaults reach 13 332 samples into the past, 0.30 s at 44.1 kHz.

    Attributes:
        channels: width of every block.
        blocks: how many.
        kernel: taps of each convolution.
        dilation_growth: block n looks at every (growth^n)-th sample.
        condition: width of the layers that read the settings.
        audio_channels: 2: both channels are seen together, as a linked compressor needs; mono is copied to both.
            1: every channel is processed on its own.
        causal: look only into the past. False: as far into the future as into the past, still without latency.
    """

    channels: int = 32
    blocks: int = 4
    kernel: int = 13
    dilation_growth: int = 10
    condition: int = 64
    audio_channels: int = 2
    causal: bool = True

    def __post_init__(self) -> None:
        smallest = min(self.channels, self.blocks, self.dilation_growth, self.condition)
        if smallest < 1 or self.kernel < 2 or self.audio_channels not in (1, 2):
            raise ArgumentError(f"{self}: expected 1 or more of each, kernels of 2 or more, audio_channels 1 or 2")

    @property
    def reach(self) -> int:
        """Samples besides the present one that an output sample depends on."""
        dilations = [int(self.dilation_growth**block) for block in range(self.blocks)]
        return (self.kernel - 1) * sum(dilations)


class ProxyNetwork(nn.Module):
    """Imitates an effect: audio in, audio of the same length out, time for time.

    A stack of dilated convolutions, each scaled and shifted by what a small network makes of the settings (FiLM;
    E. Perez et al., AAAI 2018), as in the TCN for dynamic range compression of C. Steinmetz and J. Reiss (AES 2022). It
    puts out a gain and an addition per sample, ``y = x (1 + g) + a``: dynamics are a gain, filters and reverberation
    an addition. Both begin at zero, so that an untrained network is the identity.

    Args:
        settings: how many settings it is told.
        size: its sizes.
    """

    def __init__(self, settings: int, size: ProxySize | None = None) -> None:
        super().__init__()
        self.size = size = ProxySize() if size is None else size
        self.condition = nn.Sequential(
            nn.Linear(settings, size.condition), nn.ReLU(), nn.Linear(size.condition, size.condition), nn.ReLU()
        )
        widths = [size.audio_channels] + [size.channels] * size.blocks
        self.blocks = nn.ModuleList(
            _Block(widths[number], widths[number + 1], size, size.dilation_growth**number)
            for number in range(size.blocks)
        )
        self.head = nn.Conv1d(size.channels, 2 * size.audio_channels, 1)
        nn.init.zeros_(self.head.weight)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)

    def forward(self, audio: Tensor, positions: Tensor) -> Tensor:
        """Imitate the effect.

        Args:
            audio: (B, C, T), C 1 or 2.
            positions: (B, P), the settings, normalised to [0, 1].

        Returns:
            (B, C, T), in the dtype of the audio.
        """
        batch, channels, _ = audio.shape
        signal, condition = audio.to(self.head.weight.dtype), 2.0 * positions.to(self.head.weight.dtype) - 1.0
        if self.size.audio_channels == 1:
            signal, condition = signal.reshape(batch * channels, 1, -1), condition.repeat_interleave(channels, 0)
        elif channels == 1:
            signal = signal.expand(-1, 2, -1)
        features, told = signal, self.condition(condition)
        for block in self.blocks:
            features = block(features, told)
        gain, addition = self.head(features).chunk(2, 1)
        output = torch.addcmul(signal + addition, signal, gain)
        if self.size.audio_channels == 1:
            output = output.reshape(batch, channels, -1)
        elif channels == 1:
            output = output.mean(1, keepdim=True)
        return output.to(audio.dtype)


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: ProxySize, dilation: int) -> None:
        super().__init__()
        reach = (size.kernel - 1) * dilation
        self.padding = (reach, 0) if size.causal else (reach - reach // 2, reach // 2)
        self.convolution = nn.Conv1d(inputs, outputs, size.kernel, dilation=dilation)
        self.film = nn.Linear(size.condition, 2 * outputs)
        self.activation = nn.PReLU(outputs)
        self.skip = nn.Conv1d(inputs, outputs, 1, bias=False)

    def forward(self, features: Tensor, told: Tensor) -> Tensor:
        """Map (B, inputs, T) to (B, outputs, T), given (B, condition)."""
        scale, shift = self.film(told)[..., None].chunk(2, 1)
        filtered = self.convolution(F.pad(features, self.padding))
        filtered = torch.addcmul(filtered + shift, filtered, scale)
        result: Tensor = self.activation(filtered) + self.skip(features)
        return result
