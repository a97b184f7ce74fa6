"""Release folders of FxNorm-automix: what `fxrep models export` writes and `load_fxnorm_automix` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). The averages of the normalisation are part of
``config.json``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from automix.fxnorm_automix.card import fxnorm_card
from automix.fxnorm_automix.groups import GROUPS, group_lufs
from automix.fxnorm_automix.mixer import FxNormAutomix
from encoders.model_releases import ReleaseKind
from encoders.registry import build_tree
from fxrep.errors import CheckpointError

_PACKAGES = ("encoders", "automix.fxnorm_automix")


def save_fxnorm_automix(
    mixer: FxNormAutomix,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    metadata: dict[str, Any] | None = None,
    licence: str = "Apache-2.0",
) -> Path:
    """Write a release folder, whole or not at all; in an existing release of that name its own files are replaced.

    Args:
        mixer: what to release; it must have the averages of the normalisation.
        folder: where to.
        name: name on the model card; None for the folder's.
        metadata: how it was trained and what was measured, JSON values.
        licence: SPDX name of the weights' licence.

    Raises:
        ArgumentError: a file, or a folder of something else, has that name.
        CheckpointError: the weights are not finite, or the averages are missing.
        OutputError: the folder cannot be written.
    """
    return FXNORM_AUTOMIX.save(mixer, folder, name, metadata, licence)


def load_fxnorm_automix(
    model: str | os.PathLike[str] = "default",
    *,
    instruments: Mapping[str, str] | None = None,
    device: str | torch.device = "cpu",
) -> FxNormAutomix:
    """Open a release, ready to render (evaluation mode).

    Args:
        model: "default", a name that `list_fxnorm_automix` gives, or a release folder.
        instruments: by track, what it is, for those whose names do not say it.
        device: where to put it; whole songs are rendered on the CPU.

    Raises:
        CheckpointError: no such release; or its files are missing, damaged, changed or of another format; or it takes
            other stems.
        ArgumentError: the name is none, or the device cannot be used.
    """
    mixer = FXNORM_AUTOMIX.load(model, device)
    mixer.instruments = dict(instruments or {})
    return mixer


def export_fxnorm_automix(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str = "Apache-2.0",
    overwrite: bool = False,
) -> Path:
    """Take the network out of a Lightning checkpoint and write a release folder that `load_fxnorm_automix` opens.

    Args:
        checkpoint: a ``.ckpt`` that `FxNormTraining` wrote.
        folder: where to write the release.
        name: name on the model card; None for the folder's.
        licence: SPDX name of the weights' licence.
        overwrite: replace a release that is there. Files beside those of the release stay.

    Raises:
        ArgumentError: something is at `folder`: a release without `overwrite`, or anything else.
        CheckpointError: the checkpoint is damaged or of another training.
        OutputError: the folder cannot be written.
    """
    return FXNORM_AUTOMIX.export(checkpoint, folder, name, licence, overwrite)


def describe_fxnorm_automix(name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
    """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

    Raises:
        CheckpointError: see `load_fxnorm_automix`.
    """
    return FXNORM_AUTOMIX.describe(name_or_folder)


def list_fxnorm_automix() -> list[str]:
    """Names of the networks that ship with the package."""
    return FXNORM_AUTOMIX.list()


def _self_contained(mixer: FxNormAutomix) -> FxNormAutomix:
    """The mixer such that its constructor tree and weights are all there is to know."""
    if mixer.normalizer is None:
        raise CheckpointError("the averages to normalise tracks to are missing: give the mixer its statistics")
    whole: FxNormAutomix = build_tree(mixer.config(), _PACKAGES)
    whole.load_state_dict(mixer.state_dict())
    return whole


def _audio_contract(mixer: FxNormAutomix) -> dict[str, Any]:
    normalizer = mixer.normalizer
    assert normalizer is not None
    return {
        "sample_rate": mixer.sample_rate,
        "channels": 2,
        "stems": list(GROUPS),
        "normalization": [step.name for step in normalizer.steps],
        "stem_lufs": {group: round(group_lufs(normalizer, group), 2) for group in GROUPS},
    }


FXNORM_AUTOMIX = ReleaseKind(
    name="fxnorm_automix",
    model=FxNormAutomix,
    packages=_PACKAGES,
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="fxnorm_automix",
    prefix="mixer.",
    made_by="fxrep train -c configs/automix/fxnorm_automix.yaml",
    self_contained=_self_contained,
    audio_contract=_audio_contract,
    card=fxnorm_card,
)
