"""A mixing graph to read: which processors a console has in use, and how they are connected, as JSON and as DOT."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fxrep.effects.console import ConsoleSettings, Strip
from fxrep.effects.console.blending import WET
from fxrep.effects.console.strip import StripValues

FORMAT = "fxrep mixing graph 1"
_RATE = 44100


@dataclass(frozen=True)
class Node:
    """A processor, a track, the sum in a group, or the mix.

    Attributes:
        id: unique in the graph: ``place/label``.
        kind: ``track``, ``processor``, ``group`` or ``mix``.
        place: the track, the group or ``master`` that it belongs to.
        label: of the processor in its strip; of the others what they are called.
        settings: that are not at their defaults, by name; of a processor.
    """

    id: str
    kind: str
    place: str
    label: str
    settings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MixGraph:
    """Processors and how they are connected.

    Attributes:
        nodes: in the order of the signal.
        edges: pairs of `Node.id`.
    """

    nodes: Sequence[Node]
    edges: Sequence[tuple[str, str]]

    @property
    def processors(self) -> int:
        """How many processors there are."""
        return sum(node.kind == "processor" for node in self.nodes)

    def to_json(self) -> str:
        """Return nodes and edges as JSON."""
        data: dict[str, Any] = {
            "format": FORMAT,
            "nodes": [asdict(node) for node in self.nodes],
            "edges": [{"from": source, "to": target} for source, target in self.edges],
        }
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"

    def to_dot(self) -> str:
        """Return the graph in the language of Graphviz, from left to right."""
        shapes = {"processor": "box", "track": "plaintext", "group": "circle", "mix": "doublecircle"}
        lines = ["digraph mix {", "  rankdir=LR;"]
        for node in self.nodes:
            text = "\n".join([node.label, *describe(node)])
            lines.append(f"  {_quoted(node.id)} [shape={shapes[node.kind]}, label={_quoted(text)}];")
        lines += [f"  {_quoted(source)} -> {_quoted(target)};" for source, target in self.edges]
        return "\n".join([*lines, "}"]) + "\n"


def describe(node: Node) -> list[str]:
    """Return the settings of a node in words, one a line."""
    return [f"{name} {value:.3g}" for name, value in node.settings.items()]


def read_graph(settings: ConsoleSettings) -> MixGraph:
    """Return what is in use on a console, whatever console it is.

    Args:
        settings: of a mix.

    Raises:
        ArgumentError: the settings do not fit their console.
    """
    settings.check()
    console = settings.console
    nodes: list[Node] = []
    edges: list[tuple[str, str]] = []
    used = [group for group in console.groups if group in settings.group_of.values()]

    def chain(source: Node, place: str, strip: Strip, values: StripValues) -> str:
        last = source.id
        nodes.append(source)
        for node in _processors(place, strip, values):
            nodes.append(node)
            edges.append((last, node.id))
            last = node.id
        return last

    sums = {group: Node(f"group:{group}", "group", group, group) for group in used}
    mix = Node("mix", "mix", "master", "mix")
    ends: list[tuple[str, str]] = []
    for name, strip in settings.tracks.items():
        last = chain(Node(f"track:{name}", "track", name, name), f"track:{name}", console.track, strip)
        ends.append((last, sums[settings.group_of[name]].id if name in settings.group_of else mix.id))
        ends += [(last, f"bus:{bus}") for bus, level in settings.sends[name].items() if level > -100.0]
    edges += ends
    for group, node in sums.items():
        edges.append((chain(node, f"group:{group}", console.groups[group], settings.groups[group]), mix.id))
    for bus in dict.fromkeys(target for _, target in ends if target.startswith("bus:")):
        name = bus.removeprefix("bus:")
        edges.append((chain(Node(bus, "group", name, name), bus, console.buses[name], settings.buses[name]), mix.id))
    chain(mix, "master", console.master, settings.master)
    return MixGraph(nodes, edges)


def _processors(place: str, strip: Strip, values: StripValues) -> list[Node]:
    """Return what is in use on a strip and has settings, in the order of the signal."""
    defaults = strip.defaults()
    nodes = []
    for label in strip.streams(_RATE, values):
        if label not in defaults:
            continue
        changed = {
            name: float(value)
            for name, value in values.get(label, {}).items()
            if value is not None and (value != defaults[label].get(name) or name == WET)
        }
        nodes.append(Node(f"{place}/{label}", "processor", place, label, changed))
    return nodes


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
