"""Release folders of cloners: what `fxrep models export` writes and `load_cloner` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). An encoder that ships with the package is named in
``config.json`` with its fingerprint; any other one is part of the weights.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import torch

from encoders.model_releases import ReleaseKind, name_encoder
from encoders.registry import build_tree
from style_transfer.mixfx_cloner.card import cloner_card
from style_transfer.mixfx_cloner.cloner import MixFXCloner

_PACKAGES = ("encoders", "style_transfer.mixfx_cloner")


def save_cloner(
    cloner: MixFXCloner,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    metadata: dict[str, Any] | None = None,
    licence: str = "Apache-2.0",
) -> Path:
    """Write a release folder, whole or not at all; in an existing release of that name its own files are replaced.

    Args:
        cloner: what to release.
        folder: where to.
        name: name on the model card; None for the folder's.
        metadata: how it was trained and what was measured, JSON values.
        licence: SPDX name of the weights' licence.

    Raises:
        ArgumentError: a file, or a folder of something else, has that name.
        CheckpointError: the weights are not finite.
        OutputError: the folder cannot be written.
    """
    return CLONER.save(cloner, folder, name, metadata, licence)


def load_cloner(
    name_or_folder: str | os.PathLike[str] = "default", *, device: str | torch.device = "cpu"
) -> MixFXCloner:
    """Open a released cloner, ready to render (evaluation mode).

    Args:
        name_or_folder: "default", a name that `list_cloners` gives, or a release folder.
        device: where to put it; whole stems are rendered on the CPU.

    Raises:
        CheckpointError: no such release; or its files are missing, damaged, changed or of another format; or it stands
            on an encoder that is not there.
        ArgumentError: the name is none, or the device cannot be used.
    """
    return CLONER.load(name_or_folder, device)


def export_cloner(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str = "Apache-2.0",
    overwrite: bool = False,
) -> Path:
    """Take the cloner out of a Lightning checkpoint and write a release folder that `load_cloner` opens.

    Args:
        checkpoint: a ``.ckpt`` that `ClonerTraining` wrote.
        folder: where to write the release.
        name: name on the model card; None for the folder's.
        licence: SPDX name of the weights' licence.
        overwrite: replace a release that is there. Files beside those of the release stay.

    Raises:
        ArgumentError: something is at `folder`: a release without `overwrite`, or anything else.
        CheckpointError: the checkpoint is damaged or not of a cloner's training.
        OutputError: the folder cannot be written.
    """
    return CLONER.export(checkpoint, folder, name, licence, overwrite)


def describe_cloner(name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
    """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

    Raises:
        CheckpointError: see `load_cloner`.
    """
    return CLONER.describe(name_or_folder)


def list_cloners() -> list[str]:
    """Names of the cloners that ship with the package."""
    return CLONER.list()


def find_cloner(name_or_folder: str | os.PathLike[str]) -> Path:
    """The release folder of a name or a path.

    Raises:
        CheckpointError: there is none.
        ArgumentError: what was given is neither text nor a path.
    """
    return CLONER.find(name_or_folder)


def _self_contained(cloner: MixFXCloner) -> MixFXCloner:
    """The cloner such that its constructor tree and weights are all there is to know."""
    tree = copy.deepcopy(cloner.config())
    name_encoder(tree["init_args"], cloner.encoder)
    whole: MixFXCloner = build_tree(tree, _PACKAGES)
    whole.network.load_state_dict(cloner.network.state_dict())
    whole.encoder.load_state_dict(cloner.encoder.state_dict())
    return whole


def _audio_contract(cloner: MixFXCloner) -> dict[str, Any]:
    return {
        "sample_rate": cloner.sample_rate,
        "input_lufs": cloner.input_lufs,
        "receptive_field": cloner.network.receptive_field,
        "window_s": cloner.encoder.window_s,
        "dim": cloner.encoder.dim,
    }


CLONER = ReleaseKind(
    name="cloner",
    model=MixFXCloner,
    packages=_PACKAGES,
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="mixfx_cloner",
    prefix="cloner.",
    made_by="fxrep train -c configs/style_transfer/mixfx_cloner.yaml",
    self_contained=_self_contained,
    audio_contract=_audio_contract,
    card=cloner_card,
)
