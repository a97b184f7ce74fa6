"""Curves of a console's effects to draw, by the effects themselves: equalisers over frequency, dynamics over level."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from fxrep.effects.console import ConsoleSettings
from fxrep.effects.console.blending import WET
from fxrep.effects.console.strip import Strip
from fxrep.effects.dynamics import compressor_curve
from fxrep.effects.gain_computer import GainCurve, static_curve
from fxrep.effects.gate import expander_curve
from fxrep.errors import ArgumentError
from fxrep.mixing.report_curves import equalizer_curve
from fxrep.mixing.setting_groups import processor_group
from fxrep.web.mix_strips import list_strips

LOWEST_DB, HIGHEST_DB, LEVELS = -80.0, 0.0, 161
_GAIN_CURVES: dict[str, Callable[[dict[str, torch.Tensor], int], GainCurve]] = {
    "compressor": compressor_curve,
    "dasp_compressor": compressor_curve,  # its times mean something else, which a steady level does not show
    "expander": expander_curve,
    "noise_gate": expander_curve,
}
Values = Mapping[str, float | None]


def console_curves(
    settings: ConsoleSettings, sample_rate: int, places: Sequence[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Curves by place and label.

    Args:
        settings: of the console.
        sample_rate: Hz of the mix.
        places: as `list_strips` calls them; None for all.

    Returns:
        For equalisers ``frequency_hz`` and ``magnitude_db``; for dynamics ``input_db`` and ``output_db``, both in dBFS,
        of a steady level. Effects that have no such curve are left out.

    Raises:
        ArgumentError: there is no such place.
    """
    strips = {place: (strip, values) for place, _, _, strip, values in list_strips(settings)}
    for place in places or ():
        if place not in strips:
            raise ArgumentError(f"there is no place {place!r:.80}: choose from {', '.join(strips)}")
    wanted = strips if places is None else {place: strips[place] for place in places}
    return {place: strip_curves(strip, values, sample_rate) for place, (strip, values) in wanted.items()}


def strip_curves(strip: Strip, values: Mapping[str, Values], sample_rate: int) -> dict[str, Any]:
    """Curves of one strip by label."""
    curves: dict[str, Any] = {}
    for label, processor in strip.processors.items():
        if processor_group(processor) == "eq":
            curves[label] = _magnitude(strip, label, values.get(label, {}), sample_rate)
        elif processor.name in _GAIN_CURVES or processor.name == "limiter":
            curves[label] = _levels(strip, label, values.get(label, {}), sample_rate)
    return curves


def _magnitude(strip: Strip, label: str, values: Values, sample_rate: int) -> dict[str, list[float]]:
    found = equalizer_curve(strip, {label: values}, sample_rate)
    if found is None:
        return {"frequency_hz": [20.0, min(20000.0, 0.49 * sample_rate)], "magnitude_db": [0.0, 0.0]}
    frequency, magnitude = found
    return {"frequency_hz": _rounded(frequency, 2), "magnitude_db": _rounded(magnitude, 3)}


def _levels(strip: Strip, label: str, values: Values, sample_rate: int) -> dict[str, list[float]]:
    processor, level = strip.processors[label], np.linspace(LOWEST_DB, HIGHEST_DB, LEVELS)
    given = {**processor.defaults(), **strip.fixed[label], **{k: v for k, v in values.items() if v is not None}}
    if processor.name == "limiter":
        output = np.minimum(level, given.get("ceiling_db", np.inf))
    else:
        numbers = {parameter.name for parameter in processor.parameter_table}
        columns = {name: torch.tensor([float(given[name])]).double() for name in numbers if given.get(name) is not None}
        curve = _GAIN_CURVES[processor.name](columns, sample_rate)
        gain = static_curve(torch.from_numpy(level)[None, None], curve)[0, 0].numpy()
        output = level + gain + float(curve.makeup_db[0])
    wet = values.get(WET, strip.weights.get(label))
    if wet is not None and wet < 1.0:
        output = 20 * np.log10((1 - wet) * 10 ** (level / 20) + wet * 10 ** (output / 20))
    return {"input_db": _rounded(level, 2), "output_db": _rounded(output, 3)}


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]
