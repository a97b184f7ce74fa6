"""Normalised stems beside the mix that they come from: passages of songs out of two manifests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from automix.fxnorm_automix.groups import GROUPS, group_number
from encoders.training.data import PairDataModule
from encoders.training.songs import SongDataset
from fxrep.data.manifest import Manifest, ManifestRow, check_audio_is_there, joint_provenance, read_manifest
from fxrep.errors import ArgumentError, DataError
from fxrep.mixing.session import TRACK_LUFS
from fxrep.normalization import FxNormalizer
from fxrep.normalization.dataset import MANIFEST_NAME

STATISTICS_NAME = "statistics.json"
MOST_TRACKS = 32


class StemDataset(SongDataset):
    """Passages of songs: their stems, of normalised tracks, and the mix. Item `index` depends on (seed, epoch, index).

    The mix is the one on file where a song has one, and the sum of the tracks as they lie elsewhere, at one gain for
    the whole song.

    Args:
        manifests: of the tracks and mixes as they lie.
        normalized: manifests of the same tracks, normalised.
        split: songs to draw from; None for all.
        length: items per epoch.
        segment_s: seconds.
        mix_lufs: loudness that the mix of every whole song is brought to; None: as it lies.
        swap_sides: exchange left and right of half of the items.
        sample_rate: Hz.
        seed: of all that is drawn.

    Shape of an item: ``stems`` (4, 2, T) in the order of `GROUPS`, ``target`` (2, T), ``equal_loudness`` (2, T), the
    sum of the tracks, each at -24 LUFS; ``start_ms``.

    Raises:
        ArgumentError: a number is out of range, or another number of manifests.
        DataError: no song has two tracks of that length, or a track was not normalised.
    """

    def __init__(
        self,
        manifests: Sequence[Manifest],
        normalized: Sequence[Manifest],
        split: str | None,
        length: int = 1024,
        segment_s: float = 10.0,
        mix_lufs: float | None = -16.0,
        swap_sides: bool = True,
        sample_rate: int = 44100,
        seed: int = 0,
    ) -> None:
        if abs(500.0 * segment_s - round(500.0 * segment_s)) > 1e-6:
            raise ArgumentError(f"segment_s is {segment_s}: expected a multiple of 0.002, for passages of whole ms")
        super().__init__(
            manifests, split, "own_mix", length, segment_s, 2, MOST_TRACKS, TRACK_LUFS, sample_rate, 2, seed
        )
        self.swap_sides, self.names = swap_sides, sorted(self.songs)
        self.normalized = _normalized(manifests, normalized)
        self.song_gain = {name: _song_gain(self, name, mix_lufs) for name in self.songs}
        self.song_of = {stem.number: name for name, stems in self.songs.items() for stem in stems}
        for stem in (one for stems in self.songs.values() for one in stems):
            if stem.number not in self.normalized:
                raise DataError(
                    f"{stem.path} is not among the normalised tracks: run fxrep data normalize again on this manifest"
                )

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = super().__getitem__(index)
        numbers = item["stem"][item["mask"]].tolist()
        song = self.song_of[numbers[0]]
        stems = torch.zeros(len(GROUPS), *item["target"].shape)
        for number in numbers:
            path, row = self.normalized[number]
            group = group_number(row.instrument)
            stems[group] += self._read(path, item["start_ms"] / 1000.0, row.duration_s, 1)
        drawn = {
            "stems": stems,
            "target": item["target"] * self.song_gain[song],
            "equal_loudness": item["tracks"].sum(0),
        }
        rng = np.random.default_rng([self.seed, self.epoch, index, 1])
        if self.swap_sides and rng.random() < 0.5:
            drawn = {name: audio.flip(-2) for name, audio in drawn.items()}
        return drawn | {"start_ms": item["start_ms"]}


def _normalized(manifests: Sequence[Manifest], normalized: Sequence[Manifest]) -> dict[int, tuple[Path, ManifestRow]]:
    """Rows of normalised tracks, and their files, by the number that the track has in the other manifests."""
    if len(manifests) != len(normalized):
        raise ArgumentError(f"{len(manifests)} manifests and {len(normalized)} normalised ones: give one for each")
    found, number = {}, -1
    for manifest, twin in zip(manifests, normalized, strict=True):
        rows = {(row.kind, row.dataset, row.song, row.track): row for row in twin.rows}
        for row in manifest.rows:
            number += 1
            made = rows.get((row.kind, row.dataset, row.song, row.track))
            if made is not None:
                found[number] = twin.path_of(made), made
    return found


def _song_gain(songs: SongDataset, name: str, mix_lufs: float | None) -> float:
    """What brings the mix of a song to a loudness; powers of independent tracks add."""
    if mix_lufs is None:
        return 1.0
    mix = songs.mixes.get(name)
    if mix is not None:
        lufs = mix.loudness_lufs
    else:
        lufs = 10.0 * math.log10(sum(10.0 ** (stem.loudness_lufs / 10.0) for stem in songs.songs[name]))
    return float(10.0 ** ((mix_lufs - lufs) / 20.0))


class StemDataModule(PairDataModule):
    """Normalised stems and mixes for FxNorm-automix.

    Args:
        manifest: manifest of tracks and mixes as they lie (``fxrep data scan``), or a list of several.
        normalized: manifest of the same tracks, normalised (``fxrep data normalize``), or a list, one for each. The
            averages lie beside it, in ``statistics.json``.
        batch_size: passages per process and step.
        length: passages per epoch over all processes.
        validation_length: passages of the validation set and of the test set, the same ones every time.
        segment_s: seconds of a passage.
        mix_lufs: loudness that the mix of every whole song is brought to; None: as it lies.
        sample_rate: rate in Hz; must be the network's.
        train_split: songs to train on.
        validation_split: songs to validate on.
        test_split: songs for the stage ``test``.
        num_workers: processes that read ahead.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        manifest: str | list[str],
        normalized: str | list[str],
        batch_size: int = 4,
        length: int = 6400,
        validation_length: int = 64,
        segment_s: float = 10.0,
        mix_lufs: float | None = -16.0,
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
        self.normalized = [normalized] if isinstance(normalized, str) else list(normalized)
        self.drawing = {"segment_s": segment_s, "mix_lufs": mix_lufs, "sample_rate": sample_rate}

    @property
    def normalizer(self) -> FxNormalizer:
        """The averages that the tracks were brought to.

        Raises:
            DataError: they are missing, or several manifests were normalised to different ones.
        """
        found = [FxNormalizer.load(Path(path).parent / STATISTICS_NAME) for path in self.normalized]
        if len({one.fingerprint for one in found}) != 1:
            raise DataError(
                f"{', '.join(self.normalized)} were normalised to different averages: normalise the others with "
                f"--statistics {Path(self.normalized[0]).parent / STATISTICS_NAME}"
            )
        return found[0]

    def check_stage(self, stage: str) -> None:
        """Refuse data that a stage cannot run on, before anything is written. Opens manifests, reads no audio.

        Args:
            stage: ``"fit"``, ``"validate"`` or ``"test"``.

        Raises:
            DataError: a manifest or the averages are missing or cannot be read, audio has moved, or the stage's split
                is too small.
        """
        for path in self.normalized:
            check_audio_is_there(_read_normalized(path), path)
        super().check_stage(stage)

    def description(self) -> dict[str, Any]:
        """What a model card tells of the data."""
        manifests = [read_manifest(path) for path in self.manifests]
        return {
            "manifest": ", ".join(Path(manifest).name for manifest in self.manifests),
            "passages_per_epoch": self.lengths["train"],
            "batch_size": self.batch_size,
            **self.drawing,
            "data": joint_provenance(self._stems("train", self.seed).drawn_from(manifests)),
        }

    def _dataset(self, split: str, seed: int) -> Dataset[dict[str, Any]]:
        return self._stems(split, seed)

    def _stems(self, split: str, seed: int) -> StemDataset:
        return StemDataset(
            [read_manifest(path) for path in self.manifests],
            [_read_normalized(path) for path in self.normalized],
            self.splits[split],
            length=self.lengths[split],
            swap_sides=split == "train",
            seed=seed,
            **self.drawing,
        )


def _read_normalized(path: str) -> Manifest:
    if not Path(path).is_file():
        raise DataError(
            f"no normalised tracks at {path}: make them with fxrep data normalize MANIFEST -o {Path(path).parent}, and "
            f"name {Path(path).parent / MANIFEST_NAME} with --data.normalized"
        )
    return read_manifest(path)
