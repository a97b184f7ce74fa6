"""Drawing chains for a benchmark: exactly so many effects, or the same effects set otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch

from fxrep.effects import EffectChain, Settings
from fxrep.effects.chain_settings import entry_label
from fxrep.errors import ArgumentError


def draw_settings(chain: EffectChain, n_effects: int | None, generator: torch.Generator, count: int) -> list[Settings]:
    """Settings of `count` chains.

    Args:
        chain: where the effects come from.
        n_effects: active effects per chain, every selection of them equally likely; None: as the chain draws.
        generator: the only source of chance.
        count: how many.

    Raises:
        ArgumentError: the chain has fewer effects.
    """
    if n_effects is None:
        return chain.sample_batch(generator, count)
    check_effect_count(chain, n_effects)
    labels = list(chain.processors)
    drawn = []
    for _ in range(count):
        chosen = torch.randperm(len(labels), generator=generator)[:n_effects].tolist()
        drawn.append(only(chain, [labels[position] for position in sorted(chosen)]).sample(generator))
    return drawn


def check_effect_count(chain: EffectChain, n_effects: int | None) -> None:
    """Refuse a number of effects that the chain cannot have.

    Raises:
        ArgumentError: it is below 1 or more than there are.
    """
    if n_effects is not None and not 1 <= n_effects <= len(chain.processors):
        raise ArgumentError(
            f"effects is {n_effects}: the chain has {len(chain.processors)}: {', '.join(chain.processors)}"
        )


def set_otherwise(chain: EffectChain, settings: Settings, generator: torch.Generator) -> Settings:
    """The effects of `settings` in their order, with settings drawn anew; a chain without effects gets some."""
    if not settings:
        return draw_settings(chain, 1, generator, 1)[0]
    redrawn: Settings = []
    for entry in settings:
        redrawn += only(chain, [entry_label(entry)]).sample(generator)
    return redrawn


def only(chain: EffectChain, labels: Iterable[str]) -> EffectChain:
    """The chain with these effects alone, each of them active."""
    wanted = set(labels)
    named = zip(chain.processors, chain.effects, strict=True)
    effects = [replace(effect, probability=1.0) for label, effect in named if label in wanted]
    groups = [[label for label in group if label in wanted] for group in chain.groups]
    return EffectChain(effects, shuffle_groups=[group for group in groups if len(group) > 1])
