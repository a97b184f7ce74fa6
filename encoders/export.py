"""From a training checkpoint to a release folder."""

from __future__ import annotations

import os
from pathlib import Path

from encoders.checkpoints import load_weights, save_encoder
from encoders.registry import build_encoder
from encoders.training.resumption import read_checkpoint
from fxrep.errors import CheckpointError

_PREFIX = "encoder."


def export_encoder(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str = "Apache-2.0",
) -> Path:
    """Take the encoder out of a Lightning checkpoint and write a release folder that `load_encoder` opens.

    The projection head, the optimiser and the loops stay behind.

    Args:
        checkpoint: a ``.ckpt`` that `ContrastiveTraining` wrote.
        folder: where to write the release.
        name: name on the model card; None for the folder's.
        licence: SPDX name of the weights' licence.

    Raises:
        CheckpointError: the checkpoint is damaged or not of an encoder's training.
        OutputError: the folder cannot be written.
    """
    path = Path(checkpoint)
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
    return save_encoder(encoder, folder, name=name, metadata=metadata, licence=licence)
