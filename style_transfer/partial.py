"""A part of a mix: some groups of settings, some of the way, or something between several mixes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fxrep.effects.console import ConsoleSettings
from fxrep.effects.console.sends import SEND
from fxrep.effects.console.strip import Strip
from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.mixing.setting_groups import check_groups, processor_group
from fxrep.mixing.weights import check_weights

StripSettings = Mapping[str, Mapping[str, float | None]]


def neutral_like(settings: ConsoleSettings) -> ConsoleSettings:
    """Return neutral settings for the same tracks in the same groups."""
    return settings.console.default_settings(list(settings.tracks), settings.group_of)


def keep_groups(settings: ConsoleSettings, only: str | Sequence[str] | None) -> ConsoleSettings:
    """Return settings of which only some groups are kept; the others are neutral. Which track goes where stays.

    Args:
        settings: of a mix; they stay as they are.
        only: names of `fxrep.mixing.setting_groups.SETTING_GROUPS`, a list or one text with commas; None: all.

    Raises:
        ArgumentError: a name is unknown, or there is none.
    """
    if only is None:
        return settings.copy()
    groups = check_groups(only)
    kept, console = neutral_like(settings), settings.console
    for name, strip in settings.tracks.items():
        kept.tracks[name] = _keep_strip(console.track, kept.tracks[name], strip, groups)
    for name, strip in settings.groups.items():
        kept.groups[name] = _keep_strip(console.groups[name], kept.groups[name], strip, groups)
    copy = settings.copy()
    if "sends" in groups:
        kept.sends, kept.buses = copy.sends, copy.buses
    if "master" in groups:
        kept.master = copy.master
    return kept


def _keep_strip(strip: Strip, neutral: StripSettings, given: StripSettings, groups: Sequence[str]) -> Any:
    return {
        label: dict(given.get(label, values) if processor_group(strip.processors[label]) in groups else values)
        for label, values in neutral.items()
    }


def check_strength(strength: float) -> float:
    """Return the strength if it lies between 0 and 1.

    Raises:
        ArgumentError: it does not.
    """
    if not is_number(strength) or not 0.0 <= strength <= 1.0:
        raise ArgumentError(f"strength is {strength!r}; expected a number from 0 (neutral) to 1 (the whole transfer)")
    return float(strength)


def scale_strength(settings: ConsoleSettings, strength: float) -> ConsoleSettings:
    """Return settings that are some of the way from neutral to what they were, see `blend_settings`.

    Args:
        settings: of a mix; they stay as they are.
        strength: 0 neutral, 1 what they were.

    Raises:
        ArgumentError: the strength is out of range.
    """
    share = check_strength(strength)
    return blend_settings([neutral_like(settings), settings], [1.0 - share, share])


def blend_settings(several: Sequence[ConsoleSettings], weights: Sequence[float] | None = None) -> ConsoleSettings:
    """Return the weighted mean of the settings of several mixes of the same tracks.

    The mean is taken over positions in [0, 1]: dB are averaged as dB, frequencies, times and ratios as logarithms.
    Sends, which are off at minus infinity, are averaged as factors. What is off in some and on in others (a high-pass,
    a limiter) is on where the weights of those that use it reach one half, at their mean. Tracks go to the groups that
    they go to in the first.

    Args:
        several: one or more, of one console and the same tracks; they stay as they are.
        weights: one each, 0 or more, not all 0; None: equal ones.

    Raises:
        ArgumentError: there is none, they do not belong together, or the weights are none.
    """
    shares = check_weights(len(several), weights)
    first = several[0]
    for other in several[1:]:
        if other.console.name != first.console.name or list(other.tracks) != list(first.tracks):
            raise ArgumentError("only settings of the same tracks on the same console can be blended")
    blended, console = first.copy(), first.console
    for name in first.tracks:
        blended.tracks[name] = _blend_strips(console.track, [one.tracks[name] for one in several], shares)
        blended.sends[name] = {
            bus: _blend_sends([one.sends[name][bus] for one in several], shares) for bus in first.sends[name]
        }
    for name, strip in console.groups.items():
        blended.groups[name] = _blend_strips(strip, [one.groups[name] for one in several], shares)
    for name, strip in console.buses.items():
        blended.buses[name] = _blend_strips(strip, [one.buses[name] for one in several], shares)
    blended.master = _blend_strips(console.master, [one.master for one in several], shares)
    return blended


def _blend_strips(strip: Strip, several: Sequence[StripSettings], shares: Sequence[float]) -> Any:
    return {
        label: {
            name: _blend_values(strip.parameter(label, name), [one[label][name] for one in several], shares)
            for name in table
        }
        for label, table in several[0].items()
    }


def _blend_values(parameter: Parameter, values: Sequence[float | None], shares: Sequence[float]) -> float | None:
    used = [(value, share) for value, share in zip(values, shares, strict=True) if value is not None and share > 0.0]
    weight = sum(share for _, share in used)
    if weight < 0.5:
        return None
    if len({value for value, _ in used}) == 1:
        return used[0][0]
    position = sum(parameter.normalize(value) * share for value, share in used) / weight
    return min(max(parameter.denormalize(position), parameter.minimum), parameter.maximum)


def _blend_sends(levels_db: Sequence[float], shares: Sequence[float]) -> float:
    used = [(level, share) for level, share in zip(levels_db, shares, strict=True) if share > 0.0]
    if len({level for level, _ in used}) == 1:
        return used[0][0]
    factor = sum(10.0 ** (level / 20.0) * share for level, share in used if level > SEND.minimum)
    return SEND.minimum if factor <= 0.0 else min(max(20.0 * math.log10(factor), SEND.minimum), SEND.maximum)
