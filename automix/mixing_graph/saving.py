"""Writing a mixing graph: ``graph.json``, ``graph.dot`` and ``graph.svg``."""

from __future__ import annotations

import os
from pathlib import Path

from automix.mixing_graph.description import MixGraph, read_graph
from automix.mixing_graph.picture import draw_graph
from fxrep.effects.console import ConsoleSettings
from fxrep.files import atomic_file


def graph_files(graph: MixGraph) -> dict[str, str]:
    """Return the text of each file by its name."""
    return {"graph.json": graph.to_json(), "graph.dot": graph.to_dot(), "graph.svg": draw_graph(graph)}


def save_graph(graph: MixGraph | ConsoleSettings, folder: str | os.PathLike[str]) -> list[Path]:
    """Write a graph as JSON, in the language of Graphviz, and as a picture.

    Args:
        graph: a graph, or the settings of any console to read one from.
        folder: made if it is missing.

    Returns:
        The files.

    Raises:
        OutputError: the folder cannot be written.
    """
    found = read_graph(graph) if isinstance(graph, ConsoleSettings) else graph
    written = []
    for name, text in graph_files(found).items():
        path = Path(folder) / name
        with atomic_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(path)
    return written
