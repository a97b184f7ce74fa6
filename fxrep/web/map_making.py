"""Making a map, which takes minutes for a large library; runs in a process of its own, that can be stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fxrep.retrieval import ReferenceIndex
from fxrep.retrieval.embedding_table import check_level
from fxrep.web.limited_process import Report


def make_map(index: str, level: str, report: Report) -> dict[str, Any]:
    """Make the map of an index and keep it there.

    Args:
        index: its folder.
        level: ``song`` or ``window``.
        report: see `fxrep.web.limited_process`.

    Returns:
        ``points``, how many there are.
    """
    from fxrep.visualization import LibraryMap

    with ReferenceIndex.open(Path(index)) as opened:
        made = LibraryMap.make(opened, check_level(level), progress=_teller(report))
        return {"points": len(made)}


def measure_map(index: str, level: str, report: Report) -> dict[str, Any]:
    """Measure the audio features of all points of a map that have none.

    Returns:
        ``failures``, how many could not be measured.
    """
    from fxrep.visualization import LibraryMap

    with ReferenceIndex.open(Path(index)) as opened:
        failures = LibraryMap.open(opened, check_level(level)).measure(progress=_teller(report))
        return {"failures": len(failures)}


def _teller(report: Report) -> Any:
    def tell(message: str, done: int, total: int) -> None:
        report(message, done / total if total else None)

    return tell
