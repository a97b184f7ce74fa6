"""Where training gets its pairs from when the data lie in shards, on a disk or in an object store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data import Dataset

from encoders.training.data import SPLIT_OF_STAGE, PairDataModule
from fxrep.data.pairs import PairDataset, PairItem
from fxrep.data.shards import ShardStream, read_shard_index
from fxrep.data.stem_sets import StemSetDataset
from fxrep.errors import ArgumentError


class ShardPairDataModule(PairDataModule):
    """The pairs of `PairDataModule`, drawn from shards that ``fxrep data shard`` wrote.

    Every worker of every process reads shards of its own, one after the other, and draws from the last few of them. A
    resumed run goes on with the very next batch after reading those few; with as many processes of as large batches it
    is the run that was interrupted, whatever the number of workers now.

    Args:
        shards: folder or URL of a set of shards, or a list of several. Any URL that fsspec opens; ``s3://`` and ``gs://``
            need s3fs and gcsfs, and ``simplecache::`` before a URL keeps copies on the disk.
        batch_size: pairs per process and step; hard negatives double them.
        length: pairs per epoch over all processes.
        validation_length: pairs of the validation set and of the test set, the same ones every time.
        segment_s: seconds per content.
        mixture_probability: share of pairs that are mixtures.
        max_mixture_tracks: most stems of a mixture.
        sample_rate: rate in Hz; must be the encoder's.
        loudness_lufs: loudness of every content before effects; None keeps it as recorded.
        train_split: shards to train on.
        validation_split: shards to validate on.
        test_split: shards for the stage ``test``.
        window: shards that each worker draws from at a time. They stay in memory, as they are on the disk.
        draws_per_passage: how often each passage is drawn before the next ones are read, on average.
        lanes: streams that the shards are dealt to; None for one a worker. A resumed run keeps its number.
        num_workers: processes that read ahead.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        shards: str | list[str],
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
        window: int = 4,
        draws_per_passage: float = 4.0,
        lanes: int | None = None,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        if not shards:
            raise ArgumentError("shards is empty: name at least one set with --data.shards")
        super().__init__(
            shards,
            batch_size,
            length,
            validation_length,
            segment_s,
            mixture_probability,
            max_mixture_tracks,
            sample_rate,
            loudness_lufs,
            train_split,
            validation_split,
            test_split,
            num_workers,
            seed,
        )
        self.window, self.draws_per_passage, self.lanes = window, draws_per_passage, lanes
        self._provenance: list[dict[str, dict[str, Any]]] | None = None

    def description(self) -> dict[str, Any]:
        """What a model card tells of the data."""
        split = self.splits["train"]
        if self._provenance is None:  # asked for at every checkpoint, and the indexes may be far away
            self._provenance = [read_shard_index(address).provenance for address in self.manifests]
        return {
            "shards": ", ".join(address.rstrip("/").rsplit("/", 1)[-1] for address in self.manifests),
            "pairs_per_epoch": self.lengths["train"],
            "batch_size": self.batch_size,
            **self.drawing,
            "data": _joint([part for one in self._provenance for name, part in one.items() if split in (None, name)]),
        }

    def check_stage(self, stage: str) -> None:
        """Refuse data that a stage cannot run on, before anything is written. Reads indexes, no shards.

        Args:
            stage: ``"fit"``, ``"validate"`` or ``"test"``.

        Raises:
            DataError: an index is missing or damaged, or the stage's split holds nothing that is long enough.
        """
        split = SPLIT_OF_STAGE[stage]
        if split == "train":
            self._sampler()
        self._pairs(split)

    def state_dict(self) -> dict[str, Any]:
        """The position in the stream of batches, and how many streams the shards are dealt to."""
        return {**super().state_dict(), "lanes": self._lanes()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's position."""
        super().load_state_dict({"position": state_dict["position"]})
        # One that was trained from other data, whose batches are counted all the same, knows of no lanes.
        if "lanes" in state_dict and self.lanes is None:
            self.lanes = int(state_dict["lanes"])

    def _lanes(self) -> int:
        processes = self.trainer.world_size if self.trainer else 1
        return max(1, self.num_workers) * processes if self.lanes is None else self.lanes

    def _stream(self, split: str, everywhere: bool = False) -> ShardStream:
        processes = self.trainer.world_size if self.trainer else 1
        train = split == "train"
        batches = self.lengths[split] // (self.batch_size * processes) * processes if train else 1
        return ShardStream(
            addresses=tuple(self.manifests),
            batch_size=self.batch_size,
            batches_per_epoch=batches,
            # All processes hear the same held-out pairs, and each passage of them once if it can be.
            lanes=self._lanes() if train else 1,
            window=self.window,
            draws_per_passage=self.draws_per_passage if train else 1.0,
            everywhere=everywhere,
            seed=self.seed,
        )

    def _pairs(self, split: str) -> Dataset[PairItem]:
        return self._dataset(split, self.seed + list(self.splits).index(split))

    def _dataset(self, split: str, seed: int) -> Dataset[PairItem]:
        return PairDataset(
            self._stream(split), split=self.splits[split], length=self.lengths[split], seed=seed, **self.drawing
        )


class ShardStemSetDataModule(ShardPairDataModule):
    """The sets of stems of `StemSetDataModule`, drawn from shards; only instruments that every shard holds.

    Args:
        shards: folder or URL of a set of shards, or a list of several; see `ShardPairDataModule`.
        batch_size: items per process and step; hard negatives double them.
        length: items per epoch over all processes.
        validation_length: items of the validation set and of the test set, the same ones every time.
        segment_s: seconds per side; passages must be twice as long.
        max_stems: most stems of an item; the steps have 1 … max_stems of them, equally often.
        sample_rate: rate in Hz; must be the encoder's.
        loudness_lufs: loudness of every stem before effects; None keeps it as recorded.
        train_split: shards to train on.
        validation_split: shards to validate on.
        test_split: shards for the stage ``test``.
        window: shards that each worker draws from at a time. They stay in memory, as they are on the disk.
        draws_per_passage: how often each passage is drawn before the next ones are read, on average.
        lanes: streams that the shards are dealt to; None for one a worker. A resumed run keeps its number.
        num_workers: processes that read ahead.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        shards: str | list[str],
        batch_size: int = 32,
        length: int = 8192,
        validation_length: int = 256,
        segment_s: float = 10.0,
        max_stems: int = 4,
        sample_rate: int = 44100,
        loudness_lufs: float | None = -23.0,
        train_split: str | None = "train",
        validation_split: str | None = "validation",
        test_split: str | None = "test",
        window: int = 4,
        draws_per_passage: float = 4.0,
        lanes: int | None = None,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__(
            shards,
            batch_size,
            length,
            validation_length,
            sample_rate=sample_rate,
            train_split=train_split,
            validation_split=validation_split,
            test_split=test_split,
            window=window,
            draws_per_passage=draws_per_passage,
            lanes=lanes,
            num_workers=num_workers,
            seed=seed,
        )
        self.drawing = {
            "segment_s": segment_s,
            "max_stems": max_stems,
            "sample_rate": sample_rate,
            "loudness_lufs": loudness_lufs,
        }

    def _dataset(self, split: str, seed: int) -> Dataset[PairItem]:
        processes = self.trainer.world_size if self.trainer else 1
        return StemSetDataset(
            self._stream(split, everywhere=True),
            split=self.splits[split],
            length=self.lengths[split],
            group=self.batch_size * processes if split == "train" else self.lengths[split],
            always_largest=split != "train",
            seed=seed,
            **self.drawing,
        )


def _joint(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whose audio several sets hold together."""
    licences = sorted({licence for part in parts for licence in part["artists"]})
    return {
        "songs": sum(part["songs"] for part in parts),
        "hours": round(sum(part["hours"] for part in parts), 2),
        "datasets": sorted({name for part in parts for name in part["datasets"]}),
        "artists": {
            licence: sorted({artist for part in parts for artist in part["artists"].get(licence, [])})
            for licence in licences
        },
    }
