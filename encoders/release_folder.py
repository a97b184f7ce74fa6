"""The folder of a release on disk: what it is known by, what lies in it, and how it is written and read.

What was released, an encoder or a model that stands on one, is an entry of ``config.json`` of that name.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import fxrep
from encoders.configurable import Configurable
from encoders.model_card import licence_text
from fxrep.errors import ArgumentError, CheckpointError, OutputError
from fxrep.files import atomic_file, atomic_folder, share_like_others

FORMAT_VERSION = 1
RELEASE_FILES = ["model.safetensors", "config.json", "metrics.json", "README.md", "LICENSE"]


def read_config(folder: Path, kind: str = "encoder") -> dict[str, Any]:
    """Read and check ``config.json`` of a release of that kind.

    Raises:
        CheckpointError: it is missing, damaged, or of another format.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{folder} holds no config.json: it is not {_a(kind)} release folder")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get(kind), dict):
        raise CheckpointError(f"{path} lacks the entries of {_a(kind)} release: copy the release again")
    if config.get("format") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {config.get('format')!r}, this version of fxrep reads {FORMAT_VERSION}: "
            f"it was written by fxrep {config.get('fxrep', 'unknown')}"
        )
    if missing := [key for key in ("name", "licence", "fingerprint") if not isinstance(config.get(key), str)]:
        raise CheckpointError(f"{path} lacks {missing[0]}: copy the release again")
    return config


def holds_release(folder: Path, kind: str = "encoder") -> bool:
    """Whether a release of that kind is in `folder`; False where there is nothing.

    Raises:
        ArgumentError: there is something else, which a release must not replace.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        read_config(folder, kind)
    except CheckpointError as error:
        raise ArgumentError(f"{folder} exists and is not {_a(kind)} release: choose a new folder") from error
    return True


def copy_others(release: Path, draft: Path) -> None:
    """Copy what people put beside the files of a release: it stays when these are replaced."""
    for path in release.iterdir() if release.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, draft / path.name, symlinks=True)
        elif path.name not in RELEASE_FILES:
            shutil.copy2(path, draft / path.name, follow_symlinks=False)


def write_release(
    target: Path,
    module: nn.Module,
    config: dict[str, Any],
    details: dict[str, Any],
    card: str,
    kind: str = "encoder",
    left_out: Collection[str] = (),
) -> Path:
    """Write a release folder, whole or not at all; in an existing release of that kind its own files are replaced.

    Args:
        target: where to.
        module: whose tensors are kept.
        config: ``config.json`` without format and version, which are added: name, licence, fingerprint and the entry
            of the kind.
        details: ``metrics.json``.
        card: ``README.md``.
        kind: what is released.
        left_out: names of tensors that another release holds.

    Raises:
        ArgumentError: a file, or a folder of something else, has that name.
        CheckpointError: the weights are not finite.
        OutputError: the folder cannot be written.
    """
    holds_release(target, kind)  # raises where something else would be replaced
    state = {key: value for key, value in module.state_dict().items() if key not in left_out}
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
    broken = [key for key, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise CheckpointError(f"{broken[0]} holds NaN or infinite weights: the training diverged, nothing was written")
    with atomic_folder(target) as draft:
        copy_others(target, draft)
        try:
            save_file(tensors, draft / "model.safetensors")
            share_like_others(draft / "model.safetensors")
        except SafetensorError as error:  # its word for every fault of the disk
            raise OutputError(f"cannot write {target}: {error}: choose a folder that has space") from error
        write_json(draft / "config.json", {"format": FORMAT_VERSION, "fxrep": fxrep.__version__, **config})
        write_json(draft / "metrics.json", details)
        (draft / "README.md").write_text(card, encoding="utf-8")
        (draft / "LICENSE").write_text(licence_text(config["licence"]), encoding="utf-8")
    return target


def add_evaluation(release: Path, metrics: dict[str, Any], name: str, result: dict[str, Any]) -> dict[str, Any]:
    """Return ``metrics.json`` with one more evaluation; an earlier one of that name is replaced.

    Raises:
        CheckpointError: the result lacks what a card shows: ``command`` and ``table``.
    """
    missing = [key for key in ("command", "table") if not isinstance(result.get(key), str)]
    if missing:
        raise CheckpointError(f"the result for {release} has no {missing[0]}: take the output of fxrep evaluate --json")
    return {**metrics, "evaluations": {**metrics.get("evaluations", {}), name: result}}


def write_measurements(release: Path, details: dict[str, Any], card: str) -> None:
    """Write ``metrics.json`` and the model card of a release anew.

    Raises:
        OutputError: the folder cannot be written.
    """
    with atomic_file(release / "metrics.json") as draft:
        write_json(draft, details)
    with atomic_file(release / "README.md") as draft:
        draft.write_text(card, encoding="utf-8")


def read_weights(module: nn.Module, folder: Path, left_out: Mapping[str, Tensor] | None = None) -> None:
    """Copy the weights of a release into a module that was built for them.

    Args:
        module: built from the configuration of the release.
        folder: the release.
        left_out: weights that another release holds for it.

    Raises:
        CheckpointError: they are missing, damaged, or do not fit.
    """
    path = folder / "model.safetensors"
    if not path.is_file():
        raise CheckpointError(f"{folder} holds no model.safetensors")
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is truncated or damaged: {error}") from error
    load_weights(module, {**(left_out or {}), **tensors}, str(path))


def load_weights(module: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Copy tensors into a module; every name and shape must match.

    Raises:
        CheckpointError: a tensor is missing, unknown, or of another shape; `source` is named.
    """
    own = module.state_dict()
    faults = [f"lacks {name}" for name in own if name not in tensors]
    faults += [f"has unknown {name}" for name in tensors if name not in own]
    faults += [
        f"{name} is {tuple(tensors[name].shape)} {tensors[name].dtype}, expected {tuple(value.shape)} {value.dtype}"
        for name, value in own.items()
        if name in tensors and (tensors[name].shape, tensors[name].dtype) != (value.shape, value.dtype)
    ]
    if faults:
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise CheckpointError(f"{source} does not fit its configuration: {faults[0]}{more}")
    module.load_state_dict(tensors)


def fingerprint(module: Configurable) -> str:
    """SHA-256 over the constructor tree and every weight: equal exactly for modules that compute alike."""
    digest = hashlib.sha256(json.dumps(module.config(), sort_keys=True).encode())
    assert isinstance(module, nn.Module)
    for name, tensor in sorted(module.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON for people, with a line end."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}'s"
