"""Writing what was measured into the model card of a release, of whatever kind it is."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from fxrep.cli.released_kinds import KINDS, describe_release


def add_measurement(name_or_folder: str, name: str, result: dict[str, Any]) -> Path:
    """Put a measurement into ``metrics.json`` and the model card of a release.

    Args:
        name_or_folder: the release.
        name: of the measurement; an earlier one of that name is replaced.
        result: what ``fxrep evaluate … --json`` printed.

    Returns:
        Its folder.

    Raises:
        CheckpointError: there is no such release, it is damaged, or the result lacks what a card shows.
        OutputError: the folder cannot be written.
    """
    from encoders import checkpoints
    from encoders.model_releases import ReleaseKind

    described = describe_release(name_or_folder)
    kind = next(one for one in KINDS if one in described)
    folder = described["folder"]
    if kind == "encoder":
        return checkpoints.add_measurement(folder, name, result)
    # The module that describes a kind holds it.
    module = importlib.import_module(KINDS[kind][1].rpartition(".")[0])
    (found,) = (one for one in vars(module).values() if isinstance(one, ReleaseKind) and one.name == kind)
    return found.add_measurement(folder, name, result)
