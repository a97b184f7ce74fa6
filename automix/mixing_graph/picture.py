"""A mixing graph as a picture: plain SVG, tracks on the left, the mix on the right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

SHORT = {"parametric_eq": "equaliser", "noise_shaped_reverb": "reverb", "noise_gate": "gate", "stereo_width": "width"}
"""What is written in boxes too narrow for the label."""

_LETTER = 6.5
_LONGEST, _LONGEST_TRACK = 16, 32
"""Letters in a box, and in that of a track."""


def draw_graph(graph: MixGraph) -> str:
    """Return a picture of the graph; what is set shows when the pointer rests on a box.

    A node stands one column to the right of the last that leads to it, a strip on one row, a group in the middle of the
    rows of its tracks, which stand together, and buses under all tracks: no line runs through the box of another strip,
    and none of two groups on each other.

    Args:
        graph: without circles.
    """
    columns = _columns(graph)
    rows = _rows(graph, columns)
    letters = max((len(_shown(node)) for node in graph.nodes if node.kind == "track"), default=0)
    widest = max(float(WIDTH), 16 + _LETTER * letters)
    boxes = {
        node.id: _Box(
            EDGE + COLUMN * columns[node.id] + (widest - WIDTH if columns[node.id] else 0.0),
            EDGE + ROW * rows[node.id],
            widest if node.kind == "track" else float(WIDTH),
        )
        for node in graph.nodes
    }
    width = max(box.x + box.width for box in boxes.values()) + EDGE
    height = max(box.y for box in boxes.values()) + HEIGHT + EDGE
    buses = list(dict.fromkeys(target for _, target in graph.edges if target.startswith("bus:")))
    lines = [
        _edge(boxes[source], boxes[target], 1 + buses.index(target) if target in buses else 0)
        for source, target in graph.edges
    ]
    drawn = [_draw(node, boxes[node.id]) for node in graph.nodes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="Mixing graph" font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join([*lines, *drawn]) + "\n</svg>\n"
    )


@dataclass(frozen=True)
class _Box:
    """Left upper corner and width, in pixels."""

    x: float
    y: float
    width: float


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
    following: dict[str, list[str]] = {}
    before: dict[str, list[str]] = {}
    for source, target in graph.edges:
        following.setdefault(source, []).append(target)
        before.setdefault(target, []).append(source)
    rows: dict[str, float] = {}
    for number, track in enumerate(_sorted_tracks(graph, following)):
        rows[track] = float(number)
    below = len(rows)
    for node in sorted(graph.nodes, key=lambda one: columns[one.id]):
        if node.id in rows:
            continue
        if node.id.startswith("bus:"):
            rows[node.id], below = float(below), below + 1
            continue
        above = [rows[source] for source in before.get(node.id, []) if source in rows]
        rows[node.id] = sum(above) / len(above) if above else float(below)
    return rows


def _sorted_tracks(graph: MixGraph, following: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the tracks in their order, but those of a group next to the first of it."""
    ends: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.kind == "track":
            last = node.id
            while following[last][0].startswith("track:"):
                last = following[last][0]
            goal = following[last][0]
            ends.setdefault(goal if goal.startswith("group:") else node.id, []).append(node.id)
    return [track for together in ends.values() for track in together]


def _shown(node: Node) -> str:
    text = SHORT.get(node.label, node.label) if node.kind == "processor" else node.label
    longest = _LONGEST_TRACK if node.kind == "track" else _LONGEST
    if len(text) <= longest:
        return text
    # Names often differ at their end.
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"


def _draw(node: Node, box: _Box) -> str:
    words = " · ".join([node.label, *describe(node)])
    fill = COLOURS.get(node.label, OTHER) if node.kind == "processor" else "white"
    round_by = 4 if node.kind == "processor" else HEIGHT / 2
    return (
        f'<g><title>{escape(words)}</title><rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:g}" '
        f'height="{HEIGHT}" rx="{round_by:g}" fill="{fill}" stroke="#555"/><text x="{box.x + box.width / 2:.1f}" '
        f'y="{box.y + HEIGHT / 2 + 4:.1f}" text-anchor="middle">{escape(_shown(node))}</text></g>'
    )


def _edge(source: _Box, target: _Box, lane: int) -> str:
    """Draw a line that turns in front of its target, in a lane of its own if it leads to a bus."""
    left, top = source.x + source.width, source.y + HEIGHT / 2
    right, bottom = target.x, target.y + HEIGHT / 2
    gap = COLUMN - WIDTH
    middle = right - gap / 2 + (gap / 2 * min(lane, 4) / 5)
    return (
        f'<path d="M{left:.1f} {top:.1f} H{middle:.1f} V{bottom:.1f} H{right:.1f}" fill="none" stroke="#888" '
        'stroke-width="1.2"/>'
    )
