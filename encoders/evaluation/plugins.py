"""Plug-ins of a user's own as the effects of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fxrep.effects import ChainEffect, EffectChain, pedalboard_processor, plugin_parameters
from fxrep.errors import ArgumentError

OF_SEVERAL = 0.7
"""Probability of each plug-in where there are several; one alone is always on."""


def plugin_chain(paths: Sequence[str | Path]) -> EffectChain:
    """Return a chain of plug-ins in the given order, every continuous parameter drawn over its whole range.

    Args:
        paths: of VST3 or Audio Unit plug-ins, as pedalboard (extra ``pedalboard``) loads them; the same one twice is
            two effects.

    Raises:
        MissingExtraError: pedalboard is not installed.
        ArgumentError: there is none, or one cannot be loaded or has nothing to draw.
    """
    if not paths:
        raise ArgumentError("a chain of plug-ins needs one: give the path of a VST3 or Audio Unit with --plugin")
    effects = []
    for number, path in enumerate(map(str, paths), start=1):
        if path.endswith(".lv2"):
            raise ArgumentError(f"{path} is LV2, which pedalboard does not load: give the VST3 of the same plug-in")
        processor = pedalboard_processor(path, plugin_parameters(path), gradient="none")
        label = f"plugin_{number}_{processor.name.removeprefix('pedalboard_')}"
        effects.append(ChainEffect(processor, OF_SEVERAL if len(paths) > 1 else 1.0, label=label))
    return EffectChain(effects)
