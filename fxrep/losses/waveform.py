"""Losses of mixes sample by sample: L1, and the scale-invariant signal-to-distortion ratio over `auraloss`."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from fxrep.errors import ArgumentError
from fxrep.losses.pairs import check_pair


class L1Loss(nn.Module):
    """Mean absolute difference of two mixes of the same content.

    It hears phase: a mix that is late by a few samples is as wrong as another song.
    """

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare mixes (B, 2, T) and (B, 2, T): a scalar, the mean over all samples.

        Raises:
            AudioError: shapes that differ, or NaN.
        """
        estimate, reference = check_pair(estimate, reference, equal_length=True)
        return (estimate - reference).abs().mean()


class SiSdrLoss(nn.Module):
    """Minus the scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019); no gain of a mix counts.

    Args:
        form: ``published`` is what automix-toolkit trains with, each channel scaled by itself, so that a wrong balance
            of the sides costs nothing; ``corrected`` has one scale for both channels.

    Raises:
        ArgumentError: no such form.
    """

    def __init__(self, form: Literal["corrected", "published"] = "corrected") -> None:
        super().__init__()
        from auraloss.time import SISDRLoss

        if form not in ("corrected", "published"):
            raise ArgumentError(f"form is {form!r}: choose corrected or published")
        self.form = form
        self.loss = SISDRLoss()

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare mixes (B, 2, T) and (B, 2, T): a scalar in dB, the mean over the batch; finite for silence.

        Raises:
            AudioError: shapes that differ, or NaN.
        """
        estimate, reference = check_pair(estimate, reference, equal_length=True)
        if self.form == "corrected":
            # The mean of each channel goes before they are laid end to end.
            estimate, reference = (
                (audio - audio.mean(-1, keepdim=True)).flatten(1)[:, None] for audio in (estimate, reference)
            )
        found: Tensor = self.loss(estimate, reference)
        return found
