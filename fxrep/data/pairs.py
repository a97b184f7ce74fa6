"""Effect-based positive pairs: two contents of one instrument, one effect chain drawn for both.

The data set only reads audio; `PairRenderer` draws the chains and renders them in batch on the training device.
Scheme of Koo et al. 2023 (section 3.1) and Yeh et al. 2025: what two positives share is the processing alone; hard
negatives are the same contents again under another chain, so that content cannot tell positives from negatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from fxrep.data.segments import MIXTURE, StemSource, open_sampler
from fxrep.effects import EffectChain, create_chain
from fxrep.effects.chain_settings import Settings
from fxrep.effects.chains import create_instrument_chains
from fxrep.errors import ArgumentError

PairItem = dict[str, Any]


class PairDataset(Dataset[PairItem]):
    """Contents A and B of the same instrument, or of the same set of instruments, without effects.

    Item `index` depends only on (seed, epoch, index): not on workers, order or what was read before, so a run that is
    resumed in the middle of an epoch reads what an uninterrupted one would have read.

    Args:
        manifest: a `Manifest`, its path, a list of paths, or a `ShardStream`; normally the Fx-normalised stems.
        split: songs to draw from; songs never sit in two splits.
        length: pairs per epoch.
        segment_s: seconds per segment.
        mixture_probability: share of pairs that are mixtures.
        max_mixture_tracks: most stems of a mixture, which has at least 2.
        sample_rate: Hz.
        loudness_lufs: loudness of every content before effects; None keeps it as recorded.
        seed: of everything that is drawn.

    Shape of an item: ``{"a": (2, T), "b": (2, T), "instrument": str}``.
    """

    def __init__(
        self,
        manifest: StemSource,
        split: str | None = "train",
        length: int = 1024,
        segment_s: float = 4.0,
        mixture_probability: float = 0.25,
        max_mixture_tracks: int = 4,
        sample_rate: int = 44100,
        loudness_lufs: float | None = -23.0,
        seed: int = 0,
    ) -> None:
        if not 0.0 <= mixture_probability <= 1.0:
            raise ArgumentError(f"mixture_probability is {mixture_probability}: it must lie in [0, 1]")
        if mixture_probability > 0.0 and max_mixture_tracks < 2:
            raise ArgumentError(f"max_mixture_tracks is {max_mixture_tracks}: a mixture needs at least 2 stems")
        if length < 1:
            raise ArgumentError(f"length is {length}: an epoch needs at least one pair")
        self.sampler = open_sampler(manifest, split, segment_s, sample_rate, loudness_lufs)
        self.length, self.seed, self.epoch = length, seed, 0
        self.mixture_probability, self.max_mixture_tracks = mixture_probability, max_mixture_tracks

    def __len__(self) -> int:
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Draw other pairs: the items of every epoch are new ones."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> PairItem:
        self.sampler.seek(self.epoch, index)
        rng = np.random.default_rng([self.seed, self.epoch, index])
        if rng.uniform() < self.mixture_probability:
            audio_a, audio_b = self.sampler.draw_mixture_pair(rng, int(rng.integers(2, self.max_mixture_tracks + 1)))
            return {"a": audio_a, "b": audio_b, "instrument": MIXTURE}
        instrument = self.sampler.draw_instrument(rng)
        audio_a, audio_b, _, _ = self.sampler.draw_content_pair(rng, instrument)
        return {"a": audio_a, "b": audio_b, "instrument": instrument}


@dataclass
class RenderedPairs:
    """A rendered batch: row i of `a` (B, 2, T_a) and of `b` (B, 2, T_b) went through the chain `settings[i]`."""

    a: Tensor
    b: Tensor
    settings: list[Any]


class PairRenderer(nn.Module):
    """Draws one chain per pair and renders it on both contents, in batch, on the device of the audio.

    Args:
        chain: an `EffectChain` or the name of one in `fxrep.effects.CHAINS`. Where the probabilities of a named chain
            differ by instrument, as those of ``koo`` do, each item has those of its ``"instrument"``.
        hard_negatives: every content comes twice, under two chains: the batch doubles.
        redrawn: share of the effects in which the second chain differs from the first (`EffectChain.redraw`). 1 is
            two unrelated chains, as published; less makes negatives that only careful listening tells apart.
        shortest: A and B are cut to two different lengths in [shortest, 1] of the segment, at random places, so that
            length and alignment are no cue (Koo et al. 2023).
    """

    def __init__(
        self,
        chain: EffectChain | str = "default",
        hard_negatives: bool = True,
        shortest: float = 0.6,
        redrawn: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0.0 < redrawn <= 1.0:
            raise ArgumentError(f"redrawn is {redrawn}: it must lie in (0, 1]")
        if not 0.0 < shortest <= 1.0:
            raise ArgumentError(f"shortest is {shortest}: it must lie in (0, 1]")
        self.chain = create_chain(chain) if isinstance(chain, str) else chain
        # They draw and never render: `chain` has the same effects, and is the one that moves between devices.
        self.instrument_chains = create_instrument_chains(chain) if isinstance(chain, str) else {}
        self.hard_negatives, self.shortest, self.redrawn = hard_negatives, shortest, redrawn

    @torch.no_grad()
    def forward(self, batch: PairItem, sample_rate: int, generator: torch.Generator) -> RenderedPairs:
        """Render ``batch["a"]``, ``batch["b"]`` (B, 2, T); everything random comes from `generator` (on the CPU).

        ``batch["instrument"]`` holds B names; without it every item counts as of none that has a chain of its own.
        """
        repeats = 2 if self.hard_negatives else 1
        audio_a, audio_b = batch["a"].repeat(repeats, 1, 1), batch["b"].repeat(repeats, 1, 1)
        chains = self._chains_of(batch)
        settings = [chain.sample(generator, sample_rate) for chain in chains]
        if self.hard_negatives:
            firsts = zip(chains, settings, strict=True)
            settings = settings + [self._second(chain, first, generator, sample_rate) for chain, first in firsts]
        wet = self.chain(torch.cat([audio_a, audio_b]), sample_rate, settings + settings)
        wet_a, wet_b = wet.chunk(2)
        return RenderedPairs(self._cut(wet_a, generator), self._cut(wet_b, generator), settings)

    def _chains_of(self, batch: PairItem) -> list[EffectChain]:
        """The chain to draw from for each item."""
        names = batch.get("instrument", [""] * len(batch["a"]))
        return [self.instrument_chains.get(name, self.chain) for name in names]

    def _second(self, chain: EffectChain, first: Settings, generator: torch.Generator, sample_rate: int) -> Settings:
        if self.redrawn == 1.0:
            return chain.sample(generator, sample_rate)
        return chain.redraw(first, self.redrawn, generator, sample_rate)

    def _cut(self, audio: Tensor, generator: torch.Generator) -> Tensor:
        share, place = torch.rand(2, generator=generator).tolist()
        length = round(audio.shape[-1] * (self.shortest + (1.0 - self.shortest) * share))
        start = int((audio.shape[-1] - length) * place)
        return audio[..., start : start + length]
