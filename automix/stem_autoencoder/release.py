"""Release folders of stem autoencoders: what `fxrep models export` writes and `load_stem_autoencoder` opens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from automix.stem_autoencoder.autoencoder import StemAutoencoder
from automix.stem_autoencoder.card import stem_autoencoder_card
from encoders.model_releases import ReleaseKind


def load_stem_autoencoder(
    model: str | os.PathLike[str] = "default",
    *,
    device: str | torch.device = "cpu",
    instruments: Mapping[str, str] | None = None,
) -> StemAutoencoder:
    """Open a released stem autoencoder, ready to render (evaluation mode).

    Args:
        model: "default", a name that `list_stem_autoencoders` gives, or a release folder.
        device: where to put it; songs are rendered on the CPU.
        instruments: by track, for those that are not to be guessed from their names.

    Raises:
        CheckpointError: there is no such release, or it is damaged, or its weights do not belong to it.
        ArgumentError: the device cannot be used, or `model` is neither text nor a path.
    """
    opened = STEM_AUTOENCODER.load(model, device=device)
    opened.instruments = instruments
    return opened


def _audio_contract(model: StemAutoencoder) -> dict[str, Any]:
    return {"sample_rate": model.sample_rate, "track_lufs": model.track_lufs, "groups": str(model.groups)}


STEM_AUTOENCODER = ReleaseKind(
    name="stem_autoencoder",
    model=StemAutoencoder,
    packages=("encoders", "automix.stem_autoencoder"),
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="stem_autoencoder",
    prefix="model.",
    made_by="fxrep train -c configs/automix/stem_autoencoder_small.yaml",
    self_contained=lambda model: model,
    audio_contract=_audio_contract,
    card=stem_autoencoder_card,
)

save_stem_autoencoder = STEM_AUTOENCODER.save
export_stem_autoencoder = STEM_AUTOENCODER.export
describe_stem_autoencoder = STEM_AUTOENCODER.describe
list_stem_autoencoders = STEM_AUTOENCODER.list
