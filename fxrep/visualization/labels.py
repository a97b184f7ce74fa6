"""Names of points that a person can read at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np

from fxrep.retrieval.database import Level
from fxrep.retrieval.hits import format_position


def short_labels(paths: Sequence[str], start_s: np.ndarray, level: Level) -> list[str]:
    """File names without suffix, with the folder where two files share a name, with the position of windows."""
    folders: dict[str, set[str]] = {}
    for path in paths:
        folders.setdefault(PurePath(path).stem, set()).add(path)
    labels = []
    for path, start in zip(paths, start_s.tolist(), strict=True):
        pure = PurePath(path)
        label = pure.stem if len(folders[pure.stem]) == 1 else f"{pure.parent.name}/{pure.name}"
        labels.append(label if level == "song" else f"{label} {format_position(start)}")
    return labels
