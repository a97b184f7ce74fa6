"""Dilated convolution by phases, for training on the CPU: the same sums in an order that its gradients like better."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def convolve(features: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """Convolve with silence before and after, so that the length stays.

    Every dilation-th sample makes a phase, and the phases are convolved side by side without dilation. On the CPU the
    gradients then cost less than half of those of a dilated convolution. Without gradients, for phases shorter than the
    kernel, and on other devices nothing is gained: the convolution is done as it stands.

    Args:
        features: (B, C, T).
        weight: (C', C, K), K odd.
        bias: (C',) or None.
        dilation: samples between the taps.

    Returns:
        (B, C', T).
    """
    half = weight.shape[-1] // 2
    folds = features.device.type == "cpu" and torch.is_grad_enabled()
    if dilation == 1 or not folds or features.shape[-1] < dilation * weight.shape[-1]:
        return F.conv1d(features, weight, bias, padding=half * dilation, dilation=dilation)
    batch, channels, samples = features.shape
    steps = -(-samples // dilation)
    padded = F.pad(features, (0, steps * dilation - samples)).view(batch, channels, steps, dilation)
    phases = padded.permute(0, 3, 1, 2).reshape(batch * dilation, channels, steps)
    filtered = F.conv1d(phases, weight, bias, padding=half).view(batch, dilation, -1, steps)
    return filtered.permute(0, 2, 3, 1).reshape(batch, -1, steps * dilation)[..., :samples]
