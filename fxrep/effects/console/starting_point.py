"""Where an untrained controller sets a console: nearly neutral, and with a gradient everywhere."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fxrep.effects.console import MixingConsole
from fxrep.effects.console.sends import SEND
from fxrep.effects.parameters import Parameter

NEAREST_EDGE = 0.01
"""No setting starts nearer to an end of its range: a sigmoid does not come back from there."""

SEND_DB = -50.0
THRESHOLD_DB = -20.0
RATIO = 1.1


def starting_positions(console: MixingConsole) -> dict[str, Tensor]:
    """Positions that change a mix by little, of one track, of the buses and of the master.

    All is at its default, with two exceptions, because at their defaults nothing that a controller does is heard, and
    so nothing is learned: sends stand at -50 dB in place of off, and compressors at -20 dB with a ratio of 1.1 in place
    of 0 dB with none.

    Args:
        console: of which the settings are.

    Returns:
        ``{"tracks": (P,), "buses": (Q,), "master": (M,)}``, each from 0.01 to 0.99.
    """
    tracks = _strip_positions(console.track.tables)
    tracks += [SEND.normalize(SEND_DB)] * len(console.buses)
    shared = [*console.groups.values(), *console.buses.values()]
    parts = {
        "tracks": tracks,
        "buses": [position for strip in shared for position in _strip_positions(strip.tables)],
        "master": _strip_positions(console.master.tables),
    }
    return {name: torch.tensor(part).clamp(NEAREST_EDGE, 1.0 - NEAREST_EDGE) for name, part in parts.items()}


def _strip_positions(tables: dict[str, dict[str, Parameter]]) -> list[float]:
    positions = []
    for table in tables.values():
        audible = {"threshold_db": THRESHOLD_DB, "ratio": RATIO} if is_compressor(table) else {}
        for name, parameter in table.items():
            value = audible.get(name, parameter.default)
            middle = (parameter.minimum + parameter.maximum) / 2.0
            value = middle if value is None else min(max(value, parameter.minimum), parameter.maximum)
            positions.append(parameter.normalize(float(value)))
    return positions


def neutral_track(console: MixingConsole) -> Tensor:
    """Positions (P,) of a track that is left alone: every setting at its default."""
    # Numbers are looked at on the way, which models that are built on the meta device have none of.
    with torch.device("cpu"):
        return console.normalize(console.default_settings(["track"]))[0][0, 0].float()


def is_compressor(table: Mapping[str, Parameter]) -> bool:
    """Whether settings are those of a compressor: a gate has a threshold too, and would not be neutral at -20 dB."""
    return {"threshold_db", "ratio", "knee_db", "makeup_db"} <= set(table)
