"""Release folders of mixing consoles' networks: what `fxrep models export` writes and `load_dmc` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). An effect encoder that ships with the package is
named in ``config.json`` with its fingerprint; any other one is part of the weights.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import torch

from automix.dmc.card import dmc_card
from automix.dmc.embedding_encoder import EmbeddingTrackEncoder
from automix.dmc.model import DifferentiableMixingConsole
from encoders.model_releases import ReleaseKind, name_encoder
from encoders.registry import build_tree
from encoders.release_folder import read_weights

_PACKAGES = ("encoders", "automix.dmc")


def save_dmc(
    model: DifferentiableMixingConsole,
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
    return DMC.save(model, folder, name, metadata, licence)


def load_dmc(
    model: str | os.PathLike[str] = "default", *, style: Any = None, device: str | torch.device = "cpu"
) -> DifferentiableMixingConsole:
    """Open a released model, ready to estimate (evaluation mode).

    Args:
        model: "default", a name that `list_dmc` gives, or a release folder.
        style: in whose style it mixes: a recording, several, a folder of them, or an embedding (D,) by the encoder of
            the model; None: as it learnt to mix.
        device: where to put it.

    Raises:
        CheckpointError: no such release; or its files are missing, damaged, changed or of another format; or it stands
            on an encoder that is not there.
        ArgumentError: the name is none, the device cannot be used, or the model takes no such style.
        AudioError: a recording of the style cannot be used.
    """
    from automix.styles import read_style

    opened = DMC.load(model, device)
    if style is not None:
        opened.set_style(read_style(style, opened.sample_rate))
    return opened


def export_dmc(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str = "Apache-2.0",
    overwrite: bool = False,
) -> Path:
    """Take the model out of a Lightning checkpoint and write a release folder that `load_dmc` opens.

    Args:
        checkpoint: a ``.ckpt`` that `DMCTraining` wrote.
        folder: where to write the release.
        name: name on the model card; None for the folder's.
        licence: SPDX name of the weights' licence.
        overwrite: replace a release that is there. Files beside those of the release stay.

    Raises:
        ArgumentError: something is at `folder`: a release without `overwrite`, or anything else.
        CheckpointError: the checkpoint is damaged or of another training.
        OutputError: the folder cannot be written.
    """
    return DMC.export(checkpoint, folder, name, licence, overwrite)


def describe_dmc(name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
    """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

    Raises:
        CheckpointError: see `load_dmc`.
    """
    return DMC.describe(name_or_folder)


def list_dmc() -> list[str]:
    """Names of the models that ship with the package."""
    return DMC.list()


def take_weights(model: DifferentiableMixingConsole, source: str | os.PathLike[str]) -> None:
    """Copy the weights of a training's checkpoint, or of a release folder, into a model of the same form.

    Raises:
        CheckpointError: there is nothing to read, or it does not fit.
    """
    if Path(source).is_dir():
        read_weights(model, Path(source))
    else:
        from encoders.training.resumption import read_checkpoint

        DMC.take_weights(model, read_checkpoint(Path(source)), os.fspath(source))


def _self_contained(model: DifferentiableMixingConsole) -> DifferentiableMixingConsole:
    """The model such that its constructor tree and weights are all there is to know."""
    encoder, tree = model.encoder, copy.deepcopy(model.config())
    if not isinstance(encoder, EmbeddingTrackEncoder):
        return model
    name_encoder(tree["init_args"]["encoder"]["init_args"], encoder.encoder)
    whole: DifferentiableMixingConsole = build_tree(tree, _PACKAGES)
    assert isinstance(whole.encoder, EmbeddingTrackEncoder)
    whole.load_state_dict(model.state_dict(), strict=False)
    whole.encoder.encoder.load_state_dict(encoder.encoder.state_dict())
    return whole


def _audio_contract(model: DifferentiableMixingConsole) -> dict[str, Any]:
    return {
        "sample_rate": model.sample_rate,
        "window_s": model.window_s,
        "track_lufs": model.track_lufs,
        "console": model.console.name,
        "style": bool(model.style_dim),
    }


DMC = ReleaseKind(
    name="dmc",
    model=DifferentiableMixingConsole,
    packages=_PACKAGES,
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="dmc_console",
    prefix="model.",
    made_by="fxrep train",
    self_contained=_self_contained,
    audio_contract=_audio_contract,
    card=dmc_card,
)
