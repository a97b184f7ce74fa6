"""What is searched for a mixing graph: positions of all settings, a weight of each processor, and which are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from automix.mixing_graph.families import FAMILIES, FAMILY_OF, MIDDLE_WET, NAMES, STARTING_WET
from fxrep.effects.console import ConsoleSettings, MixingConsole, Strip
from fxrep.effects.console.blending import WET
from fxrep.effects.console.starting_point import starting_positions

Values = dict[str, dict[str, Tensor]]


@dataclass
class GraphState:
    """A console of R strips, first the N tracks, then the groups, all of one kind.

    Attributes:
        positions: (R, P) in [0, 1], every setting of the strip, the weights among them not used.
        weights: (R, F) in [0, 1], of each family.
        kept: (R, F) booleans: what has not been pruned.
    """

    positions: Tensor
    weights: Tensor
    kept: Tensor

    @staticmethod
    def neutral(console: MixingConsole, strips: int) -> GraphState:
        """Return a state in which nothing is in use, its settings where a gradient can move them.

        Args:
            console: of `graph_console`.
            strips: R.
        """
        start = starting_positions(console)["tracks"].double()
        kept = torch.zeros(strips, len(NAMES), dtype=torch.bool)
        return GraphState(start.repeat(strips, 1), torch.zeros(strips, len(NAMES), dtype=torch.float64), kept)

    def clone(self) -> GraphState:
        """Return a copy without gradients."""
        return GraphState(*(one.detach().clone() for one in (self.positions, self.weights, self.kept)))

    def join(self, family: str, rows: Tensor) -> None:
        """Let a family take part in some strips (R,), at its first weight."""
        column = NAMES.index(family)
        self.kept[:, column] |= rows
        self.weights[rows, column] = STARTING_WET.get(family, MIDDLE_WET)

    def values(self, strip: Strip, rows: slice | Tensor, kept: Tensor | None = None) -> Values:
        """Return the settings of some strips in physical units; what is not kept has the weight NaN.

        Args:
            strip: of the console.
            rows: which.
            kept: (R, F) in place of the state's own.
        """
        values = strip.denormalize(self.positions[rows])
        heard = (self.kept if kept is None else kept)[rows]
        weights = torch.where(heard, self.weights[rows], float("nan"))
        for label, family in FAMILY_OF.items():
            values[label][WET] = weights[:, NAMES.index(family)]
        return values


def count_kept(state: GraphState) -> dict[str, int]:
    """Return how many processors of each family are kept."""
    return {family: int(state.kept[:, column].sum()) for column, family in enumerate(NAMES)}


def to_settings(
    state: GraphState, console: MixingConsole, names: list[str], group_of: Mapping[str, str]
) -> ConsoleSettings:
    """Return the state as settings that a person reads: what was pruned is at its defaults.

    Gain and width keep their weight within their own setting, which says the same by one number: both change the sound
    in proportion to their weight.

    Args:
        state: of the tracks and then the groups of the console.
        console: of `graph_console`.
        names: of the tracks.
        group_of: by track; the tracks that are in a group.
    """
    settings = console.default_settings(names, dict(group_of))
    strips = [*(settings.tracks[name] for name in names), *(settings.groups[name] for name in console.groups)]
    values = state.clone().values(console.track, slice(None))
    for row, strip in enumerate(strips):
        for column, labels in enumerate(FAMILIES.values()):
            if not bool(state.kept[row, column]) or float(state.weights[row, column]) == 0.0:
                continue
            for label in labels:
                found = {name: float(one[row]) for name, one in values[label].items()}
                strip[label].update(_folded(label, found))
    return settings


def _folded(label: str, values: dict[str, float]) -> dict[str, float]:
    wet = values[WET]
    if label == "gain":
        factor = 1.0 - wet + wet * 10.0 ** (values["gain_db"] / 20.0)
        return {"gain_db": 20.0 * float(torch.tensor(factor, dtype=torch.float64).log10()), WET: 1.0}
    if label == "stereo_width":
        return {"width": 1.0 - wet + wet * values["width"], WET: 1.0}
    return values
