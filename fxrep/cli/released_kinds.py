"""Whatever is released: which part of the package exports, opens and describes it. Imports happen when used."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

KINDS = {
    "encoder": ("encoders.export.export_encoder", "encoders.checkpoints.describe_encoder"),
    "controller": (
        "style_transfer.diff_mst.release.export_controller",
        "style_transfer.diff_mst.release.describe_controller",
    ),
    "cloner": (
        "style_transfer.mixfx_cloner.release.export_cloner",
        "style_transfer.mixfx_cloner.release.describe_cloner",
    ),
    "dmc": ("automix.dmc.release.export_dmc", "automix.dmc.release.describe_dmc"),
    "fxnorm_automix": (
        "automix.fxnorm_automix.release.export_fxnorm_automix",
        "automix.fxnorm_automix.release.describe_fxnorm_automix",
    ),
    "mix_wave_unet": (
        "automix.mix_wave_unet.release.export_mix_wave_unet",
        "automix.mix_wave_unet.release.describe_mix_wave_unet",
    ),
    "stem_autoencoder": (
        "automix.stem_autoencoder.release.export_stem_autoencoder",
        "automix.stem_autoencoder.release.describe_stem_autoencoder",
    ),
}
"""By the entry that ``config.json`` and the record in a training checkpoint have: what exports, what describes."""

SHIPPED = {
    "controller": "style_transfer.diff_mst.release.list_controllers",
    "cloner": "style_transfer.mixfx_cloner.release.list_cloners",
    "dmc": "automix.dmc.release.list_dmc",
    "fxnorm_automix": "automix.fxnorm_automix.release.list_fxnorm_automix",
    "mix_wave_unet": "automix.mix_wave_unet.release.list_mix_wave_unets",
    "stem_autoencoder": "automix.stem_autoencoder.release.list_stem_autoencoders",
}
"""What lists those that ship, beside the encoders."""


def find_exporter(checkpoint: str | os.PathLike[str]) -> Callable[..., Path]:
    """The exporter for what a training checkpoint holds; that of encoders where it tells nothing.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    from encoders.training.resumption import read_checkpoint

    record = read_checkpoint(Path(checkpoint)).get("fxrep")
    found: Callable[..., Path] = _function(KINDS[_kind(record)][0])
    return found


def describe_release(name_or_folder: str) -> dict[str, Any]:
    """What a release tells, of whatever kind it is; names are looked for among the encoders first.

    Raises:
        CheckpointError: there is no such release, or it is damaged.
    """
    from encoders.checkpoints import list_encoders

    kind = "encoder"
    if name_or_folder not in ("default", *list_encoders()):
        config = Path(name_or_folder) / "config.json"
        if config.is_file():
            try:
                kind = _kind(json.loads(config.read_text(encoding="utf-8")))
            except (OSError, ValueError):
                kind = "encoder"  # whose reader says what is wrong
        else:
            kind = next((one for one in SHIPPED if name_or_folder in list_shipped(one)), "encoder")
    described: dict[str, Any] = _function(KINDS[kind][1])(name_or_folder)
    return described


def list_shipped(kind: str) -> list[str]:
    """Names of the releases of a kind that ship with the package."""
    names: list[str] = _function(SHIPPED[kind])()
    return names


def _kind(record: Any) -> str:
    return next((kind for kind in KINDS if isinstance(record, dict) and kind in record), "encoder")


def _function(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)
