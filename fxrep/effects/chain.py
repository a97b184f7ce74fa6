"""Chains of effects: draw settings, then apply them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from fxrep.effects.chain_rendering import Settings, render_settings
from fxrep.effects.processor import Processor, Range
from fxrep.effects.registry import create_processor
from fxrep.errors import ArgumentError


@dataclass(frozen=True)
class ChainEffect:
    """One effect of a chain.

    Attributes:
        processor: a processor, or the name of one.
        probability: of being active, 0 to 1.
        ranges: narrower ranges to draw from, by setting; see `Processor.sample`.
        match_rms: scale the output to the root mean square of the input, per item over all channels.
    """

    processor: Processor | str
    probability: float = 1.0
    ranges: Mapping[str, Range] = field(default_factory=dict)
    match_rms: bool = False


class EffectChain(nn.Module):
    """Effects with probabilities and an order.

    `sample` draws settings; calling the chain applies them, and draws nothing. Settings are a list of
    ``{"effect": name, "settings": {…}}`` in the order of application, only of the effects that are active; they can be
    written as JSON and applied again by any chain.

    Args:
        effects: at most one per name.
        order: ``"fixed"``, as listed; ``"random"``, any permutation per item.
        shuffle_groups: lists of names; the effects of a group, which must stand next to each other, are permuted
            among themselves. Only with the fixed order.

    Raises:
        ArgumentError: an effect is unknown or listed twice, a probability or range is wrong, or a group is torn.
    """

    def __init__(
        self,
        effects: Sequence[ChainEffect],
        order: Literal["fixed", "random"] = "fixed",
        shuffle_groups: Sequence[Sequence[str]] = (),
    ) -> None:
        super().__init__()
        self.effects = list(effects)
        self.processors = nn.ModuleDict()
        for effect in self.effects:
            self._add(effect)
        if order not in ("fixed", "random"):
            raise ArgumentError(f"order is {order!r}; expected 'fixed' or 'random'")
        self.order = order
        names = list(self.processors)
        self.groups = [names] if order == "random" else _group(names, shuffle_groups)

    def _add(self, effect: ChainEffect) -> None:
        processor = effect.processor if isinstance(effect.processor, Processor) else create_processor(effect.processor)
        if processor.name in self.processors:
            raise ArgumentError(f"{processor.name} is listed twice in the chain")
        if not 0.0 <= effect.probability <= 1.0:
            raise ArgumentError(f"probability of {processor.name} is {effect.probability}; expected 0 to 1")
        processor.check_ranges(effect.ranges)
        self.processors[processor.name] = processor

    def sample(self, generator: torch.Generator) -> Settings:
        """Draw the settings of one item.

        Args:
            generator: the only source of chance.

        Returns:
            The active effects in order; empty if none is.
        """
        by_name = dict(zip(self.processors, self.effects, strict=True))
        settings: Settings = []
        for group in self.groups:
            for position in torch.randperm(len(group), generator=generator).tolist() if len(group) > 1 else [0]:
                name, effect = group[position], by_name[group[position]]
                if float(torch.rand((), generator=generator)) < effect.probability:
                    settings.append(self._draw(name, effect, generator))
        return settings

    def _draw(self, name: str, effect: ChainEffect, generator: torch.Generator) -> dict[str, Any]:
        processor = self.processors[name]
        assert isinstance(processor, Processor)
        entry: dict[str, Any] = {"effect": name, "settings": processor.sample(generator, effect.ranges)}
        return {**entry, "match_rms": True} if effect.match_rms else entry

    def sample_batch(self, generator: torch.Generator, batch_size: int) -> list[Settings]:
        """Draw independent settings for every item of a batch."""
        return [self.sample(generator) for _ in range(batch_size)]

    def forward(self, audio: torch.Tensor, sample_rate: int, settings: Settings | Sequence[Settings]) -> torch.Tensor:
        """Apply settings.

        Args:
            audio: (B, C, T), or (C, T) for a single item.
            sample_rate: Hz.
            settings: of one item, used for all; or a list of B of them.

        Returns:
            The shape of the audio, with two channels if any item passes a stereo effect. With no active effect the
            audio is returned bit for bit. The input is never written to.

        Raises:
            ArgumentError: settings that do not fit the batch, name unknown effects or are out of range.
            AudioError: the audio is unusable.
        """
        processors = {name: module for name, module in self.processors.items() if isinstance(module, Processor)}
        if audio.dim() == 2:
            return render_settings(audio.unsqueeze(0), sample_rate, settings, processors).squeeze(0)
        return render_settings(audio, sample_rate, settings, processors)


def _group(names: list[str], shuffle_groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """Split the names into runs: one per shuffle group, one per effect outside of all groups."""
    runs, position = [], 0
    wanted = [sorted(group) for group in shuffle_groups]
    while position < len(names):
        sizes = [len(group) for group in wanted if sorted(names[position : position + len(group)]) == group]
        size = max(sizes, default=1)
        runs.append(names[position : position + size])
        position += size
    for group in wanted:
        if len(group) > 1 and group not in [sorted(run) for run in runs]:
            raise ArgumentError(f"shuffle group {', '.join(group)} is not a run of neighbours in {', '.join(names)}")
    return runs
