"""Pairs with the roles swapped: one recording under two effect chains, for an encoder of content."""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.data.pairs import PairItem, PairRenderer, RenderedPairs
from fxrep.effects import EffectChain
from fxrep.errors import ArgumentError


class ContentRenderer(PairRenderer):
    """Row i of both sides is one recording: its first half under one chain, its second half under another.

    The chain of a first half is also that of the next row's second half: as in effect pairs, but with effects for
    content, what must not matter is shared by what must be told apart. Both contents of an effect pair are used, so
    the batch doubles, and every row has another of its instrument.

    Args:
        chain: an `EffectChain` or the name of one in `fxrep.effects.CHAINS`.
    """

    def __init__(self, chain: EffectChain | str = "default") -> None:
        super().__init__(chain, hard_negatives=False, shortest=1.0)

    @torch.no_grad()
    def forward(self, batch: PairItem, sample_rate: int, generator: torch.Generator) -> RenderedPairs:
        """Render the halves of ``batch["a"]`` and ``batch["b"]`` (B, 2, T) to two sides (2 B, 2, T // 2).

        Raises:
            ArgumentError: the contents have no two samples.
        """
        contents = torch.cat([batch["a"], batch["b"]])
        half = contents.shape[-1] // 2
        if half < 1:
            raise ArgumentError(f"contents of {contents.shape[-1]} samples cannot be halved: use longer segments")
        first, second = contents[..., :half], contents[..., half : 2 * half]
        settings = self.chain.sample_batch(generator, len(contents), sample_rate)
        # With one pair there are still two rows, so that no recording meets its own chain again.
        shifted = settings[-1:] + settings[:-1]
        wet: Tensor = self.chain(torch.cat([first, second]), sample_rate, settings + shifted)
        return RenderedPairs(wet[: len(contents)], wet[len(contents) :], settings)
