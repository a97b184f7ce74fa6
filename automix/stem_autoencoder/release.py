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


def save_stem_autoencoder(
    model: StemAutoencoder,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    metadata: dict[str, Any] | None = None,
    licence: str = "Apache-2.0",
) -> Path:
    """Write a release folder, whole or not at all; in an existing release of that name its own files are replaced.

    Args:
        model: what to release.
        folder: where to.
        name: name on the model card; None for the folder's.
        metadata: how it was trained and what was measured, JSON values.
        licence: SPDX name of the weights' licence.

    Raises:
        ArgumentError: a file, or a folder of something else, has that name.
        CheckpointError: the weights are not finite.
        OutputError: the folder cannot be written.
    """
    return STEM_AUTOENCODER.save(model, folder, name, metadata, licence)


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
    opened = STEM_AUTOENCODER.load(model, device)
    opened.instruments = instruments
    return opened


def export_stem_autoencoder(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str = "Apache-2.0",
    overwrite: bool = False,
) -> Path:
    """Take the model out of a Lightning checkpoint and write a release folder that `load_stem_autoencoder` opens.

    Args:
        checkpoint: a ``.ckpt`` that `StemAutoencoderTraining` wrote.
        folder: where to write the release.
        name: name on the model card; None for the folder's.
        licence: SPDX name of the weights' licence.
        overwrite: replace a release that is there. Files beside those of the release stay.

    Raises:
        ArgumentError: something is at `folder`: a release without `overwrite`, or anything else.
        CheckpointError: the checkpoint is damaged or not of such a training.
        OutputError: the folder cannot be written.
    """
    return STEM_AUTOENCODER.export(checkpoint, folder, name, licence, overwrite)


def describe_stem_autoencoder(name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
    """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

    Raises:
        CheckpointError: see `load_stem_autoencoder`.
    """
    return STEM_AUTOENCODER.describe(name_or_folder)


def list_stem_autoencoders() -> list[str]:
    """Names of those that ship with the package."""
    return STEM_AUTOENCODER.list()


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
