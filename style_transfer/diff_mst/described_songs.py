"""Mixes of known settings that were described once and are learned from many times: no audio is needed any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Dataset

from encoders.training.described_tracks import DescribedTracks
from encoders.training.kept_work import claim_folder
from encoders.training.songs import SongDataset
from fxrep.errors import DataError
from fxrep.files import atomic_file, share_like_others
from fxrep.progress import track_progress
from style_transfer.diff_mst.model import DiffMST
from style_transfer.diff_mst.passages import known_mix
from style_transfer.diff_mst.settings_prior import SettingsPrior

PASSAGES_PER_FILE = 40

_ABOUT = "described.json"
_BY_TRACK = ("tracks", "truth_tracks", "asked")


def describe_songs(
    songs: SongDataset,
    model: DiffMST,
    prior: SettingsPrior,
    folder: Path,
    about: dict[str, Any],
    mixes_per_passage: int,
    rank: int = 0,
    processes: int = 1,
) -> None:
    """Write the descriptions of mixes of drawn settings; files that are there already are left as they are.

    Args:
        songs: passages, with the reference ``same_song``; each item makes `mixes_per_passage` mixes.
        model: whose frozen conditioning describes and whose console mixes.
        prior: where settings are drawn from.
        folder: for the files; a folder of other descriptions is refused.
        about: what the descriptions depend on, plain values.
        mixes_per_passage: settings that are drawn for each passage.
        rank: which share of the files is made here.
        processes: how many share the work.

    Raises:
        ArgumentError: the folder holds descriptions of something else.
    """
    others = (
        "descriptions by another encoder, of other data or of other settings: name another folder with --data.described"
    )
    claim_folder(folder / _ABOUT, about, others)
    known = DescribedTracks(model.conditioning.describe_tracks, keep=True)
    numbers = range(rank, -(-len(songs) // PASSAGES_PER_FILE), processes)
    for number in track_progress(numbers, "describing mixes", len(numbers)):
        path = _file(folder, number)
        if not path.is_file():
            first = number * PASSAGES_PER_FILE
            passages = range(first, min(len(songs), first + PASSAGES_PER_FILE))
            examples = [
                example
                for index in passages
                for example in _describe_passage(songs, index, model, prior, known, mixes_per_passage)
            ]
            with atomic_file(path) as temporary:
                save_file(_packed(examples), temporary)
                share_like_others(temporary)


class DescribedSongs(Dataset[dict[str, Tensor]]):
    """The descriptions in a folder. Item `index` depends on (seed, epoch, index) only; an epoch has each of them once.

    Args:
        folder: that `describe_songs` wrote.
        max_tracks: tracks that items are padded to.
        seed: of the order.

    Shape of an item: ``tracks`` (M, F), ``heard`` (R, F'), ``mask`` (M,), ``truth_tracks`` (M, P), ``truth_buses``
    (Q,), ``truth_master`` (P',), and ``asked`` (M, D) with an encoder that takes queries.

    Raises:
        DataError: a file is missing or damaged.
    """

    def __init__(self, folder: Path, max_tracks: int, seed: int = 0) -> None:
        self.max_tracks, self.seed, self.epoch = max_tracks, seed, 0
        self.examples = [example for path in sorted(folder.glob("*.safetensors")) for example in _unpacked(path)]
        if not self.examples:
            raise DataError(f"{folder} holds no descriptions: let the training write them again")

    def __len__(self) -> int:
        return len(self.examples)

    def set_epoch(self, epoch: int) -> None:
        """Another order."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.examples))
        example = self.examples[order[index]]
        count = len(example["tracks"])
        item = {name: self._padded(value) if name in _BY_TRACK else value for name, value in example.items()}
        return {**item, "mask": torch.arange(self.max_tracks) < count}

    def _padded(self, rows: Tensor) -> Tensor:
        return torch.cat([rows, rows.new_zeros(self.max_tracks - len(rows), rows.shape[1])])


@torch.no_grad()
def _describe_passage(
    songs: SongDataset, index: int, model: DiffMST, prior: SettingsPrior, known: DescribedTracks, mixes: int
) -> Iterator[dict[str, Tensor]]:
    item = songs[index]
    batch = {name: torch.as_tensor(value)[None] for name, value in item.items() if not isinstance(value, str)}
    for number in range(mixes):
        generator = torch.Generator().manual_seed(
            int(np.random.SeedSequence([songs.seed, index, number]).generate_state(1)[0])
        )
        passage = known_mix(batch, model, prior, generator, with_target=False)
        assert passage.truth is not None
        tracks = known(passage.tracks, passage.mask, passage.stem, passage.start_ms)
        asked = model.conditioning.ask(passage.reference, tracks)
        places = ("truth_tracks", "truth_buses", "truth_master")
        truth = dict(zip(places, model.console.normalize(passage.truth), strict=True))
        heard = model.conditioning.describe_reference(passage.reference)
        found = {"tracks": tracks, "heard": heard, **truth, **({} if asked is None else {"asked": asked})}
        yield {name: value[0].float().cpu() for name, value in found.items()}


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.safetensors"


def _packed(examples: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors of all examples together: rows of tracks one after another, all else stacked."""
    packed = {"counts": torch.tensor([len(example["tracks"]) for example in examples])}
    for name in examples[0]:
        join = torch.cat if name in _BY_TRACK else torch.stack
        packed[name] = join([example[name] for example in examples]).contiguous()
    return packed


def _unpacked(path: Path) -> list[dict[str, Tensor]]:
    try:
        packed = load_file(path)
        counts = packed.pop("counts").tolist()
        parts = {name: value.split(counts) if name in _BY_TRACK else value.unbind(0) for name, value in packed.items()}
    except Exception as error:  # safetensors has an error class of its own, which it does not export.
        raise DataError(f"{path} is damaged: delete it, it will be written again") from error
    return [{name: part[place] for name, part in parts.items()} for place in range(len(counts))]
