"""Release folders of Mix-Wave-U-Nets: what `fxrep models export` writes and `load_mix_wave_unet` opens. No pickles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from automix.mix_wave_unet.card import mix_wave_unet_card
from automix.mix_wave_unet.mixer import MixWaveUNet
from encoders.model_releases import ReleaseKind


def save_mix_wave_unet(
    model: MixWaveUNet,
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
    return MIX_WAVE_UNET.save(model, folder, name, metadata, licence)


def load_mix_wave_unet(
    model: str | os.PathLike[str] = "default",
    *,
    device: str | torch.device = "cpu",
    instruments: Mapping[str, str] | None = None,
    in_order: bool = False,
) -> MixWaveUNet:
    """Open a released Mix-Wave-U-Net, ready to render (evaluation mode).

    Args:
        model: "default", a name that `list_mix_wave_unets` gives, or a release folder.
        device: where to put it; whole songs are rendered on the CPU.
        instruments: by track, for those that are not to be guessed from their names.
        in_order: take tracks by their place instead of by their instrument, and refuse another number or order than
            that of the slots.

    Raises:
        CheckpointError: there is no such release, or it is damaged, or its weights do not belong to it.
        ArgumentError: the device cannot be used, or `model` is neither text nor a path.
    """
    opened = MIX_WAVE_UNET.load(model, device)
    opened.instruments, opened.in_order = instruments, in_order
    return opened


def export_mix_wave_unet(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str = "Apache-2.0",
    overwrite: bool = False,
) -> Path:
    """Take the model out of a Lightning checkpoint and write a release folder that `load_mix_wave_unet` opens.

    Args:
        checkpoint: a ``.ckpt`` that `MixWaveUNetTraining` wrote.
        folder: where to write the release.
        name: name on the model card; None for the folder's.
        licence: SPDX name of the weights' licence.
        overwrite: replace a release that is there. Files beside those of the release stay.

    Raises:
        ArgumentError: something is at `folder`: a release without `overwrite`, or anything else.
        CheckpointError: the checkpoint is damaged or not of such a training.
        OutputError: the folder cannot be written.
    """
    return MIX_WAVE_UNET.export(checkpoint, folder, name, licence, overwrite)


def describe_mix_wave_unet(name_or_folder: str | os.PathLike[str] = "default") -> dict[str, Any]:
    """Everything a release tells: ``config.json``, where it lies, its number of weights, and what was measured.

    Raises:
        CheckpointError: see `load_mix_wave_unet`.
    """
    return MIX_WAVE_UNET.describe(name_or_folder)


def list_mix_wave_unets() -> list[str]:
    """Names of those that ship with the package."""
    return MIX_WAVE_UNET.list()


def _audio_contract(model: MixWaveUNet) -> dict[str, Any]:
    return {
        "sample_rate": model.sample_rate,
        "track_lufs": model.track_lufs,
        "slots": str(model.slots),
        "stereo": model.stereo,
        "reach": model.network.reach,
    }


MIX_WAVE_UNET = ReleaseKind(
    name="mix_wave_unet",
    model=MixWaveUNet,
    packages=("encoders", "automix.mix_wave_unet"),
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="mix_wave_unet",
    prefix="model.",
    made_by="fxrep train -c configs/automix/mix_wave_unet_small.yaml",
    self_contained=lambda model: model,
    audio_contract=_audio_contract,
    card=mix_wave_unet_card,
)
