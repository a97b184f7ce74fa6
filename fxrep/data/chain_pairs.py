"""Pairs for learning to write chains: a source without effects, a target with them, and the settings in between."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fxrep.data.pairs import PairItem
from fxrep.effects import EffectChain
from fxrep.effects.chain_settings import Settings
from fxrep.errors import ArgumentError


@dataclass
class ChainPairs:
    """A rendered batch.

    Attributes:
        source: (B, S, 2, T) stems without effects, the one asked for first.
        target: (B, S, 2, T) stems with effects, of the source's content or of another.
        settings: B settings, of the first stem.
    """

    source: Tensor
    target: Tensor
    settings: list[Settings]


class ChainPairRenderer(nn.Module):
    """Draws a chain for every stem, and renders it on the source's own content or on another of the same instrument.

    It takes single recordings, ``"a"`` and ``"b"`` (B, 2, T) of `PairDataset`, and sets of stems, (B, S, 2, T) with
    ``"target"`` of `StemSetDataset`: the target comes first, and every stem has a chain of its own.

    Args:
        own_content: share of the items whose target is the source itself with effects; the others are content b.

    Raises:
        ArgumentError: the share is not within 0 to 1.
    """

    def __init__(self, own_content: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= own_content <= 1.0:
            raise ArgumentError(f"own_content is {own_content}: expected a share from 0 to 1")
        self.own_content = own_content

    @torch.no_grad()
    def forward(self, batch: PairItem, sample_rate: int, generator: torch.Generator, chain: EffectChain) -> ChainPairs:
        """Render a batch; everything random comes from `generator` (on the CPU)."""
        source, other = (_asked_first(batch, side) for side in ("a", "b"))
        items, stems = source.shape[:2]
        own = (torch.rand(items, generator=generator) < self.own_content).to(source.device)
        content = torch.where(own[:, None, None, None], source, other)
        settings = chain.sample_batch(generator, items * stems, sample_rate)
        target: Tensor = chain(content.flatten(0, 1), sample_rate, settings)
        return ChainPairs(source, target.unflatten(0, (items, stems)), settings[::stems])


def _asked_first(batch: PairItem, side: str) -> Tensor:
    audio: Tensor = batch[side]
    if audio.dim() == 3:
        return audio.unsqueeze(1)
    places = torch.arange(audio.shape[1], device=audio.device).expand(len(audio), -1)
    # A stable sort on "is not the target" leaves the others in their order.
    order = (places != batch["target"].to(audio.device)[:, None]).long().sort(dim=1, stable=True).indices
    return audio[torch.arange(len(audio), device=audio.device)[:, None], order]
