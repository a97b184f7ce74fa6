"""Release folders of controllers: what `fxrep models export` writes and `load_controller` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). A frozen encoder that ships with the package is
named in ``config.json`` with its fingerprint; any other one, and a tuned one, is part of the weights.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import torch

from encoders.model_releases import ReleaseKind, name_encoder
from encoders.registry import build_tree
from encoders.release_folder import read_weights
from style_transfer.diff_mst.card import controller_card
from style_transfer.diff_mst.embedding_conditioning import EmbeddingConditioning
from style_transfer.diff_mst.model import DiffMST

_PACKAGES = ("encoders", "style_transfer.diff_mst")


def save_controller(
    model: DiffMST,
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
    return CONTROLLER.save(model, folder, name, metadata, licence)


def load_controller(
    name_or_folder: str | os.PathLike[str] = "default", *, device: str | torch.device = "cpu"
) -> DiffMST:
    """Open a released controller, ready to estimate (evaluation mode).

    Args:
        name_or_folder: "default", a name that `list_controllers` gives, or a release folder.
        device: where to put it.

    Raises:
        CheckpointError: no such release; or its files are missing, damaged, changed or of another format; or it stands
            on an encoder that is not there.
        ArgumentError: the name is none, or the device cannot be used.
    """
    return CONTROLLER.load(name_or_folder, device)


def export_controller(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str = "Apache-2.0",
    overwrite: bool = False,
) -> Path:
    """Take the controller out of a Lightning checkpoint and write a release folder that `load_controller` opens.

    Args:
        checkpoint: a ``.ckpt`` that `DiffMSTTraining` wrote.
        folder: where to write the release.
        name: name on the model card; None for the folder's.
        licence: SPDX name of the weights' licence.
        overwrite: replace a release that is there. Files beside those of the release stay.

    Raises:
        ArgumentError: something is at `folder`: a release without `overwrite`, or anything else.
        CheckpointError: the checkpoint is damaged or not of a controller's training.
        OutputError: the folder cannot be written.
    """
    return CONTROLLER.export(checkpoint, folder, name, licence, overwrite)


def describe_controller(name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
    """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

    Raises:
        CheckpointError: see `load_controller`.
    """
    return CONTROLLER.describe(name_or_folder)


def list_controllers() -> list[str]:
    """Names of the controllers that ship with the package."""
    return CONTROLLER.list()


def find_controller(name_or_folder: str | os.PathLike[str]) -> Path:
    """The release folder of a name or a path.

    Raises:
        CheckpointError: there is none.
        ArgumentError: what was given is neither text nor a path.
    """
    return CONTROLLER.find(name_or_folder)


def take_weights(model: DiffMST, source: str | os.PathLike[str]) -> None:
    """Copy the weights of a training's checkpoint, or of a release folder, into a model of the same form.

    Raises:
        CheckpointError: there is nothing to read, or it does not fit.
    """
    if Path(source).is_dir():
        read_weights(model, Path(source))
    else:
        from encoders.training.resumption import read_checkpoint

        CONTROLLER.take_weights(model, read_checkpoint(Path(source)), os.fspath(source))


def _self_contained(model: DiffMST) -> DiffMST:
    """The model such that its constructor tree and weights are all there is to know."""
    conditioning, tree = model.conditioning, copy.deepcopy(model.config())
    if not isinstance(conditioning, EmbeddingConditioning):
        return model
    name_encoder(tree["init_args"]["conditioning"]["init_args"], conditioning.encoder, conditioning.frozen)
    whole: DiffMST = build_tree(tree, _PACKAGES)
    assert isinstance(whole.conditioning, EmbeddingConditioning)
    whole.load_state_dict(model.state_dict(), strict=False)
    whole.conditioning.encoder.load_state_dict(conditioning.encoder.state_dict())
    return whole


def _audio_contract(model: DiffMST) -> dict[str, Any]:
    return {
        "sample_rate": model.sample_rate,
        "window_s": model.window_s,
        "track_lufs": model.track_lufs,
        "console": model.console.name,
    }


CONTROLLER = ReleaseKind(
    name="controller",
    model=DiffMST,
    packages=_PACKAGES,
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="diff_mst",
    prefix="model.",
    made_by="fxrep train",
    self_contained=_self_contained,
    audio_contract=_audio_contract,
    card=controller_card,
)
