"""A mixing graph as a picture: plain SVG, tracks on the left, the mix on the right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape

from automix.mixing_graph.description import MixGraph, Node, describe

COLUMN, ROW, WIDTH, HEIGHT, EDGE = 132, 46, 112, 30, 16
"""Pixels: between columns, between rows, of a box, and around the picture."""

COLOURS = {
    "parametric_eq": "#cfe3f7",
    "compressor": "#f7d9c4",
    "noise_gate": "#f2c9cf",
    "stereo_width": "#d6ecd2",
    "gain": "#ececec",
    "panner": "#ececec",
    "fader": "#ececec",
    "delay": "#e4d7f2",
    "noise_shaped_reverb": "#d4d8f5",
}
"""Of the boxes, by label; of what is not named `OTHER`."""

OTHER = "#fff5cc"
_LONGEST = 16


def draw_graph(graph: MixGraph) -> str:
    """Return a picture of the graph; what is set shows when the pointer rests on a box.

    A node stands one column to the right of the last that leads to it, a strip on one row, a group in the middle of the
    rows of its tracks.

    Args:
        graph: without circles.
    """
    columns = _columns(graph)
    rows = _rows(graph, columns)
    width = 2 * EDGE + COLUMN * max(columns.values()) + WIDTH
    height = 2 * EDGE + ROW * max(rows.values()) + HEIGHT
    places = {node.id: (EDGE + COLUMN * columns[node.id], EDGE + ROW * rows[node.id]) for node in graph.nodes}
    lines = [_edge(places[source], places[target]) for source, target in graph.edges]
    boxes = [_box(node, *places[node.id]) for node in graph.nodes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="Mixing graph" font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join([*lines, *boxes]) + "\n</svg>\n"
    )


def _columns(graph: MixGraph) -> dict[str, int]:
    chains = Counter(node.place for node in graph.nodes if node.place.startswith("track:"))
    # Groups and buses stand to the right of all strips of tracks, or one could stand on a strip that is not its own.
    behind = 1 + max(chains.values(), default=0)
    columns: dict[str, int] = {node.id: behind if node.kind == "group" else 0 for node in graph.nodes}
    # Strips are listed before what they lead to, so that a few passes settle all.
    for _ in graph.nodes:
        moved = False
        for source, target in graph.edges:
            if columns[target] <= columns[source]:
                columns[target], moved = columns[source] + 1, True
        if not moved:
            break
    return columns


def _rows(graph: MixGraph, columns: Mapping[str, int]) -> dict[str, float]:
    rows: dict[str, float] = {}
    below = 0
    for node in graph.nodes:
        if node.kind == "track":
            rows[node.id] = float(below)
            below += 1
    before: dict[str, list[str]] = {}
    for source, target in graph.edges:
        before.setdefault(target, []).append(source)
    for node in sorted(graph.nodes, key=lambda one: columns[one.id]):
        if node.id not in rows:
            above = [rows[source] for source in before.get(node.id, []) if source in rows]
            rows[node.id] = sum(above) / len(above) if above else float(below)
    return rows


def _box(node: Node, x: float, y: float) -> str:
    words = " · ".join([node.label, *describe(node)])
    shown = node.label if len(node.label) <= _LONGEST else node.label[: _LONGEST - 1] + "…"
    fill = COLOURS.get(node.label, OTHER) if node.kind == "processor" else "white"
    round_by = 4 if node.kind == "processor" else HEIGHT / 2
    return (
        f'<g><title>{escape(words)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{WIDTH}" height="{HEIGHT}" '
        f'rx="{round_by:g}" fill="{fill}" stroke="#555"/><text x="{x + WIDTH / 2:.1f}" y="{y + HEIGHT / 2 + 4:.1f}" '
        f'text-anchor="middle">{escape(shown)}</text></g>'
    )


def _edge(source: tuple[float, float], target: tuple[float, float]) -> str:
    left, top = source[0] + WIDTH, source[1] + HEIGHT / 2
    right, bottom = target[0], target[1] + HEIGHT / 2
    middle = right - (COLUMN - WIDTH) / 2
    return (
        f'<path d="M{left:.1f} {top:.1f} H{middle:.1f} V{bottom:.1f} H{right:.1f}" fill="none" stroke="#888" '
        'stroke-width="1.2"/>'
    )
