"""The weight of an effect in a strip: how much of it is heard beside what came in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import is_number, read_settings

WET = "wet"
"""What the weight is called among the settings of an effect."""

Effect = Callable[[torch.Tensor, Mapping[str, Any]], torch.Tensor]


def wet_parameter(default: float) -> Parameter:
    """Return the table entry of a weight: 0 is the input, bit for bit, 1 the effect, bit for bit.

    Raises:
        ArgumentError: the default is not from 0 to 1.
    """
    return Parameter(WET, "", 0.0, 1.0, "linear", default)


def blend_effect(effect: Effect, audio: torch.Tensor, wet: Any, values: Mapping[str, Any]) -> torch.Tensor:
    """Return (1 - wet) times the input plus wet times the effect, and do without the effect where it is not heard.

    A row of weight 0 goes round the effect, unless a gradient of the weight is wanted; one whose weight is NaN always
    does, and gives no gradient.

    Args:
        effect: from rows (R, C, T) and their settings to (R, C or 2, T).
        audio: (R, C, T).
        wet: a number, or (R,).
        values: the other settings of the effect: numbers, or (R,).

    Returns:
        (R, C or 2, T); C where the effect is heard in no row.

    Raises:
        ArgumentError: a weight is not from 0 to 1.
    """
    if is_number(wet) and float(wet) in (0.0, 1.0):
        return effect(audio, values) if float(wet) else audio
    share = wet.expand(len(audio)) if isinstance(wet, torch.Tensor) else wet
    heard = _heard(share, len(audio))
    if not bool(heard.any()):
        return audio
    if bool(heard.all()):
        return _blend(effect, audio, share, values)
    rows = heard.nonzero()[:, 0]
    chosen = {name: _pick(value, rows) for name, value in values.items()}
    part = _blend(effect, audio[rows.to(audio.device)], _pick(share, rows), chosen)
    return audio.expand(-1, part.shape[1], -1).index_copy(0, rows.to(audio.device), part)


def _heard(wet: Any, count: int) -> torch.Tensor:
    if not isinstance(wet, torch.Tensor):
        return torch.ones(count, dtype=torch.bool)
    known = ~wet.detach().isnan()
    return known if wet.requires_grad else known & (wet != 0.0)


def _blend(effect: Effect, audio: torch.Tensor, wet: Any, values: Mapping[str, Any]) -> torch.Tensor:
    column = read_settings(audio, (wet_parameter(0.0),), {WET: wet})[WET]
    processed = effect(audio, values)
    return torch.lerp(audio.expand_as(processed), processed, column.to(processed).reshape(-1, 1, 1))


def _pick(value: Any, rows: torch.Tensor) -> Any:
    many = isinstance(value, torch.Tensor) and value.dim() and len(value) > 1
    return value[rows.to(value.device)] if many else value
