"""Our small encoder: stereo frames, statistics over time, and a convolution over time. Built for two CPU cores.

Two roads lead from the frames to the embedding. Statistics of every feature over time tell of level, spectrum and
stereo image at once and learn fast; a stack of depth-wise convolutions over time tells of what moves (attack, release,
decay). Frequency is never pooled: where in the spectrum something happened is what an equaliser decides.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from encoders.base import EffectEncoder
from encoders.front_ends import RunningStandardization, StereoFrames
from encoders.stereo_frame_kernels import wants_numbers_only
from encoders.time_blocks import FRAMES_PER_STEP, TimeBlock, frame_pairs, spread


class SpectralEncoder(EffectEncoder):
    """Stereo frames → (statistics ‖ convolutions over time) → embedding.

    Args:
        dim: size of the embedding.
        channels: width of the convolutions.
        n_blocks: convolution blocks, with dilations 1, 2, 4, 1, 2, 4, …
        hidden: width of the layers that join both roads.
        sample_rate: Hz of the audio.
        window_s: seconds per window when a whole file is embedded.
        n_fft, hop, n_mels: of `StereoFrames`.
    """

    def __init__(
        self,
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
        super().__init__(sample_rate=sample_rate, window_s=window_s, dim=dim)
        self.frames = StereoFrames(sample_rate, n_fft, hop, n_mels)
        n_features = self.frames.n_features
        self.standardize = RunningStandardization(n_features)
        self.statistics = nn.Sequential(
            nn.Linear(N_STATISTICS * n_features, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU()
        )
        self.entry = nn.Linear(FRAMES_PER_STEP * n_features, channels)
        self.blocks = nn.ModuleList(TimeBlock(channels, dilation=2 ** (i % 3)) for i in range(n_blocks))
        self.joint = nn.Sequential(nn.Linear(hidden + 3 * channels, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def standard_frames(self, audio: Tensor) -> Tensor:
        """(B, 2, T) audio → (B, F, frames), each feature of zero mean and unit spread over what training has seen."""
        standard: Tensor = self.standardize(self.frames(audio))
        return standard

    def features(self, audio: Tensor) -> Tensor:
        """(B, 2, T) audio → (B, dim), before it is brought to unit length."""
        return self.embed_frames(self.standard_frames(audio))

    def embed_frames(self, frames: Tensor) -> Tensor:
        """(B, F, frames) of `standard_frames` → (B, dim), before it is brought to unit length."""
        moving = self.entry(frame_pairs(frames))
        for block in self.blocks:
            moving = block(moving)
        pooled = torch.cat([moving.mean(1), spread(moving, 1), moving.amax(1)], dim=1)
        joined: Tensor = self.joint(torch.cat([self.statistics(time_statistics(frames)), pooled], dim=1))
        return joined


N_STATISTICS = 6


def time_statistics(frames: Tensor) -> Tensor:
    """Mean, spread, three quantiles and mean absolute change over time of every feature.

    Quantiles at 10, 50 and 90 % show decays and gating (the quiet end) apart from level (the loud end).

    Shape:
        (B, F, frames) → (B, 6 F).
    """
    # Every second frame: sorting takes time, and neighbouring frames overlap by half.
    ordered = _in_order(frames[..., ::2])
    last = ordered.shape[-1] - 1
    quantiles = [ordered[..., round(q * last)] for q in (0.1, 0.5, 0.9)]
    change = frames.diff(dim=-1).abs().mean(-1) if last else torch.zeros_like(frames[..., 0])
    return torch.cat([frames.mean(-1), spread(frames, -1), *quantiles, change], dim=1)


def _in_order(values: Tensor) -> Tensor:
    """Sorted along the last axis. NumPy sorts short rows some ten times faster than PyTorch does on a CPU."""
    if wants_numbers_only(values):
        return torch.from_numpy(np.sort(values.numpy(), axis=-1))
    return values.sort(dim=-1).values
