"""The production-style loss: how far one mix is produced from another, whatever either plays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from fxrep.audio import normalize_loudness
from fxrep.audio.resampling import check_rate
from fxrep.errors import ArgumentError
from fxrep.losses.pairs import check_pair
from fxrep.losses.production_features import TERMS, corrected_features, published_features

PUBLISHED_WEIGHTS = dict(zip(TERMS, (0.1, 0.001, 1.0, 1.0, 0.1), strict=True))
"""Of Diff-MST (equations 3 to 7)."""

CORRECTED_WEIGHTS = dict(zip(TERMS, (0.001, 0.001, 1.0, 1.0, 0.001), strict=True))
"""One weight for all that is in dB, near the published ones of crest factor and spectrum (0.1 on the square of natural
logarithms of amplitude is 0.0013 on that of decibels), and the published one for shares."""

LEVEL_LUFS = -16.0
"""What both mixes are brought to: the published level of references."""

Form = Literal["corrected", "published"]


class ProductionStyleLoss(nn.Module):
    """Weighted mean squared differences of the production features of two mixes.

    The mixes need not be of one song, nor of one length. The corrected form brings both to -16 LUFS first, so that a
    gain of either makes no difference; the published one takes them as they are, as Diff-MST does.

    Args:
        sample_rate: of the audio, Hz.
        form: ``corrected`` or ``published``; see `corrected_features` and `published_features`.
        weights: in place of those of the form, by name of the term: rms, crest, width, imbalance, bark.
        match_levels: whether both are brought to one loudness first; None for the way of the form.

    Raises:
        ArgumentError: no such form or term, or a weight that is negative or not finite.
    """

    def __init__(
        self,
        sample_rate: int,
        form: Form = "corrected",
        weights: Mapping[str, float] | None = None,
        match_levels: bool | None = None,
    ) -> None:
        super().__init__()
        check_rate(sample_rate)
        if form not in ("corrected", "published"):
            raise ArgumentError(f"form is {form!r}: choose corrected or published")
        given = dict(weights or {})
        if not set(given) <= set(TERMS) or not all(0.0 <= weight < math.inf for weight in given.values()):
            raise ArgumentError(f"weights are {given}: expected 0 or more for any of {', '.join(TERMS)}")
        self.sample_rate = sample_rate
        self.form = form
        self.weights = (CORRECTED_WEIGHTS if form == "corrected" else PUBLISHED_WEIGHTS) | given
        self.match_levels = form == "corrected" if match_levels is None else match_levels

    def features(self, audio: Tensor) -> dict[str, Tensor]:
        """What is compared, of mixes (B, 2, T): see `corrected_features` and `published_features`."""
        if self.match_levels:
            audio = normalize_loudness(audio, self.sample_rate, LEVEL_LUFS)
        describe = corrected_features if self.form == "corrected" else published_features
        return describe(audio, self.sample_rate)

    def terms(self, estimate: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """The weighted terms one by one, whose sum is the loss; those of weight 0 are left out.

        Args:
            estimate: (B, 2, T).
            reference: (B, 2, T').

        Returns:
            scalars, means over the batch.

        Raises:
            AudioError: mixes of another shape, NaN, or too short for the published form.
        """
        pair = [self.features(audio) for audio in check_pair(estimate, reference)]
        return {
            name: weight * F.mse_loss(pair[0][name], pair[1][name])
            for name, weight in self.weights.items()
            if weight > 0.0
        }

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """The sum of the `terms`, a scalar."""
        terms = list(self.terms(estimate, reference).values())
        return sum(terms[1:], terms[0]) if terms else estimate.new_zeros(())
