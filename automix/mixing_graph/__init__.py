"""Mixing graphs: how a finished mix was made from its tracks, as the fewest processors that bring it about."""

from __future__ import annotations

from automix.mixing_graph.description import MixGraph, Node, read_graph
from automix.mixing_graph.families import FAMILIES, NAMES
from automix.mixing_graph.loss import GraphLoss
from automix.mixing_graph.method import FoundGraph, MixingGraph
from automix.mixing_graph.picture import draw_graph
from automix.mixing_graph.saving import save_graph

__all__ = [
    "FAMILIES",
    "NAMES",
    "FoundGraph",
    "GraphLoss",
    "MixGraph",
    "MixingGraph",
    "Node",
    "draw_graph",
    "read_graph",
    "save_graph",
]
