"""What a search minimises: how far a mix is from the style of a reference, whatever either plays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from encoders import EffectEncoder
from encoders.evaluation.objectives import embed_differentiable
from fxrep.audio import integrated_loudness
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.losses import ProductionStyleLoss, cosine_distance
from fxrep.losses.production_style import LEVEL_LUFS

LEVEL_WEIGHT = 0.001
"""Of the squared difference in loudness, in dB: as that of levels in the production-style loss."""


@dataclass(frozen=True)
class ObjectiveWeights:
    """What counts how much.

    Attributes:
        embedding: of the cosine distance of the embeddings, 0 to 2.
        production: of the production-style loss, which hears both mixes at one loudness.
        loudness: of the difference in loudness itself; 1 counts it as the production-style loss counts levels.
        anchor: of how far each setting is from where it began, as a share of its range, so that those that do not
            matter stay there.

    Raises:
        ArgumentError: a weight is negative or not finite, or nothing is left to minimise.
    """

    embedding: float = 1.0
    production: float = 1.0
    loudness: float = 1.0
    anchor: float = 0.004

    def __post_init__(self) -> None:
        values = vars(self)
        if not all(is_number(value) and 0.0 <= value < math.inf for value in values.values()):
            raise ArgumentError(f"weights are {values}: expected numbers of 0 or more")
        if not any(value > 0.0 for name, value in values.items() if name != "anchor"):
            raise ArgumentError("weights leave nothing to minimise: give embedding, production or loudness some")


class StyleObjective:
    """Distance of mixes from a reference: of embeddings, of production style and of loudness.

    Args:
        encoder: frozen; None leaves the embeddings out.
        windows: (W, 2, T) of the reference.
        shares: (W,) what each counts; their sum is 1.
        sample_rate: Hz of the windows and of the mixes.
        weights: of the parts.
    """

    def __init__(
        self,
        encoder: EffectEncoder | None,
        windows: Tensor,
        shares: Tensor,
        sample_rate: int,
        weights: ObjectiveWeights,
    ) -> None:
        self.sample_rate, self.weights = sample_rate, weights
        self.encoder = encoder if weights.embedding > 0.0 else None
        self.style = ProductionStyleLoss(sample_rate, match_levels=False)
        with torch.no_grad():
            parts = [self._describe(window[None]) for window in windows]
            self.wanted = {
                name: sum(share * part[name] for share, part in zip(shares, parts, strict=True)) for name in parts[0]
            }

    def _describe(self, mixes: Tensor) -> dict[str, Tensor]:
        """All that is compared, of mixes (B, 2, T): loudness, features and embedding, (B, ...) each."""
        found: dict[str, Tensor] = {}
        if self.weights.loudness > 0.0 or self.weights.production > 0.0:
            found["loudness"] = integrated_loudness(mixes, self.sample_rate)
        if self.weights.production > 0.0:
            gain = 10.0 ** ((LEVEL_LUFS - found["loudness"]) / 20.0)
            levelled = mixes * gain.to(mixes.dtype)[:, None, None]
            found |= {f"style {name}": one for name, one in self.style.features(levelled).items()}
        if self.encoder is not None:
            found["embedding"] = embed_differentiable(self.encoder, mixes, self.sample_rate)
        return found

    def parts(self, mixes: Tensor) -> dict[str, Tensor]:
        """The parts of the distance of mixes (B, 2, T) one by one, unweighted: (B,) each."""
        found = self._describe(mixes)
        parts: dict[str, Tensor] = {}
        if self.weights.loudness > 0.0:
            parts["loudness"] = LEVEL_WEIGHT * (found["loudness"] - self.wanted["loudness"]).square()
        if self.weights.production > 0.0:
            terms = [
                weight * (found[f"style {name}"] - self.wanted[f"style {name}"]).square().flatten(1).mean(1)
                for name, weight in self.style.weights.items()
                if weight > 0.0
            ]
            parts["production"] = torch.stack(terms).sum(0)
        if self.encoder is not None:
            parts["embedding"] = cosine_distance(found["embedding"], self.wanted["embedding"])
        return parts

    def __call__(self, mixes: Tensor) -> Tensor:
        """The distance (B,) of mixes (B, 2, T), differentiable."""
        parts = [getattr(self.weights, name) * part.double() for name, part in self.parts(mixes).items()]
        return torch.stack(parts).sum(0)
