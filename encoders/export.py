"""From a training checkpoint to a release folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from encoders.checkpoints import save_encoder
from encoders.registry import build_encoder
from encoders.release_folder import holds_release, load_weights, read_config
from encoders.training.resumption import read_checkpoint
from fxrep.errors import ArgumentError, CheckpointError

_PREFIX = "encoder."


def export_encoder(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str = "Apache-2.0",
    overwrite: bool = False,
    base: str | None = None,
) -> Path:
    """Take the encoder out of a Lightning checkpoint and write a release folder that `load_encoder` opens.

    The projection head, the optimiser and the loops stay behind.

    Args:
        checkpoint: a ``.ckpt`` that `ContrastiveTraining` wrote.
        folder: where to write the release.
        name: name on the model card; None for the folder's.
        licence: SPDX name of the weights' licence.
        overwrite: replace a release that is there. Files beside those of the release stay, and so does what
            `add_measurement` wrote if the weights are the same.
        base: name of a release that ships and holds a part of the weights, see `save_encoder`.

    Raises:
        ArgumentError: something is at `folder`: a release without `overwrite`, or anything else.
        CheckpointError: the checkpoint is damaged or not of an encoder's training.
        OutputError: the folder cannot be written.
    """
    path, target = Path(checkpoint), Path(folder)
    replacing = holds_release(target)
    if replacing and not overwrite:
        raise ArgumentError(f"{target} holds a release already: choose another name, or replace it with --force")
    content = read_checkpoint(path)
    record = content.get("fxrep")
    if not isinstance(record, dict) or "encoder" not in record:
        raise CheckpointError(f"{path} was not written by an encoder's training: it does not describe an encoder")
    encoder = build_encoder(record["encoder"])
    tensors = {
        key.removeprefix(_PREFIX): value for key, value in content["state_dict"].items() if key.startswith(_PREFIX)
    }
    load_weights(encoder, tensors, str(path))
    metadata = {"training": record.get("training", {}), "metrics": record.get("metrics", {})}
    if replacing and read_config(target)["fingerprint"] == encoder.fingerprint:
        metadata.update(_measurements(target))
    return save_encoder(encoder, target, name=name, metadata=metadata, licence=licence, base=base)


def _measurements(release: Path) -> dict[str, Any]:
    try:
        known = json.loads((release / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {"evaluations": known["evaluations"]} if isinstance(known, dict) and "evaluations" in known else {}
