"""The data module of a controller that learns settings alone: mixes are made and heard once, not in every epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from encoders.training.loader import PositionSampler, ResumableLoader
from encoders.training.song_data import SongDataModule
from encoders.training.songs import SongDataset
from fxrep.data.manifest import read_manifest
from fxrep.errors import ArgumentError
from style_transfer.diff_mst.described_songs import DescribedSongs, describe_songs


class DescribedSongDataModule(SongDataModule):
    """`SongDataModule` of which the training half is described before the first step, and then kept.

    A step on descriptions costs a fiftieth of one on audio, so that a controller sees its mixes many times. For a
    frozen conditioning and the loss on the settings. Validation is on audio, as it is without this.

    Args:
        mixes_per_passage: mixes of other settings that are made of each passage. ``length`` counts passages; an epoch
            is all mixes.
        described: folder in which descriptions are kept, to be used again by other runs with the same encoder and
            data; None: ``described`` in the folder of the runs.
        songs: what `SongDataModule` takes.
    """

    def __init__(self, mixes_per_passage: int = 6, described: str | None = None, **songs: Any) -> None:
        super().__init__(**songs)
        if mixes_per_passage < 1:
            raise ArgumentError(f"mixes_per_passage={mixes_per_passage}: expected at least 1")
        if self.reference != "same_song":
            raise ArgumentError(
                f"reference {self.reference} has no known settings: leave it at same_song, or train with SongDataModule"
            )
        self.mixes_per_passage, self.described = mixes_per_passage, described

    def description(self) -> dict[str, Any]:
        """What a model card tells of the data."""
        return {**super().description(), "mixes_per_passage": self.mixes_per_passage}

    def train_dataloader(self) -> ResumableLoader:
        """Descriptions of this process, which are written first where they are not there yet."""
        trainer = self.trainer
        assert trainer is not None
        songs = self._pairs("train")
        assert isinstance(songs, SongDataset)
        training: Any = trainer.lightning_module
        folder = Path(self.described or Path(trainer.default_root_dir) / "described")
        about = self._about(training)
        was_training = training.training
        training.eval()
        describe_songs(
            songs,
            training.model,
            training.prior,
            folder,
            about,
            self.mixes_per_passage,
            trainer.global_rank,
            trainer.world_size,
        )
        training.train(was_training)
        trainer.strategy.barrier("described")
        dataset = DescribedSongs(folder, songs.max_tracks, songs.seed)
        self._loader = ResumableLoader(dataset, self._sampler(), self.num_workers)
        self._loader.load_state_dict(self._resumed)
        return self._loader

    def _sampler(self) -> PositionSampler:
        trainer = self.trainer
        rank, processes = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return PositionSampler(self.lengths["train"] * self.mixes_per_passage, self.batch_size, rank, processes)

    def _about(self, training: Any) -> dict[str, Any]:
        """What descriptions depend on."""
        conditioning = training.model.conditioning
        manifests = [read_manifest(path).filter(split=self.splits["train"]) for path in self.manifests]
        return {
            "encoder": conditioning.encoder.fingerprint,
            "conditioning": {name: getattr(conditioning, name) for name in ("sample_rate", "track_dim", "fit")},
            "console": training.model.console.name,
            "prior": training.prior.config(),
            "audio": sorted(row.content_hash for manifest in manifests for row in manifest.rows),
            "passages": self.lengths["train"],
            "mixes_per_passage": self.mixes_per_passage,
            "seed": self.seed,
            **self.drawing,
        }
