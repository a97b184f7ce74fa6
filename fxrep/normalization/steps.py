"""The normalisation steps by name, and the published orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fxrep.errors import ArgumentError, DataError
from fxrep.normalization.dynamics import DynamicsStep
from fxrep.normalization.equalization import EqualizationStep
from fxrep.normalization.imager import ImagerStep
from fxrep.normalization.loudness import LoudnessStep
from fxrep.normalization.panning import PanningStep
from fxrep.normalization.reverberation import ReverbStep
from fxrep.normalization.step import NormalizationStep

STEPS: dict[str, type[NormalizationStep]] = {
    step.name: step for step in (LoudnessStep, EqualizationStep, PanningStep, DynamicsStep, ImagerStep, ReverbStep)
}

PUBLISHED_ORDER = ("eq", "dynamics", "panning", "loudness")
"""Martinez-Ramirez et al., ISMIR 2022, without the reverb that is added first there: the default."""

CONFIGURATIONS: dict[str, tuple[NormalizationStep, ...]] = {
    "default": (EqualizationStep(), DynamicsStep(), PanningStep(), LoudnessStep()),
    "fxnorm-automix": (ReverbStep(), EqualizationStep(), DynamicsStep(), PanningStep(), LoudnessStep()),
    "koo": (
        LoudnessStep(),
        EqualizationStep(),
        DynamicsStep(),
        ImagerStep(widen_mono=True, balance=True),
        LoudnessStep(),
    ),
}
"""Orders by name: ours, that of FxNorm-automix (Martinez-Ramirez et al., ISMIR 2022), and that of Koo et al. (ICASSP
2023). A name stands for its steps wherever steps are named."""


def make_steps(steps: str | Sequence[str | NormalizationStep]) -> tuple[NormalizationStep, ...]:
    """Steps from instances, names, and names of `CONFIGURATIONS`, in the given order.

    Raises:
        ArgumentError: no steps, an unknown name, or two steps of one name with different options.
    """
    made: list[NormalizationStep] = []
    for step in (steps,) if isinstance(steps, str) else steps:
        if isinstance(step, NormalizationStep):
            made.append(step)
        else:
            made += CONFIGURATIONS.get(step) or (_by_name(step)(),)
    if not made:
        raise ArgumentError(f"no normalisation steps given: choose from {', '.join(STEPS)}")
    for step in made:
        if any(other.name == step.name and other != step for other in made):
            raise ArgumentError(f"the step {step.name} is given twice with different options: it has one target")
    return tuple(made)


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
        raise ArgumentError(
            f"there is no normalisation step {name!r}: choose from {', '.join(STEPS)}, "
            f"or one of the orders {', '.join(CONFIGURATIONS)}"
        )
    return STEPS[name]
