"""Stems under effects that were rendered and heard once, from which mixtures are added up as often as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import Dataset

from encoders.spectral_encoder import SpectralEncoder
from encoders.training.kept_work import claim_folder, read_note
from fxrep.data.segments import SegmentDrawing
from fxrep.data.stem_mixes import StemMixer
from fxrep.errors import DataError
from fxrep.files import atomic_file, share_like_others
from fxrep.progress import track_progress

STEMS_PER_FILE = 20
"""Of one instrument each; a file also holds one clip of it without effects."""

_ABOUT = "heard.json"


def hear_stems(
    sampler: SegmentDrawing,
    encoder: SpectralEncoder,
    mixer: StemMixer,
    folder: Path,
    about: dict[str, Any],
    stems_per_instrument: int,
    seed: int = 0,
    rank: int = 0,
    processes: int = 1,
) -> None:
    """Render stems, each under a chain of its own, and keep what the encoder hears of them alone.

    Files that are there already are left as they are, so that an interrupted call goes on. A stem of 4 s takes 0.85 MB.

    Args:
        sampler: of stems without effects.
        encoder: whose frames and embeddings are kept.
        mixer: draws and renders chains and levels.
        folder: for the files.
        about: what they depend on, plain values.
        stems_per_instrument: how many stems of every instrument, at least; a multiple of `STEMS_PER_FILE` is made.
        seed: of all that is drawn.
        rank: which share of the files is made here.
        processes: how many share the work.

    Raises:
        ArgumentError: the folder holds stems of something else.
        DataError: its note is damaged.
    """
    about = {**about, "instruments": sampler.instruments, "stems_per_instrument": stems_per_instrument, "seed": seed}
    others = (
        "stems heard by another encoder, of other data or under other effects: name another folder with --data.heard"
    )
    claim_folder(folder / _ABOUT, about, others)
    per_instrument = -(-stems_per_instrument // STEMS_PER_FILE)
    every = [(place, number) for place in range(len(sampler.instruments)) for number in range(per_instrument)]
    files = every[rank::processes]
    for place, number in track_progress(files, "rendering stems", len(files)):
        path = _file(folder, place, number)
        if not path.is_file():
            sampler.seek(0, place * per_instrument + number)
            heard = _hear_file(sampler, encoder, mixer, sampler.instruments[place], [seed, place, number])
            with atomic_file(path) as temporary:
                save_file(heard, temporary)
                share_like_others(temporary)


class HeardStems(Dataset[dict[str, Any]]):
    """Mixtures of the stems in a folder. Item `index` depends on (seed, epoch, index) only.

    Items `group` · k to `group` · (k + 1) - 1 have one set of instruments, of 1 … `max_stems`.

    Args:
        folder: that `hear_stems` wrote.
        length: items per epoch.
        max_stems: most stems of a mixture; fewer where there are fewer instruments.
        group: items that share a set of instruments: the batch joined over all processes.
        seed: of everything that is drawn.

    Shape of an item: ``mixture`` (2, T); of the S stems in it ``frames`` (S, F, frames), ``embedding`` (S, D), both of
    the stem alone, ``clips`` (S, 2, T) of the same instruments from elsewhere, half of them without effects,
    ``instruments``, their names; and to learn names from, ``named`` (2, T), a clip of any instrument, and its ``name``.

    Raises:
        DataError: a file is missing or damaged.
    """

    def __init__(self, folder: Path, length: int, max_stems: int, group: int, seed: int = 0) -> None:
        self.folder, self.length, self.group, self.seed, self.epoch = folder, length, group, seed, 0
        about = read_note(folder / _ABOUT)
        self.instruments: list[str] = about["instruments"]
        self.files = -(-int(about["stems_per_instrument"]) // STEMS_PER_FILE)
        self.max_stems = min(max_stems, len(self.instruments))
        for place in range(len(self.instruments)):
            for number in range(self.files):
                _open(_file(folder, place, number))

    def __len__(self) -> int:
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Draw other mixtures."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        of_group = np.random.default_rng([self.seed, self.epoch, index // self.group, 1])
        size = int(of_group.integers(1, self.max_stems + 1))
        places = of_group.permutation(len(self.instruments))[:size].tolist()
        rng = np.random.default_rng([self.seed, self.epoch, index, 0])
        drawn = [self._draw_stem(rng, place) for place in places]
        stems = {name: torch.stack([one[name] for one in drawn]) for name in drawn[0]}
        named = int(rng.integers(len(self.instruments)))
        return {
            "mixture": stems.pop("stems").sum(0),
            **stems,
            "instruments": [self.instruments[place] for place in places],
            "named": self._draw_clip(rng, named, int(rng.integers(self.files))),
            "name": self.instruments[named],
        }

    def _draw_stem(self, rng: np.random.Generator, place: int) -> dict[str, Tensor]:
        """One stem, and a clip of the instrument from another file where there is one."""
        number, row = int(rng.integers(self.files)), int(rng.integers(STEMS_PER_FILE))
        file = _open(_file(self.folder, place, number))
        stem = {name: file.get_slice(name)[row].float() for name in ("stems", "frames", "embedding")}
        other = (number + int(rng.integers(1, max(2, self.files)))) % self.files
        return {**stem, "clips": self._draw_clip(rng, place, other)}

    def _draw_clip(self, rng: np.random.Generator, place: int, number: int) -> Tensor:
        """The clip of a file, or one of its stems, equally often."""
        file, row = _open(_file(self.folder, place, number)), int(rng.integers(STEMS_PER_FILE))
        clip: Tensor = file.get_tensor("clip") if rng.random() < 0.5 else file.get_slice("stems")[row]
        return clip.float()


@torch.no_grad()
def _hear_file(
    sampler: SegmentDrawing, encoder: SpectralEncoder, mixer: StemMixer, instrument: str, seed: Sequence[int]
) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    dry = torch.stack([sampler.draw_content(rng, instrument) for _ in range(STEMS_PER_FILE)])[:, None]
    wet = mixer({"a": dry}, sampler.sample_rate, generator).b
    frames = encoder.standard_frames(wet)
    return {
        "stems": wet.clamp(-_LOUDEST, _LOUDEST).half(),
        "frames": frames.half(),
        "embedding": F.normalize(encoder.embed_frames(frames).float(), dim=-1),
        "clip": sampler.draw_content(rng, instrument).half(),
    }


_LOUDEST = 60000.0
"""Samples beyond it are more than half precision can hold."""


def _file(folder: Path, place: int, number: int) -> Path:
    return folder / f"{place:02d}-{number:05d}.safetensors"


@lru_cache(maxsize=4096)
def _open(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except Exception as error:  # safetensors has an error class of its own, which it does not export.
        raise DataError(f"{path} is missing or damaged: delete it, the training will write it again") from error
