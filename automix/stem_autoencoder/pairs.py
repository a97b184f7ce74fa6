"""Dry stems, and processed ones where there are some, for training stem autoencoders."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from automix.slots import Slots
from encoders.training.data import PairDataModule
from fxrep.audio import SILENCE_LUFS, load_audio, resample
from fxrep.data.manifest import Manifest, ManifestRow, joint_provenance, read_manifest
from fxrep.data.segments import SILENT_ATTEMPTS, sounding_share
from fxrep.errors import ArgumentError, DataError

STEP_CENTS = 50
_ENOUGH_SOUND = 0.1
_Stem = tuple[Path, ManifestRow]


class StemPairDataset(Dataset[dict[str, Any]]):
    """Segments of stems of a group of instruments. Item `index` depends on (seed, epoch, index) only.

    Every group is drawn as often as the others. The pitch is shifted by resampling: the time gets shorter or longer
    with it, which a model of single frames cannot tell, and nothing of a phase vocoder is learnt.

    Args:
        manifests: of dry stems.
        processed: of processed stems: that of a dry one has its data set, song and track. None: there are none.
        groups: as of `StemAutoencoder`.
        split: songs to draw from; None for all.
        length: items per epoch.
        segment_s: seconds of an item.
        semitones: the pitch is shifted by up to so many, up and down, in steps of 50 cents; 0 leaves it.
        track_lufs: what whole stems are brought to, dry and processed.
        sample_rate: Hz.
        seed: of all that is drawn.

    Shape of an item: ``dry`` (T,), mono; ``processed`` (T,), silent where there is none; ``paired``, whether there is
    one; ``group``, its number.

    Raises:
        ArgumentError: numbers out of range, or wrong groups.
        DataError: there is no such stem.
    """

    def __init__(
        self,
        manifests: Sequence[Manifest],
        processed: Sequence[Manifest],
        groups: Sequence[str],
        split: str | None,
        length: int = 1024,
        segment_s: float = 3.0,
        semitones: float = 4.0,
        track_lufs: float = -24.0,
        sample_rate: int = 44100,
        seed: int = 0,
    ) -> None:
        if not (segment_s >= 0.1 and length >= 1 and 0.0 <= semitones <= 24.0):
            raise ArgumentError(
                f"segment_s={segment_s}, length={length}, semitones={semitones}: expected 0.1 or more, 1 or more, 0 to "
                "24"
            )
        self.length, self.segment_s, self.semitones = length, segment_s, semitones
        self.track_lufs, self.sample_rate = track_lufs, sample_rate
        self.seed, self.epoch = seed, 0
        wet = {_key(row): (one.path_of(row), row) for one in processed for row in one.rows if row.kind == "stem"}
        self.stems = _by_group(manifests, wet if processed else None, Slots(groups), split, self._longest_s())
        if not self.stems:
            raise DataError(
                f"no stem of {self._longest_s():.1f} s in split {split or 'all'!r} is of a group, has sound, and a "
                "processed one where a manifest of these was given: use shorter segments, other groups or more data"
            )

    def __len__(self) -> int:
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Draw other segments."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        group = sorted(self.stems)[rng.integers(len(self.stems))]
        for _ in range(SILENT_ATTEMPTS):
            dry, processed = self.stems[group][rng.integers(len(self.stems[group]))]
            steps = math.floor(100.0 * self.semitones / STEP_CENTS)
            ratio = 2.0 ** (STEP_CENTS * int(rng.integers(-steps, steps + 1)) / 1200.0)
            start_s = rng.uniform(0.0, dry[1].duration_s - self._longest_s())
            audio = self._read(dry, start_s, ratio)
            if sounding_share(audio[None], self.sample_rate) >= _ENOUGH_SOUND:
                break
        wet = torch.zeros_like(audio) if processed is None else self._read(processed, start_s, ratio)
        return {"dry": audio, "processed": wet, "paired": processed is not None, "group": group}

    def _longest_s(self) -> float:
        """What has to be read at most: what is shifted up gets shorter."""
        return float(self.segment_s * 2.0 ** (self.semitones / 12.0)) + 0.05

    def _read(self, stem: _Stem, start_s: float, ratio: float) -> Tensor:
        path, row = stem
        audio, _ = load_audio(
            path,
            start_s=start_s,
            duration_s=self.segment_s * ratio + 0.05,
            sample_rate=self.sample_rate,
            channels=2,
        )
        shifted = resample(audio.mean(0), round(ratio * self.sample_rate), self.sample_rate)
        gain = 10.0 ** (min(40.0, self.track_lufs - row.loudness_lufs) / 20.0)
        samples = round(self.segment_s * self.sample_rate)
        return torch.nn.functional.pad(shifted[:samples], (0, max(0, samples - len(shifted)))) * float(gain)


class StemPairDataModule(PairDataModule):
    """Stems by group, from manifests (``fxrep data scan``).

    Args:
        manifest: manifest of the dry stems, or a list of several.
        processed: manifest, or a list of several, of processed stems; that of a dry one has its data set, song and
            track. None: the training makes them.
        groups: as of the model.
        batch_size: stems per process and step.
        length: stems per epoch over all processes.
        validation_length: stems of the validation set and of the test set, the same ones every time.
        segment_s: seconds of each.
        semitones: most that the pitch of training stems is shifted by; it is left alone elsewhere.
        track_lufs: loudness of the stems; must be the model's.
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
        groups: list[str],
        processed: str | list[str] | None = None,
        batch_size: int = 16,
        length: int = 4096,
        validation_length: int = 64,
        segment_s: float = 3.0,
        semitones: float = 4.0,
        track_lufs: float = -24.0,
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
        self.processed = [] if processed is None else [processed] if isinstance(processed, str) else list(processed)
        self.semitones = semitones
        self.drawing = {
            "groups": list(groups),
            "segment_s": segment_s,
            "track_lufs": track_lufs,
            "sample_rate": sample_rate,
        }

    def description(self) -> dict[str, Any]:
        """What a model card tells of the data."""
        return {
            "manifest": ", ".join(Path(manifest).name for manifest in self.manifests),
            "processed_stems": ", ".join(Path(one).name for one in self.processed) or "generated, none from records",
            "stems_per_epoch": self.lengths["train"],
            "batch_size": self.batch_size,
            "semitones": self.semitones,
            **self.drawing,
            "data": joint_provenance(
                [read_manifest(path).filter(split=self.splits["train"], kind="stem") for path in self.manifests]
            ),
        }

    def _dataset(self, split: str, seed: int) -> Dataset[dict[str, Any]]:
        for manifest in self.processed:
            self._check_exists(manifest)
        return StemPairDataset(
            [read_manifest(path) for path in self.manifests],
            [read_manifest(path) for path in self.processed],
            split=self.splits[split],
            length=self.lengths[split],
            semitones=self.semitones if split == "train" else 0.0,
            seed=seed,
            **self.drawing,
        )


def _key(row: ManifestRow) -> tuple[str, str, str]:
    return row.dataset, row.song, row.track


def _by_group(
    manifests: Sequence[Manifest],
    processed: dict[tuple[str, str, str], _Stem] | None,
    groups: Slots,
    split: str | None,
    shortest_s: float,
) -> dict[int, list[tuple[_Stem, _Stem | None]]]:
    """Dry stems with their processed ones, by the number of the group."""
    found: dict[int, list[tuple[_Stem, _Stem | None]]] = defaultdict(list)
    for manifest in manifests:
        for row in manifest.filter(split=split, kind="stem").rows:
            group = groups.place(row.instrument)
            usable = row.duration_s >= shortest_s and row.loudness_lufs > SILENCE_LUFS
            partner = None if processed is None else processed.get(_key(row))
            if group is not None and usable and (processed is None or partner is not None):
                found[group].append(((manifest.path_of(row), row), partner))
    return found
