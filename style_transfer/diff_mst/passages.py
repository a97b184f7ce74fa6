"""What one training step has before it: tracks, a reference, and the truth where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fxrep.audio import normalize_loudness
from fxrep.effects.console import ConsoleTensors
from fxrep.mixing.recordings import REFERENCE_LUFS
from style_transfer.diff_mst.model import DiffMST
from style_transfer.diff_mst.settings_prior import SettingsPrior


@dataclass
class Passage:
    """Tracks to mix and what they are to sound like.

    Attributes:
        tracks: (B, N, 2, T).
        mask: (B, N) booleans, which tracks there are.
        stem: (B, N) numbers that tell tracks apart.
        start_ms: (B,) where in the tracks the passage begins.
        reference: (B, 2, T'), at -16 LUFS.
        target: (B, 2, T), the true mix at -16 LUFS; None where there is none.
        truth: the settings that made it; None where there are none.
    """

    tracks: Tensor
    mask: Tensor
    stem: Tensor
    start_ms: Tensor
    reference: Tensor
    target: Tensor | None = None
    truth: ConsoleTensors | None = None


@torch.no_grad()
def known_mix(
    batch: dict[str, Any], model: DiffMST, prior: SettingsPrior, generator: torch.Generator, with_target: bool = True
) -> Passage:
    """Draw settings, mix both halves of the passage with them, and part it: one half is the reference of the other.

    Args:
        batch: of `SongDataset` with the reference ``same_song``.
        model: whose console is set.
        prior: where settings are drawn from.
        generator: of all chance.
        with_target: render the true mix too; without it only the settings can be compared.
    """
    tracks, mask, stem = _present(batch)
    half = tracks.shape[-1] // 2
    batch_size, count = mask.shape
    # On the CPU whatever the device: a generator belongs to one device, and a run must not depend on which.
    drawn = prior.draw(model.console, batch_size, count, generator, model.track_lufs)
    device = tracks.device
    positions = (drawn.tracks.to(device), drawn.buses.to(device), drawn.master.to(device))
    truth = model.console.denormalize(*positions)
    first = int(torch.randint(2, (), generator=generator))
    heard, asked = (tracks[..., place * half : (place + 1) * half] for place in (first, 1 - first))
    mixes = [
        normalize_loudness(
            model.console.render(part, truth, model.sample_rate, mask), model.sample_rate, REFERENCE_LUFS
        )
        for part in ((heard, asked) if with_target else (heard,))
    ]
    start_ms = batch["start_ms"] + (1 - first) * round(1000.0 * half / model.sample_rate)
    target = mixes[1] if with_target else None
    return Passage(asked.contiguous(), mask, stem, start_ms, mixes[0], target, truth)


def other_song(batch: dict[str, Any]) -> Passage:
    """Tracks of one song and the mix of another, from batches of `SongDataset` with the reference ``other_song``."""
    tracks, mask, stem = _present(batch)
    return Passage(tracks, mask, stem, batch["start_ms"], batch["reference"])


def _present(batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Tracks, mask and numbers, without the places that no item of the batch fills."""
    mask: Tensor = batch["mask"]
    count = int(mask.sum(1).max())
    return batch["tracks"][:, :count], mask[:, :count], batch["stem"][:, :count]
