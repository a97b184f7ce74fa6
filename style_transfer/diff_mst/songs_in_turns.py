"""Batches of both methods in turn: mixes of known settings, and references of other songs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data import Dataset

from encoders.training.song_data import SongDataModule
from encoders.training.songs import Reference, SongDataset
from fxrep.data.manifest import Manifest, read_manifest
from fxrep.errors import ArgumentError


class SongsInTurns(Dataset[dict[str, Any]]):
    """Several data sets of one length, of which each gives whole batches in turn.

    Args:
        songs: by turn.
        together: items one after another that come from the same one: those of a batch over all processes.
    """

    def __init__(self, songs: Sequence[SongDataset], together: int) -> None:
        self.songs, self.together = list(songs), together

    def __len__(self) -> int:
        return min(len(one) for one in self.songs)

    def set_epoch(self, epoch: int) -> None:
        """Draw other passages."""
        for one in self.songs:
            one.set_epoch(epoch)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.songs[index // self.together % len(self.songs)][index]


class SongsInTurnsDataModule(SongDataModule):
    """`SongDataModule` with batches of both methods in turn, so that learning the second does not unlearn the first.

    With as many ``accumulate_grad_batches`` as there are turns, every step is of all of them. Validation takes turns
    too: its ``loss_ratio`` is the mean over both tasks.

    Args:
        turns: what the batches refer to, one after another: ``same_song`` and ``other_song``, each as often as it is
            to count.
        songs: what `SongDataModule` takes, but `reference`.

    Raises:
        ArgumentError: there are no turns, or one is neither of the two.
    """

    def __init__(self, turns: Sequence[Reference] = ("same_song", "other_song"), **songs: Any) -> None:
        if not turns or not set(turns) <= {"same_song", "other_song"}:
            raise ArgumentError(f"turns are {', '.join(turns) or 'none'}: name same_song and other_song")
        super().__init__(reference="other_song" if "other_song" in turns else "same_song", **songs)
        self.turns = list(turns)

    def description(self) -> dict[str, Any]:
        """What a model card tells of the data."""
        return {**super().description(), "reference": ", ".join(self.turns)}

    def _dataset(self, split: str, seed: int) -> Dataset[dict[str, Any]]:
        manifests = [read_manifest(path) for path in self.manifests]
        processes = self.trainer.world_size if self.trainer and split == "train" else 1
        return SongsInTurns(self._turns(manifests, split, seed), self.batch_size * processes)

    def _turns(self, manifests: list[Manifest], split: str, seed: int) -> list[SongDataset]:
        return [
            SongDataset(
                manifests,
                self.splits[split],
                length=self.lengths[split],
                seed=seed,
                **{**self.drawing, "reference": turn},
            )
            for turn in self.turns
        ]
