"""The mixing console: strips, groups, sends and a master, set by a person or by a controller, for batches and songs."""

from __future__ import annotations

from fxrep.effects.console.blocks import ConsoleStream
from fxrep.effects.console.consoles import CONSOLES, create_console, default_console
from fxrep.effects.console.dasp import dasp_console
from fxrep.effects.console.graph import graph_console
from fxrep.effects.console.mastering import mastering_console
from fxrep.effects.console.mixing_console import MixingConsole
from fxrep.effects.console.rendering import RenderedMix
from fxrep.effects.console.settings import ConsoleSettings
from fxrep.effects.console.strip import Strip, StripEffect
from fxrep.effects.console.tensors import ConsoleTensors

__all__ = [
    "CONSOLES",
    "ConsoleSettings",
    "ConsoleStream",
    "ConsoleTensors",
    "MixingConsole",
    "RenderedMix",
    "Strip",
    "StripEffect",
    "create_console",
    "dasp_console",
    "default_console",
    "graph_console",
    "mastering_console",
]
