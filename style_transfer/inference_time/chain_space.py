"""The settings of a chain of effects as positions for a search, choices among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from encoders.evaluation.settings_space import SettingsSpace, labels_without_gradient
from fxrep.effects import EffectChain, Settings
from fxrep.effects.parameters import Choice
from fxrep.errors import ArgumentError
from style_transfer.inference_time.starts import perturb, step_scale, waiting_position


class ChainSpace:
    """What is searched on a chain: its numbers within the chain's ranges, the choices that have several options there.

    All effects that can be active are, in the order in which the chain lists them.

    Args:
        chain: of effects; its ranges say what is searched, and a setting without default is off unless it has one.

    Attributes:
        base: (K,) the neutral positions; float64.
        anchor: (K,) where they begin.
        scale: (K,) how far each goes in a step, beside the others.
        options: (K,) how many options a position has; 0 for a number.

    Raises:
        ArgumentError: there is nothing to set.
    """

    def __init__(self, chain: EffectChain) -> None:
        self.chain = chain
        active = [effect for effect in chain.effects if effect.probability > 0.0]
        labels = [label for label, one in zip(chain.processors, chain.effects, strict=True) if one.probability > 0.0]
        self.choices: list[tuple[int, Choice, tuple[str, ...]]] = []
        entries: Settings = []
        for place, (label, effect) in enumerate(zip(labels, active, strict=True)):
            entries.append(_neutral_entry(label, effect, chain))
            for choice in chain.processors[label].choices:
                names = tuple(effect.ranges.get(choice.name, (choice.default,)))
                if len(names) > 1:
                    self.choices.append((place, choice, names))
        self.space = SettingsSpace(chain, entries)
        if not self.space.unknowns and not self.choices:
            raise ArgumentError("the chain has nothing that could be set: give an effect with a range or a choice")
        numbers, unknowns = self.space.neutral(), self.space.unknowns
        chosen = [names.index(choice.default) if choice.default in names else 0 for _, choice, names in self.choices]
        counts = [len(names) for _, _, names in self.choices]
        picked = torch.tensor([index / (count - 1) for index, count in zip(chosen, counts, strict=True)]).double()
        waiting = [
            waiting_position(one.effect, one.parameter, float(position))
            if one.low == 0.0 and one.high == 1.0
            else position
            for one, position in zip(unknowns, numbers.tolist(), strict=True)
        ]
        scales = [min(1.0, step_scale(one.parameter) / (one.high - one.low)) for one in unknowns]
        self.base = torch.cat([numbers, picked])
        self.anchor = torch.cat([torch.tensor(waiting, dtype=torch.float64), picked])
        self.scale = torch.cat([torch.tensor(scales, dtype=torch.float64), torch.ones_like(picked)])
        self.options: Tensor | None = torch.tensor([0] * len(unknowns) + counts)

    def without_gradient(self) -> list[str]:
        """What has no gradient, so that only evolution can search: labels of effects, and choices."""
        names = [f"{self.space.settings[place]['effect']}.{choice.name}" for place, choice, _ in self.choices]
        return labels_without_gradient(self.chain.processors) + names

    def starts(self, count: int, spread: float, seed: int) -> Tensor:
        """Where that many searches begin (R, K): the first at the anchor, the others at random around it."""
        places = [f"{one.entry} {one.effect}" for one in self.space.unknowns]
        places += [f"{place} {choice.name}" for place, choice, _ in self.choices]
        rows = [
            self.anchor,
            *(perturb(self.anchor, self.scale, places, spread, f"{seed} {n}") for n in range(1, count)),
        ]
        return torch.stack(rows)

    def settle(self, positions: Tensor) -> Tensor:
        """Put what waited at the anchor and stayed there, of positions (K,), back to where it came from."""
        return torch.where(positions == self.anchor, self.base, positions)

    def settings_at(self, positions: Tensor) -> Settings:
        """The settings at positions (K,); numbers are tensors, which the gradient of a render reaches."""
        count = len(self.space.unknowns)
        settings = self.space.at(positions[:count])
        for (place, choice, names), position in zip(self.choices, positions[count:].tolist(), strict=True):
            settings[place]["settings"][choice.name] = names[round(position * (len(names) - 1))]
        return settings

    def plain_settings_at(self, positions: Tensor) -> Settings:
        """The settings at positions (K,) as plain numbers, for JSON."""
        settings = self.settings_at(positions.detach())
        for entry in settings:
            given = entry["settings"].items()
            entry["settings"] = {name: float(one) if isinstance(one, Tensor) else one for name, one in given}
        return settings

    def render(self, tracks: Tensor, positions: Tensor, sample_rate: int) -> Tensor:
        """The chain on tracks (B, 1, C, T) under positions (B, K): (B, 2, T)."""
        wet: Tensor = self.chain(tracks[:, 0], sample_rate, [self.settings_at(row) for row in positions])
        return wet.expand(-1, 2, -1)


def _neutral_entry(label: str, effect: Any, chain: EffectChain) -> dict[str, Any]:
    """An effect at its defaults; what is off by default but has a range, in its middle."""
    processor = chain.processors[label]
    settings = processor.defaults()
    for parameter in processor.parameter_table:
        ends: Sequence[float] | None = effect.ranges.get(parameter.name)
        if ends is not None:
            low, high = (parameter.normalize(float(end)) for end in ends)
            default = settings.get(parameter.name)
            middle = parameter.denormalize((low + high) / 2.0)
            settings[parameter.name] = middle if default is None else min(max(default, ends[0]), ends[1])
    entry: dict[str, Any] = {"effect": processor.name, "settings": settings}
    return entry if label == processor.name else {**entry, "label": label}
