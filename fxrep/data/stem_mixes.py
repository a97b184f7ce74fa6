"""Rendering sets of stems to mixtures of which every stem is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fxrep.data.pairs import PairItem, PairRenderer, RenderedPairs
from fxrep.effects import EffectChain
from fxrep.errors import ArgumentError


@dataclass
class RenderedStems(RenderedPairs):
    """Row i of `b` is a stem under the chain `settings[i]`, row i of `a` the mixture that it stands in.

    Attributes:
        stems_per_mixture: S; so many rows of `a` in a row are one mixture.
    """

    stems_per_mixture: int


class StemMixer(PairRenderer):
    """Draws one chain and one level per stem, renders them in batch, and sums.

    Args:
        chain: an `EffectChain` or the name of one in `fxrep.effects.CHAINS`.
        level_db: stems are up to so much softer or louder before their effects.
    """

    def __init__(self, chain: EffectChain | str = "default", level_db: float = 3.0) -> None:
        super().__init__(chain, hard_negatives=False, shortest=1.0)
        if not 0.0 <= level_db < float("inf"):
            raise ArgumentError(f"level_db is {level_db}: it must be 0 or more")
        self.level_db = level_db

    @torch.no_grad()
    def forward(self, batch: PairItem, sample_rate: int, generator: torch.Generator) -> RenderedStems:
        """Render ``batch["a"]`` (B, S, 2, T); B items of one set of instruments."""
        dry = batch["a"]
        items, stems = dry.shape[:2]
        settings = self.chain.sample_batch(generator, items * stems, sample_rate)
        levels_db = self.level_db * (2.0 * torch.rand(items, stems, 1, 1, generator=generator) - 1.0)
        levelled = dry * (10.0 ** (levels_db / 20.0)).to(dry)
        wet: Tensor = self.chain(levelled.flatten(0, 1), sample_rate, settings)
        mixtures = wet.unflatten(0, (items, stems)).sum(1).repeat_interleave(stems, dim=0)
        return RenderedStems(mixtures, wet, settings, stems)
