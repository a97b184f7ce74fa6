"""What the MixFXcloner is trained by: spectra of both channels and of mid and side, and the level."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxrep.errors import ArgumentError, AudioError
from fxrep.losses import WeightedSum
from fxrep.losses.pairs import check_pair
from fxrep.losses.spectra import mid_side

WINDOWS = (4096, 2048, 1024, 512)
RMS_WEIGHT = 100.0
MAGNITUDE_WEIGHT, LOG_WEIGHT = 0.9, 0.1
FLOOR = 1e-3
"""Magnitudes of the unscaled STFT below that count as silence, 100 dB and more under a sine of full scale.

With a floor of next to nothing the side of a mono stem, which is silent, would count more than all that is heard.
"""


class MultiScaleSpectralLoss(nn.Module):
    """0.9 times the mean absolute difference of magnitudes plus 0.1 times the mean square of that of their log10.

    The mean over STFTs of several window lengths, a quarter of each as hop (Koo et al. 2023, after Engel et al., DDSP,
    ICLR 2020).

    Args:
        windows: lengths in samples; those longer than the audio are left out.
        sum_and_difference: compare the sum and the difference of the channels instead of left and right.

    Raises:
        ArgumentError: no windows.
    """

    def __init__(self, windows: Sequence[int] = WINDOWS, sum_and_difference: bool = False) -> None:
        super().__init__()
        if not windows or min(windows) < 4:
            raise ArgumentError(f"windows are {list(windows)}: expected one or more of 4 samples or more")
        self.windows, self.sum_and_difference = tuple(windows), sum_and_difference

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare stems (B, 2, T) and (B, 2, T): a scalar.

        Raises:
            AudioError: other shapes, NaN, or shorter than the shortest window.
        """
        estimate, reference = check_pair(estimate, reference, equal_length=True)
        if self.sum_and_difference:
            estimate, reference = 2.0 * mid_side(estimate), 2.0 * mid_side(reference)
        usable = [window for window in self.windows if window <= estimate.shape[-1]]
        if not usable:
            raise AudioError(f"audio of {estimate.shape[-1]} samples: this loss needs {min(self.windows)} or more")
        return torch.stack([_difference(estimate, reference, window) for window in usable]).mean()


class RmsLoss(nn.Module):
    """Mean squared difference of the RMS of the channels, as amplitudes: (B, C, T) twice to a scalar."""

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare levels."""
        loss: Tensor = F.mse_loss(_rms(estimate), _rms(reference))
        return loss


def cloner_loss(
    spectral_weight: float = 1.0, mid_side_weight: float = 1.0, rms_weight: float = RMS_WEIGHT
) -> WeightedSum:
    """The published loss of two stems of the same content, (B, 2, T) each."""
    return WeightedSum(
        {
            "spectral": (spectral_weight, MultiScaleSpectralLoss()),
            "mid_side": (mid_side_weight, MultiScaleSpectralLoss(sum_and_difference=True)),
            "rms": (rms_weight, RmsLoss()),
        }
    )


def _difference(estimate: Tensor, reference: Tensor, window: int) -> Tensor:
    ours, theirs = _magnitudes(estimate, window), _magnitudes(reference, window)
    linear, logarithmic = F.l1_loss(ours, theirs), F.mse_loss(ours.log10(), theirs.log10())
    return MAGNITUDE_WEIGHT * linear + LOG_WEIGHT * logarithmic


def _magnitudes(audio: Tensor, window: int) -> Tensor:
    shape = torch.hann_window(window, dtype=audio.dtype, device=audio.device)
    spectrum = torch.stft(audio.flatten(0, 1), window, window // 4, window=shape, center=False, return_complex=True)
    # The root of a sum of squares has no slope at zero: the floor goes inside.
    return (spectrum.real.square() + spectrum.imag.square()).clamp_min(FLOOR**2).sqrt()


def _rms(audio: Tensor) -> Tensor:
    return audio.square().mean(-1).clamp_min(1e-12).sqrt()
