"""Multi-resolution STFT loss, of both channels or of their sum and difference, over `auraloss`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn

from fxrep.errors import ArgumentError, AudioError
from fxrep.losses.pairs import check_pair

WINDOWS = (512, 2048, 8192)
"""Samples per frame in Diff-MST; each hop is half of it."""

WEIGHTS = {"published": (1.0, 1.0, 0.0), "log_linear": (0.0, 1.0, 1.0)}
"""Weights of spectral convergence, log magnitude and linear magnitude."""


class StftLoss(nn.Module):
    """Distance of the spectrograms of two mixes of the same content, at several resolutions (Yamamoto et al. 2019).

    With `sum_and_difference` (Steinmetz et al. 2020) mid and side are compared instead of left and right, so that the
    places of the instruments count apart from the balance of the spectrum. Spectral convergence divides by the
    spectrogram of the reference: where its side is silent, that term is finite and huge; ``log_linear`` has none.

    Args:
        form: ``published`` is what Diff-MST was trained with, spectral convergence and L1 of log magnitudes;
            ``log_linear`` is what its paper writes, L1 of log and linear magnitudes.
        sum_and_difference: compare sum and difference of the channels.
        windows: samples per frame; hops are half of each.

    Raises:
        ArgumentError: no such form, or no window of two samples or more.
    """

    def __init__(
        self,
        form: Literal["published", "log_linear"] = "published",
        sum_and_difference: bool = False,
        windows: Sequence[int] = WINDOWS,
    ) -> None:
        super().__init__()
        from auraloss.freq import MultiResolutionSTFTLoss, SumAndDifferenceSTFTLoss

        if form not in WEIGHTS:
            raise ArgumentError(f"form is {form!r}: choose one of {', '.join(WEIGHTS)}")
        if not windows or any(size < 2 for size in windows):
            raise ArgumentError(f"windows are {list(windows)}: expected one or more sizes of 2 samples or more")
        self.shortest = max(windows) // 2 + 1
        convergence, log, linear = WEIGHTS[form]
        create = SumAndDifferenceSTFTLoss if sum_and_difference else MultiResolutionSTFTLoss
        self.loss = create(
            fft_sizes=list(windows),
            hop_sizes=[size // 2 for size in windows],
            win_lengths=list(windows),
            w_sc=convergence,
            w_log_mag=log,
            w_lin_mag=linear,
        )

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare mixes (B, 2, T) and (B, 2, T): a scalar, the mean over the batch.

        Raises:
            AudioError: shapes that differ, NaN, or shorter than half the longest window.
        """
        estimate, reference = check_pair(estimate, reference, equal_length=True)
        if estimate.shape[-1] < self.shortest:
            raise AudioError(f"audio of {estimate.shape[-1]} samples: this loss needs at least {self.shortest}")
        resolutions: Any = self.loss.mrstft if hasattr(self.loss, "mrstft") else self.loss
        for resolution in resolutions.stft_losses:
            # Plain attributes of auraloss in single precision, which no `to` moves.
            resolution.window = resolution.window.to(estimate)
        # auraloss views its input.
        found: Tensor = self.loss(estimate.contiguous(), reference.contiguous())
        return found
