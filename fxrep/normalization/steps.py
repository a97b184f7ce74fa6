"""The normalisation steps by name, and the published order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fxrep.errors import ArgumentError, DataError
from fxrep.normalization.dynamics import DynamicsStep
from fxrep.normalization.equalization import EqualizationStep
from fxrep.normalization.loudness import LoudnessStep
from fxrep.normalization.panning import PanningStep
from fxrep.normalization.step import NormalizationStep

STEPS: dict[str, type[NormalizationStep]] = {
    step.name: step for step in (LoudnessStep, EqualizationStep, PanningStep, DynamicsStep)
}

PUBLISHED_ORDER = ("eq", "dynamics", "panning", "loudness")
"""Martinez-Ramirez et al., ISMIR 2022, without the reverb that is added first there."""


def make_steps(steps: Sequence[str | NormalizationStep]) -> tuple[NormalizationStep, ...]:
    """Steps from names or instances, in the given order.

    Raises:
        ArgumentError: no steps, an unknown name, or two steps of one name with different options.
    """
    if isinstance(steps, str):
        steps = (steps,)
    made = tuple(step if isinstance(step, NormalizationStep) else _by_name(step)() for step in steps)
    if not made:
        raise ArgumentError(f"no normalisation steps given: choose from {', '.join(STEPS)}")
    for step in made:
        if any(other.name == step.name and other != step for other in made):
            raise ArgumentError(f"the step {step.name} is given twice with different options: it has one target")
    return made


def describe_steps(steps: Sequence[NormalizationStep]) -> list[dict[str, Any]]:
    """Names and options, for JSON."""
    return [{"name": step.name, **asdict(step)} for step in steps]  # type: ignore[call-overload]


def steps_from_description(description: Sequence[dict[str, Any]]) -> tuple[NormalizationStep, ...]:
    """What `describe_steps` wrote.

    Raises:
        DataError: it names a step or an option that this version does not have.
    """
    try:
        return make_steps([_by_name(entry["name"])(**_options(entry)) for entry in description])
    except (ArgumentError, KeyError, TypeError) as error:
        raise DataError(
            f"the statistics describe steps that this version cannot make ({error}): fit them again"
        ) from error


def _options(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "name"}


def _by_name(name: str) -> type[NormalizationStep]:
    if name not in STEPS:
        raise ArgumentError(f"there is no normalisation step {name!r}: choose from {', '.join(STEPS)}")
    return STEPS[name]
