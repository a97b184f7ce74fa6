"""What releases of the project's mixing models have in common: written, found, opened, exported and described alike.

The files are those of an encoder's release (`encoders.checkpoints`), of which the entry in ``config.json`` has another
name. No pickles.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
from torch import nn

import fxrep
from encoders.base import EffectEncoder
from encoders.checkpoints import DEFAULT_ENCODER, list_encoders
from encoders.configurable import Configurable
from encoders.registry import build_tree
from encoders.release_folder import (
    add_evaluation,
    fingerprint,
    holds_release,
    load_weights,
    read_config,
    read_weights,
    write_measurements,
    write_release,
)
from fxrep.errors import ArgumentError, CheckpointError

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class ReleaseKind(Generic[M]):
    """One kind of model that is released. The package of each kind gives these methods names of its own.

    Attributes:
        name: what one is called, and its entry in ``config.json`` and in the record of a training checkpoint.
        model: its class, a `Configurable`.
        packages: which packages its constructor tree may name.
        pretrained: the folder of the releases that ship, which may hold those of other kinds too.
        default: the release in it that the name "default" stands for.
        prefix: of its weights in a training checkpoint.
        made_by: the command that trains one.
        self_contained: gives the model such that its constructor tree and weights are all there is to know.
        audio_contract: what it expects of audio, for ``config.json`` and the card.
        card: the text of its model card, of configuration, metadata and number of weights.
    """

    name: str
    model: type[M]
    packages: tuple[str, ...]
    pretrained: Path
    default: str
    prefix: str
    made_by: str
    self_contained: Callable[[M], M]
    audio_contract: Callable[[M], dict[str, Any]]
    card: Callable[[dict[str, Any], dict[str, Any], int], str]

    def save(
        self,
        model: M,
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
            CheckpointError: the weights are not finite, or the model is not complete.
            OutputError: the folder cannot be written.
        """
        target = Path(folder)
        whole: M = self.self_contained(model)
        config = {
            "name": name or target.name,
            "licence": licence,
            self.name: cast(Configurable, whole).config(),
            "audio": self.audio_contract(whole),
            "fingerprint": fingerprint(whole),  # type: ignore[arg-type]
        }
        details = metadata or {}
        card = self.card({"fxrep": fxrep.__version__, **config}, details, _count(whole))
        return write_release(target, whole, config, details, card, self.name)

    def load(self, name_or_folder: str | os.PathLike[str] = "default", *, device: str | torch.device = "cpu") -> M:
        """Open a release, in evaluation mode.

        Args:
            name_or_folder: "default", a name that `list` gives, or a release folder.
            device: where to put it; what renders whole songs does so on the CPU.

        Raises:
            CheckpointError: no such release; or its files are missing, damaged, changed or of another format; or it
                stands on an encoder that is not there.
            ArgumentError: the name is none, or the device cannot be used.
        """
        folder = self.find(name_or_folder)
        config = read_config(folder, self.name)
        try:
            model = build_tree(config[self.name], self.packages)
        except CheckpointError as error:
            raise CheckpointError(f"{folder}: {error}") from error
        if not isinstance(model, self.model):
            raise CheckpointError(f"{folder}: {config[self.name].get('class_path')} is not a {self.name}")
        read_weights(model, folder)
        if fingerprint(model) != config["fingerprint"]:  # type: ignore[arg-type]
            raise CheckpointError(f"{folder}: weights and config.json do not belong together: copy the release again")
        try:
            return model.to(device).eval()
        except (RuntimeError, AssertionError, TypeError) as error:
            # torch names no device the same way twice: unknown, not compiled in, not there.
            raise ArgumentError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from error

    def export(
        self,
        checkpoint: str | os.PathLike[str],
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        licence: str = "Apache-2.0",
        overwrite: bool = False,
    ) -> Path:
        """Take the model out of a Lightning checkpoint and write a release folder that `load` opens.

        Args:
            checkpoint: a ``.ckpt`` that the training of this kind wrote.
            folder: where to write the release.
            name: name on the model card; None for the folder's.
            licence: SPDX name of the weights' licence.
            overwrite: replace a release that is there. Files beside those of the release stay.

        Raises:
            ArgumentError: something is at `folder`: a release without `overwrite`, or anything else.
            CheckpointError: the checkpoint is damaged or of another training.
            OutputError: the folder cannot be written.
        """
        from encoders.training.resumption import read_checkpoint

        target = Path(folder)
        if holds_release(target, self.name) and not overwrite:
            raise ArgumentError(f"{target} holds a release already: choose another name, or replace it with --force")
        content = read_checkpoint(Path(checkpoint))
        record = content.get("fxrep")
        if not isinstance(record, dict) or self.name not in record:
            raise CheckpointError(f"{checkpoint} was not written by a {self.name}'s training: it does not describe one")
        model: M = build_tree(record[self.name], self.packages)
        self._copy_weights(model, content, os.fspath(checkpoint))
        metadata = {"training": record.get("training", {}), "metrics": record.get("metrics", {})}
        return self.save(model, target, name=name, metadata=metadata, licence=licence)

    def take_weights(self, model: M, source: str | os.PathLike[str]) -> dict[str, Any]:
        """Copy the weights of a training's checkpoint, or of a release, into a model of the same form.

        Args:
            model: takes them.
            source: a checkpoint, a release folder, or the name of a release that ships.

        Returns:
            how those weights were trained, without where their data came from; empty where nothing was recorded.

        Raises:
            CheckpointError: there is nothing to read, or it does not fit.
        """
        if Path(source).is_file():
            from encoders.training.resumption import read_checkpoint

            content = read_checkpoint(Path(source))
            self._copy_weights(model, content, os.fspath(source))
            training = content.get("fxrep", {}).get("training", {})
        else:
            folder = self.find(source)
            read_weights(model, folder)
            training = _read_metrics(folder).get("training", {})
        return {name: value for name, value in training.items() if name != "data"}

    def _copy_weights(self, model: M, content: dict[str, Any], source: str) -> None:
        state, prefix = content["state_dict"], self.prefix
        load_weights(model, {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}, source)

    def describe(self, name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
        """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

        Raises:
            CheckpointError: see `load`.
        """
        folder = self.find(name_or_folder)
        model = self.load(folder)
        metrics = _read_metrics(folder)
        known = {**read_config(folder, self.name), "audio": self.audio_contract(model)}
        return {"folder": str(folder), "parameters": _count(model), "metrics": metrics, **known}

    def add_measurement(self, folder: str | os.PathLike[str], name: str, result: dict[str, Any]) -> Path:
        """Put what was measured into ``metrics.json`` and the model card of a release; weights stay as they are."""
        release = self.find(folder)
        description = self.describe(release)
        details = add_evaluation(release, description["metrics"], name, result)
        card = self.card(read_config(release, self.name), details, description["parameters"])
        write_measurements(release, details, card)
        return release

    def list(self) -> list[str]:
        """Names of those that ship with the package."""
        found = []
        for path in sorted(self.pretrained.glob("*/config.json")):
            try:
                read_config(path.parent, self.name)
            except CheckpointError:
                continue  # a release of another kind
            found.append(path.parent.name)
        return found

    def find(self, name_or_folder: str | os.PathLike[str]) -> Path:
        """The release folder of a name or a path.

        Raises:
            CheckpointError: there is none.
            ArgumentError: what was given is neither text nor a path.
        """
        names = ", ".join(self.list()) or "none in this installation"
        if not isinstance(name_or_folder, (str, os.PathLike)):
            raise ArgumentError(f"{name_or_folder!r} is no {self.name}: give a name ({names}) or a folder")
        text = os.fspath(name_or_folder)
        shipped = self.pretrained / (self.default if text == "default" else text)
        if re.fullmatch(r"[\w.-]+", text) and (shipped / "config.json").is_file():
            return shipped
        if text and Path(text).is_dir():  # an empty path would be the present folder
            return Path(text)
        raise CheckpointError(
            f"no {self.name} {text!r}: neither a folder nor one of the shipped names ({names}); {self.made_by} makes "
            "one, fxrep models export its release folder"
        )


def name_encoder(arguments: dict[str, Any], encoder: EffectEncoder, frozen: bool = True) -> None:
    """Write into constructor arguments which encoder a model stands on.

    A frozen one that ships is named, with its fingerprint: by its own name, since what "default" means may change. Any
    other is written out, and becomes part of the weights.
    """
    given = arguments["encoder"]
    if isinstance(given, str) and given in ("default", *list_encoders()) and frozen:
        arguments["encoder"] = DEFAULT_ENCODER if given == "default" else given
        arguments["fingerprint"] = encoder.fingerprint
    else:
        arguments["encoder"], arguments["fingerprint"] = encoder.config(), None


def _read_metrics(folder: Path) -> dict[str, Any]:
    try:
        metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / 'metrics.json'} is damaged: copy the release again") from error
    return metrics


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
