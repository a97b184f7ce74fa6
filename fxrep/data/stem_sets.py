"""Mixtures for training with instruments: several stems per item, the same set of instruments for a whole batch.

Scheme of Yeh et al. 2025 (Fx-Encoder++): what plays must not tell the items of a batch apart, and the two sides of an
item are the two halves of one passage.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fxrep.data.pairs import PairItem
from fxrep.data.segments import SILENT_ATTEMPTS, StemSource, open_sampler, sounding_share
from fxrep.errors import ArgumentError


class StemSetDataset(Dataset[PairItem]):
    """Stems without effects, one of each instrument of a set, drawn independently from all songs.

    Items `group` · k to `group` · (k + 1) - 1 have one set of instruments. Its size runs through 1 … `max_stems` in a
    random order, then in another, so that every size comes equally often and not at fixed steps. One of the set, the
    same for the group, is the target of the instrument objective. Item `index` depends only on (seed, epoch, index).

    Args:
        manifest: a `Manifest`, its path, a list of paths, or a `ShardStream`; normally the Fx-normalised stems.
        split: songs to draw from.
        length: items per epoch.
        segment_s: seconds per side; a passage of twice that is read and parted.
        max_stems: most stems of an item; fewer where there are fewer instruments.
        group: items that share a set: the batch joined over all processes.
        always_largest: every set has `max_stems` instruments.
        sample_rate: Hz.
        loudness_lufs: loudness of every passage before effects; None keeps it as recorded.
        seed: of everything that is drawn.

    Shape of an item: ``{"a": (S, 2, T), "b": (S, 2, T), "instruments": [S names], "target": 0 … S - 1}``.
    """

    def __init__(
        self,
        manifest: StemSource,
        split: str | None = "train",
        length: int = 1024,
        segment_s: float = 10.0,
        max_stems: int = 4,
        group: int = 32,
        always_largest: bool = False,
        sample_rate: int = 44100,
        loudness_lufs: float | None = -23.0,
        seed: int = 0,
    ) -> None:
        for name, value in {"length": length, "max_stems": max_stems, "group": group}.items():
            if value < 1:
                raise ArgumentError(f"{name} is {value}: expected at least 1")
        self.sampler = open_sampler(manifest, split, 2.0 * segment_s, sample_rate, loudness_lufs)
        self.length, self.group, self.seed, self.epoch = length, group, seed, 0
        self.max_stems, self.always_largest = min(max_stems, len(self.sampler.instruments)), always_largest

    def __len__(self) -> int:
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Draw other sets and passages."""
        self.epoch = epoch

    def instrument_set(self, group: int) -> tuple[list[str], int]:
        """The instruments of a group of items, and which of them is its target."""
        rng = np.random.default_rng([self.seed, self.epoch, group, 1])
        chosen: list[str] = []
        for _ in range(self._size(group)):
            chosen.append(self.sampler.draw_instrument(rng, exclude=chosen))
        return chosen, int(rng.integers(len(chosen)))

    def _size(self, group: int) -> int:
        if self.always_largest:
            return self.max_stems
        turn, place = divmod(group, self.max_stems)
        order = np.random.default_rng([self.seed, self.epoch, turn, 2]).permutation(self.max_stems)
        return int(order[place]) + 1

    def __getitem__(self, index: int) -> PairItem:
        self.sampler.seek(self.epoch, index)
        instruments, target = self.instrument_set(index // self.group)
        rng = np.random.default_rng([self.seed, self.epoch, index, 0])
        halves = [self._draw_halves(rng, instrument) for instrument in instruments]
        first, second = (torch.stack(side) for side in zip(*halves, strict=True))
        return {"a": first, "b": second, "instruments": instruments, "target": target}

    def _draw_halves(self, rng: np.random.Generator, instrument: str) -> tuple[Tensor, Tensor]:
        for _ in range(SILENT_ATTEMPTS):
            passage = self.sampler.draw_content(rng, instrument)
            half = passage.shape[-1] // 2
            first, second = passage[:, :half], passage[:, half : 2 * half]
            # A passage that sounds may still have a silent half.
            if min(sounding_share(side, self.sampler.sample_rate) for side in (first, second)) > 0.0:
                break
        return first, second
