"""Release folders of cloners: what `fxrep models export` writes and `load_cloner` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). An encoder that ships with the package is named in
``config.json`` with its fingerprint; any other one is part of the weights.
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
from style_transfer.mixfx_cloner.card import cloner_card
from style_transfer.mixfx_cloner.cloner import MixFXCloner

KIND = "cloner"
DEFAULT_CLONER = "mixfx_cloner"
"""The folder of `PRETRAINED` that ``load_cloner("default")`` reads."""

PRETRAINED = Path(__file__).parents[1] / "pretrained"
_PREFIX = "cloner."
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
    target, whole = Path(folder), _self_contained(cloner)
    config = {
        "name": name or target.name,
        "licence": licence,
        KIND: whole.config(),
        "audio": _audio_contract(whole),
        "fingerprint": fingerprint(whole),
    }
    details = metadata or {}
    card = cloner_card({"fxrep": fxrep.__version__, **config}, details, _count(whole))
    return write_release(target, whole, config, details, card, KIND)


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
    folder = find_cloner(name_or_folder)
    config = read_config(folder, KIND)
    try:
        cloner = build_tree(config[KIND], _PACKAGES)
    except CheckpointError as error:
        raise CheckpointError(f"{folder}: {error}") from error
    if not isinstance(cloner, MixFXCloner):
        raise CheckpointError(f"{folder}: {config[KIND].get('class_path')} is not a cloner")
    read_weights(cloner, folder)
    if fingerprint(cloner) != config["fingerprint"]:
        raise CheckpointError(f"{folder}: weights and config.json do not belong together: copy the release again")
    try:
        return cloner.to(device).eval()
    except (RuntimeError, AssertionError, TypeError) as error:
        # torch names no device the same way twice: unknown, not compiled in, not there.
        raise ArgumentError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from error


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
    from encoders.training.resumption import read_checkpoint

    target = Path(folder)
    if holds_release(target, KIND) and not overwrite:
        raise ArgumentError(f"{target} holds a release already: choose another name, or replace it with --force")
    content = read_checkpoint(Path(checkpoint))
    record = content.get("fxrep")
    if not isinstance(record, dict) or KIND not in record:
        raise CheckpointError(f"{checkpoint} was not written by a cloner's training: it does not describe one")
    cloner: MixFXCloner = build_tree(record[KIND], _PACKAGES)
    state = content["state_dict"]
    tensors = {key.removeprefix(_PREFIX): state[key] for key in state if key.startswith(_PREFIX)}
    load_weights(cloner, tensors, os.fspath(checkpoint))
    metadata = {"training": record.get("training", {}), "metrics": record.get("metrics", {})}
    return save_cloner(cloner, target, name=name, metadata=metadata, licence=licence)


def describe_cloner(name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
    """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

    Raises:
        CheckpointError: see `load_cloner`.
    """
    folder = find_cloner(name_or_folder)
    cloner = load_cloner(folder)
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / 'metrics.json'} is damaged: copy the release again") from error
    known = {**read_config(folder, KIND), "audio": _audio_contract(cloner)}
    return {"folder": str(folder), "parameters": _count(cloner), "metrics": metrics, **known}


def list_cloners() -> list[str]:
    """Names of the cloners that ship with the package."""
    found = []
    for path in sorted(PRETRAINED.glob("*/config.json")):
        try:
            read_config(path.parent, KIND)
        except CheckpointError:
            continue  # a release of another kind
        found.append(path.parent.name)
    return found


def find_cloner(name_or_folder: str | os.PathLike[str]) -> Path:
    """The release folder of a name or a path.

    Raises:
        CheckpointError: there is none.
        ArgumentError: what was given is neither text nor a path.
    """
    names = ", ".join(list_cloners()) or "none in this installation"
    if not isinstance(name_or_folder, (str, os.PathLike)):
        raise ArgumentError(f"{name_or_folder!r} is no cloner: give a name ({names}) or a folder")
    text = os.fspath(name_or_folder)
    shipped = PRETRAINED / (DEFAULT_CLONER if text == "default" else text)
    if re.fullmatch(r"[\w.-]+", text) and (shipped / "config.json").is_file():
        return shipped
    if Path(text).is_dir():
        return Path(text)
    raise CheckpointError(
        f"no cloner {text!r}: neither a folder nor one of the shipped names ({names}); fxrep train -c "
        "configs/style_transfer/mixfx_cloner.yaml makes one, fxrep models export its release folder"
    )


def _self_contained(cloner: MixFXCloner) -> MixFXCloner:
    """The cloner such that its constructor tree and weights are all there is to know."""
    tree = copy.deepcopy(cloner.config())
    arguments = tree["init_args"]
    given = arguments["encoder"]
    if isinstance(given, str) and given in ("default", *list_encoders()):
        # By its own name: what "default" means may change.
        arguments["encoder"] = DEFAULT_ENCODER if given == "default" else given
        arguments["fingerprint"] = cloner.encoder.fingerprint
    else:
        arguments["encoder"], arguments["fingerprint"] = cloner.encoder.config(), None
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


def _count(cloner: MixFXCloner) -> int:
    return sum(parameter.numel() for parameter in cloner.parameters())
