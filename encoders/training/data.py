"""Where training gets its pairs from: a manifest of stems, or songs generated on the spot."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from encoders.training.loader import PositionSampler, ResumableLoader
from fxrep.data.manifest import check_audio_is_there, joint_provenance, read_manifest
from fxrep.data.pairs import PairDataset, PairItem
from fxrep.errors import ArgumentError, DataError

log = logging.getLogger(__name__)

SPLIT_OF_STAGE = {"fit": "train", "validate": "validation", "test": "test"}


class PairDataModule(LightningDataModule):
    """Content pairs for contrastive training; effects are rendered by the training module, on its device.

    Args:
        manifest: manifest of the stems, or a list of several, normally the Fx-normalised ones (``fxrep data
            normalize``).
        batch_size: pairs per process and step; hard negatives double them.
        length: pairs per epoch over all processes.
        validation_length: pairs of the validation set and of the test set, the same ones every time.
        segment_s: seconds per content.
        mixture_probability: share of pairs that are mixtures.
        max_mixture_tracks: most stems of a mixture.
        sample_rate: rate in Hz; must be the encoder's.
        loudness_lufs: loudness of every content before effects; None keeps it as recorded.
        train_split: songs to train on.
        validation_split: songs to validate on.
        test_split: songs for the stage ``test``.
        num_workers: processes that read ahead.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        manifest: str | list[str],
        batch_size: int = 32,
        length: int = 8192,
        validation_length: int = 256,
        segment_s: float = 5.0,
        mixture_probability: float = 0.25,
        max_mixture_tracks: int = 4,
        sample_rate: int = 44100,
        loudness_lufs: float | None = -23.0,
        train_split: str | None = "train",
        validation_split: str | None = "validation",
        test_split: str | None = "test",
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if batch_size < 1 or num_workers < 0 or validation_length < 1:
            raise ArgumentError(
                f"batch_size={batch_size}, num_workers={num_workers}, validation_length={validation_length}: "
                "expected at least 1, 0 and 1"
            )
        self.manifests = [manifest] if isinstance(manifest, str) else list(manifest)
        if not self.manifests:
            raise ArgumentError("manifest is an empty list: name at least one with --data.manifest")
        self.batch_size, self.num_workers, self.sample_rate = batch_size, num_workers, sample_rate
        self.lengths = {"train": length, "validation": validation_length, "test": validation_length}
        self.splits = {"train": train_split, "validation": validation_split, "test": test_split}
        self.drawing: dict[str, Any] = {
            "segment_s": segment_s,
            "mixture_probability": mixture_probability,
            "max_mixture_tracks": max_mixture_tracks,
            "sample_rate": sample_rate,
            "loudness_lufs": loudness_lufs,
        }
        self.seed = seed
        self._loader: ResumableLoader | None = None
        self._resumed: dict[str, Any] = {"position": 0}

    def description(self) -> dict[str, Any]:
        """What a model card tells of the data."""
        return {
            "manifest": ", ".join(Path(manifest).name for manifest in self.manifests),
            "pairs_per_epoch": self.lengths["train"],
            "batch_size": self.batch_size,
            **self.drawing,
            "data": joint_provenance(
                [read_manifest(path).filter(split=self.splits["train"], kind="stem") for path in self.manifests]
            ),
        }

    def check_stage(self, stage: str) -> None:
        """Refuse data that a stage cannot run on, before anything is written. Opens manifests, reads no audio.

        Args:
            stage: ``"fit"``, ``"validate"`` or ``"test"``.

        Raises:
            DataError: a manifest is missing or cannot be read, its audio has moved, or the stage's split is too small.
        """
        for manifest in self.manifests:
            self._check_exists(manifest)
            check_audio_is_there(read_manifest(manifest), manifest)
        split = SPLIT_OF_STAGE[stage]
        if split == "train":
            self._sampler()
        self._pairs(split)

    def train_dataloader(self) -> ResumableLoader:
        """Pairs of this process, from the position where training stands."""
        self._loader = ResumableLoader(self._pairs("train"), self._sampler(), self.num_workers)
        self._loader.load_state_dict(self._resumed)
        return self._loader

    def state_dict(self) -> dict[str, Any]:
        """The position in the stream of batches, for checkpoints.

        Lightning saves loaders' own states too, but forgets to restore them when the optimiser's configuration asks
        for the number of steps, which makes the loaders before the checkpoint is read.
        """
        return self._resumed if self._loader is None else self._loader.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's position."""
        self._resumed = dict(state_dict)

    def val_dataloader(self) -> DataLoader[dict[str, Any]] | list[Any]:
        """The validation pairs, all of them on every process: retrieval needs one common set of candidates."""
        try:
            pairs = self._pairs("validation")
        except DataError as error:
            log.warning("training goes on without validation: %s", error)
            return []
        return DataLoader(pairs, batch_size=self.batch_size, num_workers=self.num_workers)

    def test_dataloader(self) -> DataLoader[dict[str, Any]]:
        """The test pairs, all of them on every process.

        Raises:
            DataError: the test split holds no stem that is long enough.
        """
        return DataLoader(self._pairs("test"), batch_size=self.batch_size, num_workers=self.num_workers)

    def _sampler(self) -> PositionSampler:
        trainer = self.trainer
        rank, processes = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return PositionSampler(self.lengths["train"], self.batch_size, rank, processes)

    def _check_exists(self, manifest: str) -> None:
        if not Path(manifest).exists():
            raise DataError(
                f"no manifest {manifest}: fxrep data scan makes one of your multitracks, "
                "fxrep data generate makes songs to try with; name it with --data.manifest"
            )

    def _pairs(self, split: str) -> Dataset[PairItem]:
        for manifest in self.manifests:
            self._check_exists(manifest)
        # Each split has a seed of its own: where two of them are the same songs, the segments still differ.
        return self._dataset(split, self.seed + list(self.splits).index(split))

    def _dataset(self, split: str, seed: int) -> Dataset[PairItem]:
        """The items of "train", "validation" or "test"; what another kind of pairs replaces."""
        return PairDataset(
            list(self.manifests), split=self.splits[split], length=self.lengths[split], seed=seed, **self.drawing
        )
