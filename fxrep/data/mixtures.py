"""Rendering stems to mixtures: every stem under a chain of its own, the same on both sides of an item."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fxrep.audio import normalize_loudness
from fxrep.data.pairs import PairItem, PairRenderer, RenderedPairs
from fxrep.effects import EffectChain
from fxrep.effects.chain_settings import Settings, entry_label
from fxrep.errors import ArgumentError


@dataclass
class RenderedMixtures(RenderedPairs):
    """Mixtures `a` and `b`, and what the instrument objective needs of them.

    Attributes:
        query: the target instrument's stem of side a without effects (B, 2, T): what to listen for in mixture a.
        target: the same instrument's stem of side b as it stands in mixture b (B, 2, T). No content of it is in
            mixture a or in the query: what they share with it are the effects.
    """

    query: Tensor
    target: Tensor


class MixtureRenderer(PairRenderer):
    """Draws one chain per stem, renders it on both halves, and mixes at the loudness of Fx-Encoder++.

    Every stem is brought to a loudness of its own after its effects, the same on both sides, and the mixture to
    another (Yeh et al. 2025): levels tell nothing of content, and gains within a chain only of what they drive.

    Args:
        chain: an `EffectChain` or the name of one. Where its order is random, one order is drawn for the whole batch.
        hard_negatives: every content comes twice, under two chains: the batch doubles.
        lowest_stem_lufs: stems are at this loudness or above,
        highest_stem_lufs: and at this one or below.
        mixture_lufs: loudness of the mixtures.
    """

    def __init__(
        self,
        chain: EffectChain | str = "fx_encoder_plus_plus",
        hard_negatives: bool = True,
        lowest_stem_lufs: float = -18.0,
        highest_stem_lufs: float = -14.0,
        mixture_lufs: float = -14.0,
    ) -> None:
        super().__init__(chain, hard_negatives, shortest=1.0)
        if not lowest_stem_lufs <= highest_stem_lufs:
            raise ArgumentError(f"stems from {lowest_stem_lufs} to {highest_stem_lufs} LUFS: the range is reversed")
        self.stem_lufs = (lowest_stem_lufs, highest_stem_lufs)
        self.mixture_lufs = mixture_lufs

    @torch.no_grad()
    def forward(self, batch: PairItem, sample_rate: int, generator: torch.Generator) -> RenderedMixtures:
        """Render ``batch["a"]``, ``batch["b"]`` (B, S, 2, T); everything random comes from `generator`."""
        repeats = 2 if self.hard_negatives else 1
        dry_a, dry_b = (batch[side].repeat(repeats, 1, 1, 1) for side in ("a", "b"))
        items, stems = dry_a.shape[:2]
        settings = self._draw(generator, items * stems, sample_rate)
        low, high = self.stem_lufs
        loudness = low + (high - low) * torch.rand(items * stems, generator=generator)
        wet = self.chain(torch.cat([dry_a, dry_b]).flatten(0, 1), sample_rate, settings + settings)
        levelled = normalize_loudness(wet, sample_rate, loudness.repeat(2).to(wet.device)).unflatten(0, (-1, stems))
        mixtures = normalize_loudness(levelled.sum(1), sample_rate, self.mixture_lufs)
        rows, target = torch.arange(items, device=wet.device), batch["target"].repeat(repeats)
        per_item = [settings[stems * item : stems * (item + 1)] for item in range(items)]
        return RenderedMixtures(
            a=mixtures[:items],
            b=mixtures[items:],
            settings=per_item,
            query=dry_a[rows, target],
            target=levelled[items:][rows, target],
        )

    def _draw(self, generator: torch.Generator, count: int, sample_rate: int) -> list[Settings]:
        settings = self.chain.sample_batch(generator, count, sample_rate)
        if self.chain.order == "random":
            labels = list(self.chain.processors)
            places = torch.randperm(len(labels), generator=generator).tolist()
            place = dict(zip(labels, places, strict=True))
            settings = [sorted(item, key=lambda entry: place[entry_label(entry)]) for item in settings]
        return settings
