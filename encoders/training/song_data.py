"""The data module of mixing systems: songs out of manifests of dry stems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from encoders.training.data import PairDataModule
from encoders.training.songs import Reference, SongDataset
from fxrep.data.manifest import Manifest, joint_provenance, read_manifest


class SongDataModule(PairDataModule):
    """Tracks of songs, from a manifest (``fxrep data scan``), for training mixing systems.

    Args:
        manifest: manifest of the stems, or a list of several; dry ones, or Fx-normalised (``fxrep data normalize``).
        reference: ``same_song`` (random settings: method 1 of Diff-MST), ``other_song`` (mixes of other songs: method
            2), or ``own_mix`` (the mix of the song itself is the target: automatic mixing).
        batch_size: songs per process and step.
        length: songs per epoch over all processes.
        validation_length: songs of the validation set and of the test set, the same ones every time.
        segment_s: seconds of tracks and of references.
        min_tracks: fewest tracks of a song.
        max_tracks: most tracks.
        track_lufs: loudness of the tracks; must be the model's, -24, or -48 with the console of Diff-MST.
        grid: beginnings of passages per segment: few are soon known to a frozen encoder.
        sample_rate: rate in Hz; must be the model's.
        train_split: songs to train on.
        validation_split: songs to validate on.
        test_split: songs for the stage ``test``.
        num_workers: processes that read ahead.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        manifest: str | list[str],
        reference: Reference = "same_song",
        batch_size: int = 4,
        length: int = 4096,
        validation_length: int = 64,
        segment_s: float = 5.0,
        min_tracks: int = 2,
        max_tracks: int = 16,
        track_lufs: float = -24.0,
        grid: int = 2,
        sample_rate: int = 44100,
        train_split: str | None = "train",
        validation_split: str | None = "validation",
        test_split: str | None = "test",
        num_workers: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(
            manifest,
            batch_size,
            length,
            validation_length,
            sample_rate=sample_rate,
            train_split=train_split,
            validation_split=validation_split,
            test_split=test_split,
            num_workers=num_workers,
            seed=seed,
        )
        self.track_lufs = track_lufs
        self.drawing = {
            "reference": reference,
            "segment_s": segment_s,
            "min_tracks": min_tracks,
            "max_tracks": max_tracks,
            "track_lufs": track_lufs,
            "grid": grid,
            "sample_rate": sample_rate,
        }

    @property
    def reference(self) -> Reference:
        """Where references come from."""
        found: Reference = self.drawing["reference"]
        return found

    def description(self) -> dict[str, Any]:
        """What a model card tells of the data: as a source, only what training can draw."""
        manifests = [read_manifest(path) for path in self.manifests]
        return {
            "manifest": ", ".join(Path(manifest).name for manifest in self.manifests),
            "songs_per_epoch": self.lengths["train"],
            "batch_size": self.batch_size,
            **self.drawing,
            "data": joint_provenance(self._songs(manifests, "train", self.seed).drawn_from(manifests)),
        }

    def training_songs(self) -> SongDataset:
        """The training songs for what is fitted before the first step: passages other than those of the epochs.

        Raises:
            DataError: the training split holds no song that is long enough.
        """
        return self._songs([read_manifest(path) for path in self.manifests], "train", self.seed + len(self.splits))

    def _dataset(self, split: str, seed: int) -> Dataset[dict[str, Any]]:
        return self._songs([read_manifest(path) for path in self.manifests], split, seed)

    def _songs(self, manifests: list[Manifest], split: str, seed: int) -> SongDataset:
        return SongDataset(manifests, self.splits[split], length=self.lengths[split], seed=seed, **self.drawing)
