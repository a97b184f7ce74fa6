"""Excerpts of tracks, one at a time, for trainings that need audio but no pairs."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fxrep.audio import normalize_loudness
from fxrep.data.manifest import check_audio_is_there, read_manifest
from fxrep.data.segments import SegmentSampler, sounding_share
from fxrep.data.synthesis.song import generate_song
from fxrep.errors import ArgumentError, DataError

GENERATED_TRACKS = ("kick", "snare", "bass", "guitar", "keys", "vocals")
SONG_S = 10.0
# Songs of two trainings with different seeds are different ones.
SONGS_PER_SEED = 1000
ATTEMPTS = 10

Draw = Callable[[np.random.Generator], Tensor]

log = logging.getLogger(__name__)


class ExcerptDataModule(LightningDataModule):
    """Batches ``{"audio": (B, 2, T)}`` of single tracks, from a manifest or from songs generated in memory.

    Excerpt i of an epoch is drawn from (seed, i, rank) alone: epochs repeat their excerpts, in order.

    Args:
        manifest: manifest of stems. None: songs are generated from the seed, different ones for each split.
        batch_size: excerpts per process and step.
        length: excerpts per epoch and process.
        validation_length: excerpts of the validation set and of the test set, the same ones every time.
        segment_s: seconds per excerpt.
        sample_rate: Hz.
        loudness_lufs: (lowest, highest) loudness of the excerpts; drawn uniformly. Effects that depend on level must
            hear all levels.
        songs: how many songs to generate where there is no manifest; a quarter as many, at least one, for validation,
            and as many for test.
        train_split: songs to train on.
        validation_split: songs to validate on.
        test_split: songs for the stage ``test``.
        num_workers: processes that read ahead.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        manifest: str | None = None,
        batch_size: int = 8,
        length: int = 4096,
        validation_length: int = 64,
        segment_s: float = 2.0,
        sample_rate: int = 44100,
        loudness_lufs: tuple[float, float] = (-35.0, -15.0),
        songs: int = 8,
        train_split: str | None = "train",
        validation_split: str | None = "validation",
        test_split: str | None = "test",
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if min(batch_size, length, validation_length, songs) < 1 or songs > SONGS_PER_SEED // 2 or num_workers < 0:
            raise ArgumentError(
                f"batch_size={batch_size}, length={length}, validation_length={validation_length}, songs={songs}, "
                f"num_workers={num_workers}: expected 1 or more of each, at most 500 songs, workers 0 or more"
            )
        if length < batch_size:
            raise ArgumentError(f"an epoch of {length} excerpts is shorter than one batch of {batch_size}")
        if manifest is None and segment_s > SONG_S:
            raise ArgumentError(f"segment_s is {segment_s}; generated songs have {SONG_S:g} s")
        self.manifest, self.batch_size, self.num_workers = manifest, batch_size, num_workers
        self.lengths = {"train": length, "validation": validation_length, "test": validation_length}
        self.splits = {"train": train_split, "validation": validation_split, "test": test_split}
        self.segment_s, self.sample_rate, self.loudness_lufs = segment_s, sample_rate, loudness_lufs
        self.songs, self.seed = songs, seed

    def check_stage(self, stage: str) -> None:
        """Refuse a manifest that a stage cannot run on, before anything is written; reads no audio.

        Args:
            stage: ``"fit"``, ``"validate"`` or ``"test"``.

        Raises:
            ArgumentError: there is no such manifest.
            DataError: it cannot be read, its audio has moved, or the stage's split is too small.
        """
        if self.manifest is not None:
            self._sampler({"fit": "train", "validate": "validation", "test": "test"}[stage])
            check_audio_is_there(read_manifest(self.manifest), self.manifest)

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """The excerpts of this process."""
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[dict[str, Tensor]] | list[Any]:
        """The validation excerpts of this process."""
        try:
            return self._loader("validation")
        except DataError as error:
            log.warning("training goes on without validation: %s", error)
            return []

    def test_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """The test excerpts of this process.

        Raises:
            DataError: the test split holds no stem that is long enough.
        """
        return self._loader("test")

    def _loader(self, split: str) -> DataLoader[dict[str, Tensor]]:
        rank = self.trainer.global_rank if self.trainer else 0
        draw = (
            self._generated(split) if self.manifest is None else functools.partial(_draw_recorded, self._sampler(split))
        )
        # The third number keeps the places apart where two splits are the same songs.
        numbers = (self.seed, rank, list(self.splits).index(split))
        excerpts = Excerpts(draw, self.lengths[split], self.sample_rate, self.loudness_lufs, numbers)
        return DataLoader(excerpts, self.batch_size, drop_last=split == "train", num_workers=self.num_workers)

    def _sampler(self, split: str) -> SegmentSampler:
        assert self.manifest is not None
        if not Path(self.manifest).exists():
            # An argument, not data: without this file there is no training either.
            raise ArgumentError(
                f"no manifest {self.manifest}: name one with --data.manifest, or null for generated songs"
            )
        return SegmentSampler(
            read_manifest(self.manifest), self.splits[split], self.segment_s, self.sample_rate, loudness_lufs=None
        )

    def _generated(self, split: str) -> Draw:
        held_out = max(1, self.songs // 4)
        first = {"train": 0, "validation": self.songs, "test": self.songs + held_out}[split]
        numbers = range(first, first + (self.songs if split == "train" else held_out))
        tracks: list[Tensor] = []
        for number in numbers:
            seed = SONGS_PER_SEED * self.seed + number
            song = generate_song(seed, duration_s=SONG_S, sample_rate=self.sample_rate, tracks=GENERATED_TRACKS)
            tracks += song.tracks.values()
        return functools.partial(_draw_generated, tracks, round(self.segment_s * self.sample_rate), self.sample_rate)


class Excerpts(Dataset[dict[str, Tensor]]):
    """Excerpts at drawn loudness; item `index` depends only on (numbers, index).

    Args:
        draw: gives audio (2, T) from a generator.
        length: how many.
        sample_rate: Hz.
        loudness_lufs: (lowest, highest).
        numbers: that tell this data set from others.

    Shape of an item: ``{"audio": (2, T)}``.
    """

    def __init__(
        self,
        draw: Draw,
        length: int,
        sample_rate: int,
        loudness_lufs: tuple[float, float],
        numbers: tuple[int, ...],
    ) -> None:
        self.draw, self.length, self.sample_rate = draw, length, sample_rate
        self.loudness_lufs, self.numbers = loudness_lufs, numbers

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not 0 <= index < self.length:
            raise IndexError(index)
        rng = np.random.default_rng([*self.numbers, index])
        audio = self.draw(rng)
        return {"audio": normalize_loudness(audio, self.sample_rate, float(rng.uniform(*self.loudness_lufs)))}


def _draw_recorded(sampler: SegmentSampler, rng: np.random.Generator) -> Tensor:
    return sampler.draw_content(rng, sampler.draw_instrument(rng))


def _draw_generated(tracks: Sequence[Tensor], samples: int, sample_rate: int, rng: np.random.Generator) -> Tensor:
    """The first place of a few that sounds; silence tells nothing of an effect."""
    for _ in range(ATTEMPTS):
        track = tracks[int(rng.integers(len(tracks)))]
        start = int(rng.integers(track.shape[-1] - samples + 1))
        excerpt: Tensor = track[:, start : start + samples]
        if sounding_share(excerpt, sample_rate) > 0.0:
            break
    return excerpt
