"""Names of points that a person can read at a glance."""

from __future__ import annotations

from pathlib import PurePath

from fxrep.retrieval import EmbeddingTable
from fxrep.retrieval.hits import format_position


def short_labels(table: EmbeddingTable) -> list[str]:
    """File names without suffix, with the folder where two files share a name, with the position of windows."""
    folders: dict[str, set[str]] = {}
    for path in table.paths:
        folders.setdefault(PurePath(path).stem, set()).add(path)
    labels = []
    for path, start_s in zip(table.paths, table.start_s, strict=True):
        pure = PurePath(path)
        label = pure.stem if len(folders[pure.stem]) == 1 else f"{pure.parent.name}/{pure.name}"
        labels.append(label if table.level == "song" else f"{label} {format_position(float(start_s))}")
    return labels
