"""Release folders of controllers: what `fxrep models export` writes and `load_controller` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). A frozen encoder that ships with the package is
named in ``config.json`` with its fingerprint; any other one, and a tuned one, is part of the weights.
"""

from __future__ import annotations

import copy
import json
import os
import re
from pathlib import Path
from typing import Any

import torch

import fxrep
from encoders.checkpoints import DEFAULT_ENCODER, list_encoders
from encoders.registry import build_tree
from encoders.release_folder import (
    fingerprint,
    holds_release,
    load_weights,
    read_config,
    read_weights,
    write_release,
)
from fxrep.errors import ArgumentError, CheckpointError
from style_transfer.diff_mst.card import controller_card
from style_transfer.diff_mst.embedding_conditioning import EmbeddingConditioning
from style_transfer.diff_mst.model import DiffMST

KIND = "controller"
DEFAULT_CONTROLLER = "diff_mst"
"""The folder of `PRETRAINED` that ``load_controller("default")`` reads."""

PRETRAINED = Path(__file__).parents[1] / "pretrained"
_PREFIX = "model."
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
    target, whole = Path(folder), _self_contained(model)
    config = {
        "name": name or target.name,
        "licence": licence,
        KIND: whole.config(),
        "audio": _audio_contract(whole),
        "fingerprint": fingerprint(whole),
    }
    details = metadata or {}
    card = controller_card({"fxrep": fxrep.__version__, **config}, details, _count(whole))
    return write_release(target, whole, config, details, card, KIND)


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
    folder = find_controller(name_or_folder)
    config = read_config(folder, KIND)
    try:
        model = build_tree(config[KIND], _PACKAGES)
    except CheckpointError as error:
        raise CheckpointError(f"{folder}: {error}") from error
    if not isinstance(model, DiffMST):
        raise CheckpointError(f"{folder}: {config[KIND].get('class_path')} is not a controller")
    read_weights(model, folder)
    if fingerprint(model) != config["fingerprint"]:
        raise CheckpointError(f"{folder}: weights and config.json do not belong together: copy the release again")
    try:
        return model.to(device).eval()
    except (RuntimeError, AssertionError, TypeError) as error:
        # torch names no device the same way twice: unknown, not compiled in, not there.
        raise ArgumentError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from error


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
    from encoders.training.resumption import read_checkpoint

    target = Path(folder)
    if holds_release(target, KIND) and not overwrite:
        raise ArgumentError(f"{target} holds a release already: choose another name, or replace it with --force")
    content = read_checkpoint(Path(checkpoint))
    record = content.get("fxrep")
    if not isinstance(record, dict) or KIND not in record:
        raise CheckpointError(f"{checkpoint} was not written by a controller's training: it does not describe one")
    model = build_tree(record[KIND], _PACKAGES)
    _take_checkpoint(model, content, str(checkpoint))
    metadata = {"training": record.get("training", {}), "metrics": record.get("metrics", {})}
    return save_controller(model, target, name=name, metadata=metadata, licence=licence)


def describe_controller(name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
    """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

    Raises:
        CheckpointError: see `load_controller`.
    """
    folder = find_controller(name_or_folder)
    model = load_controller(folder)
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / 'metrics.json'} is damaged: copy the release again") from error
    known = {**read_config(folder, KIND), "audio": _audio_contract(model)}
    return {"folder": str(folder), "parameters": _count(model), "metrics": metrics, **known}


def list_controllers() -> list[str]:
    """Names of the controllers that ship with the package."""
    found = []
    for path in sorted(PRETRAINED.glob("*/config.json")):
        try:
            read_config(path.parent, KIND)
        except CheckpointError:
            continue  # a release of another kind
        found.append(path.parent.name)
    return found


def find_controller(name_or_folder: str | os.PathLike[str]) -> Path:
    """The release folder of a name or a path.

    Raises:
        CheckpointError: there is none.
        ArgumentError: what was given is neither text nor a path.
    """
    names = ", ".join(list_controllers()) or "none in this installation"
    if not isinstance(name_or_folder, (str, os.PathLike)):
        raise ArgumentError(f"{name_or_folder!r} is no controller: give a name ({names}) or a folder")
    text = os.fspath(name_or_folder)
    shipped = PRETRAINED / (DEFAULT_CONTROLLER if text == "default" else text)
    if re.fullmatch(r"[\w.-]+", text) and (shipped / "config.json").is_file():
        return shipped
    if Path(text).is_dir():
        return Path(text)
    raise CheckpointError(
        f"no controller {text!r}: neither a folder nor one of the shipped names ({names}); fxrep train makes one, "
        "fxrep models export its release folder"
    )


def take_weights(model: DiffMST, source: str | os.PathLike[str]) -> None:
    """Copy the weights of a training's checkpoint, or of a release folder, into a model of the same form.

    Raises:
        CheckpointError: there is nothing to read, or it does not fit.
    """
    if Path(source).is_dir():
        read_weights(model, Path(source))
    else:
        from encoders.training.resumption import read_checkpoint

        _take_checkpoint(model, read_checkpoint(Path(source)), os.fspath(source))


def _take_checkpoint(model: DiffMST, content: dict[str, Any], source: str) -> None:
    state = content["state_dict"]
    load_weights(model, {key.removeprefix(_PREFIX): state[key] for key in state if key.startswith(_PREFIX)}, source)


def _self_contained(model: DiffMST) -> DiffMST:
    """The model such that its constructor tree and weights are all there is to know."""
    conditioning, tree = model.conditioning, copy.deepcopy(model.config())
    if not isinstance(conditioning, EmbeddingConditioning):
        return model
    arguments = tree["init_args"]["conditioning"]["init_args"]
    given = arguments["encoder"]
    if isinstance(given, str) and given in ("default", *list_encoders()) and conditioning.frozen:
        # By its own name: what "default" means may change.
        arguments["encoder"] = DEFAULT_ENCODER if given == "default" else given
        arguments["fingerprint"] = conditioning.encoder.fingerprint
    else:
        arguments["encoder"], arguments["fingerprint"] = conditioning.encoder.config(), None
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


def _count(model: DiffMST) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
