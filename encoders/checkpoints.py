"""Release folders: weights as safetensors, the constructor tree as JSON, a model card and a licence. No pickles.

FOLDER/model.safetensors   every tensor of the encoder
FOLDER/config.json         format, fxrep version, constructor tree, audio contract, content hash
FOLDER/metrics.json        what was measured in training
FOLDER/README.md           model card
FOLDER/LICENSE
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import fxrep
from encoders.base import EffectEncoder
from encoders.model_card import model_card
from encoders.registry import build_encoder
from encoders.release_folder import (
    RELEASE_FILES,
    add_evaluation,
    read_config,
    read_weights,
    write_measurements,
    write_release,
)
from fxrep.errors import ArgumentError, CheckpointError, MissingExtraError

DEFAULT_ENCODER = "spectral"
"""The folder of `PRETRAINED` that ``load_encoder("default")`` reads."""

PRETRAINED = Path(__file__).parent / "pretrained"


def save_encoder(
    encoder: EffectEncoder,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    metadata: dict[str, Any] | None = None,
    licence: str = "Apache-2.0",
    base: str | None = None,
) -> Path:
    """Write a release folder, whole or not at all; in an existing release of that name its own files are replaced.

    Args:
        encoder: what to release.
        folder: where to.
        name: name on the model card; None for the folder's.
        metadata: how it was trained and what was measured, JSON values; written to ``metrics.json`` and the card.
        licence: SPDX name of the weights' licence.
        base: name of a release that ships, whose weights are all part of this encoder's, unchanged: they are left out
            here and taken from there.

    Raises:
        ArgumentError: a file, or a folder of something else, has that name.
        CheckpointError: the weights are not finite, or those of `base` are not among them.
        OutputError: the folder cannot be written.
    """
    target = Path(folder)
    config = {
        "name": name or target.name,
        "licence": licence,
        "encoder": encoder.config(),
        "audio": _audio_contract(encoder),
        "fingerprint": encoder.fingerprint,
    }
    left_out: dict[str, Tensor] = {}
    if base is not None:
        released = load_encoder(base)
        left_out = _shared_weights(encoder, released, base)
        config["base"] = {"name": base, "fingerprint": released.fingerprint}
    details = metadata or {}
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    card = model_card({"fxrep": fxrep.__version__, **config}, details, parameters)
    return write_release(target, encoder, config, details, card, left_out=left_out)


def add_measurement(folder: str | os.PathLike[str], name: str, result: dict[str, Any]) -> Path:
    """Put what was measured on a release into its ``metrics.json`` and its model card; weights stay as they are.

    Args:
        folder: a release folder.
        name: of the measurement; an earlier one of that name is replaced.
        result: JSON values as ``fxrep evaluate … --json`` prints them; the card shows ``command`` and ``table``.

    Raises:
        CheckpointError: the folder is no release, or the result lacks what the card shows.
        OutputError: the folder cannot be written.
    """
    release = find_encoder(folder)
    description = describe_encoder(release)
    details = add_evaluation(release, description["metrics"], name, result)
    write_measurements(release, details, model_card(read_config(release), details, description["parameters"]))
    return release


def load_encoder(
    name_or_folder: str | os.PathLike[str] = "default", *, device: str | torch.device = "cpu"
) -> EffectEncoder:
    """Open a released encoder, ready to embed (evaluation mode).

    Args:
        name_or_folder: "default", a name that `list_encoders` gives, a release folder, or a repository
            ``owner/name`` of the Hugging Face Hub (needs ``huggingface_hub``).
        device: where to put it.

    Raises:
        CheckpointError: no such release; or its files are missing, truncated, changed or of another format; or
            it names a class that is not an encoder of this package.
        ArgumentError: the name is none, or the device cannot be used.
    """
    folder = find_encoder(name_or_folder)
    config = read_config(folder)
    try:
        encoder = build_encoder(config["encoder"])
    except CheckpointError as error:
        raise CheckpointError(f"{folder / 'config.json'}: {error}") from error
    read_weights(encoder, folder, _base_weights(config, folder))
    if encoder.fingerprint != config["fingerprint"]:
        raise CheckpointError(f"{folder}: weights and config.json do not belong together: copy the release again")
    try:
        return encoder.to(device).eval()
    except (RuntimeError, AssertionError, TypeError) as error:
        # torch names no device the same way twice: unknown, not compiled in, not there.
        raise ArgumentError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from error


def describe_encoder(name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
    """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

    The release is opened as `load_encoder` does, so that a damaged one is not described as whole.

    Raises:
        CheckpointError: see `load_encoder`.
    """
    folder = find_encoder(name_or_folder)
    encoder = load_encoder(folder)
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        metrics = {}
    if not isinstance(metrics, dict) or not isinstance(metrics.get("metrics", {}), dict):
        raise CheckpointError(f"{folder / 'metrics.json'} is damaged: copy the release again")
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    # The audio contract is the encoder's own, whatever the file says.
    known = {**read_config(folder), "audio": _audio_contract(encoder)}
    return {"folder": str(folder), "parameters": parameters, "metrics": metrics, **known}


def list_encoders() -> list[str]:
    """Names of the encoders that ship with the package."""
    return sorted(path.parent.name for path in PRETRAINED.glob("*/config.json"))


def find_encoder(name_or_folder: str | os.PathLike[str]) -> Path:
    """The release folder of a name, a path or a Hub repository; see `load_encoder`.

    Raises:
        CheckpointError: there is none.
        ArgumentError: what was given is neither text nor a path.
    """
    if not isinstance(name_or_folder, (str, os.PathLike)):
        raise ArgumentError(f"{name_or_folder!r} is no encoder: give a name ({', '.join(list_encoders())}) or a folder")
    text = os.fspath(name_or_folder)
    shipped = PRETRAINED / (DEFAULT_ENCODER if text == "default" else text)
    if re.fullmatch(r"[\w.-]+", text) and (shipped / "config.json").is_file():
        return shipped
    path = Path(text)
    if text and path.is_dir():  # an empty path would be the present folder
        return path
    if path.is_file():
        raise CheckpointError(f"{path} is a file: give a release folder (fxrep models export makes one)")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", text) and not path.parent.exists():
        return _download(text)
    raise CheckpointError(f"{_unknown(text)}: list what there is with fxrep models list, or give a release folder")


def _unknown(text: str) -> str:
    names = ", ".join(list_encoders()) or "none in this installation"
    return f"no encoder {text!r}: neither a folder nor one of the shipped names ({names})"


def _audio_contract(encoder: EffectEncoder) -> dict[str, Any]:
    return {
        "sample_rate": encoder.sample_rate,
        "channels": 2,
        "window_s": encoder.window_s,
        "hop_s": encoder.hop_s,
        "minimum_s": encoder.minimum_s,
        "dim": encoder.dim,
    }


def _download(repository: str) -> Path:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(
            f"{_unknown(repository)}; to fetch it from the Hugging Face Hub: pip install huggingface_hub"
        ) from error
    try:
        return Path(huggingface_hub.snapshot_download(repository, allow_patterns=RELEASE_FILES))
    except Exception as error:
        # The hub's client raises errors of many libraries; for the user all of them mean one thing.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{_unknown(repository)}, and the Hugging Face Hub gave none ({reason.rstrip('.')}): check the name and "
            "the connection"
        ) from error


def _shared_weights(encoder: EffectEncoder, released: EffectEncoder, base: str) -> dict[str, Tensor]:
    own, shared = encoder.state_dict(), released.state_dict()
    other = [name for name, value in shared.items() if name not in own or not torch.equal(own[name].cpu(), value)]
    if other:
        raise CheckpointError(f"base {base}: its {other[0]} is not part of this encoder: release it without a base")
    return shared


def _base_weights(config: dict[str, Any], folder: Path) -> dict[str, Tensor]:
    """The weights that a release leaves to another one; none for most."""
    base, path = config.get("base"), folder / "config.json"
    if base is None:
        return {}
    if not isinstance(base, dict) or not all(isinstance(base.get(key), str) for key in ("name", "fingerprint")):
        raise CheckpointError(
            f'{path}: base is {base!r}, expected {{"name": text, "fingerprint": text}}: copy the release again'
        )
    try:
        if find_encoder(base["name"]).resolve() == folder.resolve():
            raise CheckpointError(f"base {base['name']} is this release itself: copy the release again")
        released = load_encoder(base["name"])
    except (CheckpointError, ArgumentError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    if released.fingerprint != base["fingerprint"]:
        raise CheckpointError(
            f"{folder} takes weights from {base['name']}, which were others when it was made: use the version of fxrep "
            f"that wrote it ({config.get('fxrep', 'unknown')})"
        )
    return released.state_dict()
