"""The level of a signal in dB, sample by sample: what drives every dynamics processor.

Peak detection takes the magnitude of each sample, 20 log10 |x|. RMS detection takes the power, smoothed by one pole
whose time constant is `rms_ms`: 10 log10 p, p[n] = k p[n-1] + (1 - k) x[n]^2; a full-scale sine then reads -3 dB. Both
channels of a pair drive one level, linked by the larger or by the mean of their magnitudes (powers with RMS), or each
its own. Levels do not fall below -160 dB.
"""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.ballistics import smooth_ballistics
from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.level_kernels import (
    DB_PER_NEPER,
    MAX,
    MEAN,
    NONE,
    QUIETEST,
    detect_rows,
    detect_rows_backward,
)
from fxrep.effects.parameters import Choice, Parameter

CHANNEL_LINK = Choice("link", ("max", "mean", "none"), "max")
RMS_TIME = Parameter("rms_ms", "ms", 0.1, 300.0, "log", None)
LINKS = {"max": MAX, "mean": MEAN, "none": NONE}


class _Level(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, audio: torch.Tensor, keep: torch.Tensor, link: int, rms: bool, powers: torch.Tensor | None
    ) -> torch.Tensor:
        source, keep = audio.contiguous(), keep.contiguous()
        rows = source.shape[1] if link == NONE else 1
        level = source.new_empty((source.shape[0], rows, source.shape[2]))
        if powers is None:
            powers = torch.zeros((source.shape[0], rows), dtype=torch.float64)
        detect_rows(source.numpy(), keep.numpy(), link, rms, powers.numpy(), level.numpy())
        ctx.save_for_backward(source, keep, level)
        ctx.link, ctx.rms = link, rms
        return level

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None, None]:
        audio, keep, level = ctx.saved_tensors
        audio_slope, keep_slope = torch.zeros_like(audio), torch.empty_like(keep)
        tensors = (gradients[0].contiguous(), audio, level, keep)
        arrays = [tensor.numpy() for tensor in tensors]
        detect_rows_backward(*arrays, ctx.link, ctx.rms, audio_slope.numpy(), keep_slope.numpy())
        return audio_slope, keep_slope, None, None, None


def detect_level(
    audio: torch.Tensor,
    keep: torch.Tensor | None = None,
    *,
    link: str = "max",
    powers: torch.Tensor | None = None,
    parallel: bool | None = None,
) -> torch.Tensor:
    """Measure the level of every sample.

    Args:
        audio: (B, C, T).
        keep: (B,) float64: share of the old power that RMS detection keeps per sample. None: peak detection.
        link: ``max``, ``mean`` or ``none``.
        powers: (B, R) float64 on the CPU: the power before the first sample, replaced by the last one; None: silence.
            No gradient passes into it.
        parallel: use tensor operations instead of the compiled loop; None chooses by device.

    Returns:
        (B, R, T) dB, R = 1 for linked channels. Differentiable once in the audio and in `keep`.
    """
    if parallel is None:
        parallel = audio.device.type != "cpu"
    if parallel:
        return _detect_parallel(audio, keep, link)
    rms = keep is not None
    if keep is None:
        keep = torch.zeros(audio.shape[0], dtype=torch.float64)
    level: torch.Tensor = _Level.apply(audio, keep, LINKS[link], rms, powers)
    return level


def _detect_parallel(audio: torch.Tensor, keep: torch.Tensor | None, link: str) -> torch.Tensor:
    linked = audio.abs() if keep is None else audio.square()
    if audio.shape[1] == 2 and link != "none":
        linked = linked.amax(1, keepdim=True) if link == "max" else linked.mean(1, keepdim=True)
    if keep is None:
        return torch.log(linked.clamp_min(QUIETEST)) * DB_PER_NEPER
    # One pole is ballistics with both constants equal.
    rows = keep.repeat_interleave(linked.shape[1])
    power = smooth_ballistics(linked.flatten(0, 1), rows, rows, parallel=True).reshape(linked.shape)
    return torch.log(power.clamp_min(QUIETEST**2)) * (DB_PER_NEPER / 2.0)
