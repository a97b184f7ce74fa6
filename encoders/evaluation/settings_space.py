"""The settings of one item as positions between 0 and 1, for a search: what is known, and what is looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fxrep.effects import BlackBox, EffectChain, Parameter, Processor, Settings
from fxrep.effects.chain_settings import entry_label
from fxrep.errors import ArgumentError


@dataclass(frozen=True)
class Unknown:
    """One setting that is looked for.

    Attributes:
        entry: place of its effect in the chain.
        effect: what the chain calls the effect.
        parameter: of the effect.
        low: end of the range it was drawn from, as a position on the parameter's own scale.
        high: the other end.
    """

    entry: int
    effect: str
    parameter: Parameter
    low: float
    high: float

    def position(self, value: float) -> float:
        """Where a value lies in the range it was drawn from: 0 to 1."""
        return (self.parameter.normalize(value) - self.low) / (self.high - self.low)

    def value(self, position: Tensor) -> Tensor:
        """The value at a position, differentiable."""
        there = self.parameter.denormalize(self.low + position * (self.high - self.low))
        # Rounding may leave the range by a hair at its ends.
        return there.clamp(self.parameter.minimum, self.parameter.maximum)


class SettingsSpace:
    """The continuous settings of drawn effects: the effects, their order and all names are known.

    Args:
        chain: that drew the settings.
        settings: of one item, as drawn.

    Attributes:
        unknowns: what is looked for, in order; settings whose range is one point are known.
        truth: (K,) positions that were drawn, float64.
    """

    def __init__(self, chain: EffectChain, settings: Settings) -> None:
        ranges = {label: effect.ranges for label, effect in zip(chain.processors, chain.effects, strict=True)}
        self.settings, self.unknowns = settings, []
        for place, entry in enumerate(settings):
            label = entry_label(entry)
            for parameter in chain.processors[label].parameter_table:
                if parameter.name not in entry["settings"]:
                    continue
                ends = ranges[label].get(parameter.name, (parameter.minimum, parameter.maximum))
                low, high = (parameter.normalize(float(end)) for end in ends)
                if low < high:
                    self.unknowns.append(Unknown(place, label, parameter, low, high))
        self.truth = self.positions(settings)

    def positions(self, settings: Settings) -> Tensor:
        """Where the settings of the same effects lie (K,), float64."""
        values = [float(settings[one.entry]["settings"][one.parameter.name]) for one in self.unknowns]
        found = [one.position(value) for one, value in zip(self.unknowns, values, strict=True)]
        return torch.tensor(found, dtype=torch.float64).clamp(0.0, 1.0)

    def neutral(self) -> Tensor:
        """The positions (K,) in which the effects do least: their defaults, or the nearest that was drawn from."""
        found = [0.5 if one.parameter.default is None else one.position(one.parameter.default) for one in self.unknowns]
        return torch.tensor(found, dtype=torch.float64).clamp(0.0, 1.0)

    def at(self, positions: Tensor) -> Settings:
        """The settings at positions (K,), as tensors that the gradient of a render reaches."""
        placed: Settings = [{**entry, "settings": dict(entry["settings"])} for entry in self.settings]
        for one, position in zip(self.unknowns, positions.unbind(), strict=True):
            placed[one.entry]["settings"][one.parameter.name] = one.value(position)
        return placed


def check_differentiable(chain: EffectChain) -> None:
    """Refuse a chain whose settings have no gradient.

    Raises:
        ArgumentError: it holds an effect from another library that was made without; the message names it.
    """
    for label in labels_without_gradient(chain.processors):
        raise ArgumentError(f"{label} has no gradient: search in default, koo, wide or another chain of fxrep")


def labels_without_gradient(processors: Mapping[str, Processor]) -> list[str]:
    """Labels of the effects from another library that were made without a gradient in their settings."""
    return [label for label, one in processors.items() if isinstance(one, BlackBox) and one.estimate is None]


def padded(rows: Sequence[Tensor]) -> Tensor:
    """Rows (K_i,) of different lengths as one tensor (N, K), 0 behind their ends."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
