"""Where training on mixtures gets its stems from."""

from __future__ import annotations

from torch.utils.data import Dataset

from encoders.training.data import PairDataModule
from fxrep.data.pairs import PairItem
from fxrep.data.stem_sets import StemSetDataset


class StemSetDataModule(PairDataModule):
    """Sets of stems for training on mixtures; all items of a step have one set of instruments.

    The validation items have one set for all of them, as large as `max_stems` allows: their instruments are no help
    in telling them apart.

    Args:
        manifest: manifest of the stems, or a list of several, normally the Fx-normalised ones.
        batch_size: items per process and step; hard negatives double them.
        length: items per epoch over all processes.
        validation_length: items of the validation set and of the test set, the same ones every time.
        segment_s: seconds per side; stems must be twice as long.
        max_stems: most stems of an item; the steps have 1 … max_stems of them, equally often.
        sample_rate: rate in Hz; must be the encoder's.
        loudness_lufs: loudness of every stem before effects; None keeps it as recorded.
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
        segment_s: float = 10.0,
        max_stems: int = 4,
        sample_rate: int = 44100,
        loudness_lufs: float | None = -23.0,
        train_split: str | None = "train",
        validation_split: str | None = "validation",
        test_split: str | None = "test",
        num_workers: int = 2,
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
        self.drawing = {
            "segment_s": segment_s,
            "max_stems": max_stems,
            "sample_rate": sample_rate,
            "loudness_lufs": loudness_lufs,
        }

    def _dataset(self, split: str, seed: int) -> Dataset[PairItem]:
        processes = self.trainer.world_size if self.trainer else 1
        return StemSetDataset(
            list(self.manifests),
            split=self.splits[split],
            length=self.lengths[split],
            group=self.batch_size * processes if split == "train" else self.lengths[split],
            always_largest=split != "train",
            seed=seed,
            **self.drawing,
        )
