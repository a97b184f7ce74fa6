"""Filling a model's memory of levels before its training begins."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from automix.dmc.level_features import level_features
from automix.dmc.level_memory import LevelMemory
from automix.dmc.passages import Passage, own_mix
from fxrep.progress import track_progress

_LOGGER = logging.getLogger(__name__)


def fill_memory(
    memory: LevelMemory,
    songs: Dataset[dict[str, Any]],
    passages: int,
    sample_rate: int,
    describe: Callable[[Passage], Tensor],
    device: torch.device,
) -> dict[str, float]:
    """Solve the levels of passages of songs whose gains are known.

    Args:
        memory: to fill; it stays empty where no song's gains are known.
        songs: a `SongDataset` with the reference ``own_mix``.
        passages: that are drawn.
        sample_rate: Hz.
        describe: passages to (1, N, F), as the model's encoder hears them.
        device: of the model.

    Returns:
        What was measured, see `LevelFit`; nothing where the memory stays empty.
    """
    features: list[Tensor] = []
    gains: list[Tensor] = []
    names: list[str] = []
    for index in track_progress(range(passages), "known levels", passages):
        item = songs[index]
        batch = {name: one.to(device) if isinstance(one, Tensor) else one for name, one in _batch(item).items()}
        passage = own_mix(batch, sample_rate)
        if not bool(passage.gains_known[0]) or int(passage.mask.sum()) < 2:
            continue
        mask = passage.mask[0]
        features.append(level_features(describe(passage)[0, mask], passage.instrument[0, mask]))
        gains.append(passage.gain_db[0, mask])
        names.append(item["song"])
    if len(set(names)) < 2:
        _LOGGER.warning("no levels are remembered: the gains of less than two songs are known")
        return {}
    found = asdict(memory.fit(features, gains, names))
    _LOGGER.info("levels of %(tracks)d tracks: %(left_out_db).2f dB in songs that were left out", found)
    return {f"memory/{name}": float(value) for name, value in found.items()}


def _batch(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = default_collate([item])
    return found
