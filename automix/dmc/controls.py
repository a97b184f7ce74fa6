"""Which settings of a console a network sets, and how far each may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import torch
from torch import Tensor

from automix.dmc.setting_paths import SettingPath, neutral_settings, setting_paths
from fxrep.effects.console import ConsoleTensors, MixingConsole
from fxrep.errors import ArgumentError

NEAREST_EDGE = 0.01
"""No setting starts nearer to an end of its range: a sigmoid does not come back from there."""

LEVEL = "fader.gain_db"
"""The setting of the tracks that is taken among all of them."""

Place = Literal["tracks", "shared"]


@dataclass(frozen=True)
class Control:
    """One setting that a network sets.

    Attributes:
        name: as `setting_paths` has it.
        path: where it stands.
        low: the least it may be, as a position on the console.
        high: the most.
        start: where an untrained network puts it, from 0 to 1 between the two.
    """

    name: str
    path: SettingPath
    low: float
    high: float
    start: float

    def physical(self, position: Tensor) -> Tensor:
        """Map what a network puts out, 0 to 1, to the unit of the setting, float64 where the device has it."""
        real = torch.float32 if position.device.type == "mps" else torch.float64
        value: Tensor = self.path.parameter.denormalize(self.low + position.to(real) * (self.high - self.low))
        return value.clamp(self.path.parameter.minimum, self.path.parameter.maximum)


class Controls:
    """Turns what a network puts out, between 0 and 1, into settings of a console; what is not set stays neutral.

    Names are those of `MixingConsole.setting_names`: ``fader.gain_db`` or ``sends.reverb`` of the tracks,
    ``bus:reverb.fader.gain_db``, and ``master.`` before those of the master.

    Args:
        console: that is set.
        sets: patterns of names that are set, with ``*`` for anything; None: all.
        ranges: from and to, in physical units, by pattern, for settings that go less far than the console; where
            several patterns fit, the last counts.
        relative_levels: faders of the tracks count among each other: they are moved so that tracks of equal power keep
            the power of their sum. What the master's compressor hears then does not depend on how loud a network
            likes its mixes.

    Attributes:
        tracks: the controls of each track, K of them.
        shared: those of groups, buses and master, S of them.

    Raises:
        ArgumentError: a pattern that fits nothing, or a range that is none or wider than that of the console.
    """

    def __init__(
        self,
        console: MixingConsole,
        sets: Sequence[str] | None = None,
        ranges: Mapping[str, Sequence[float]] | None = None,
        relative_levels: bool = True,
    ) -> None:
        self.relative_levels = relative_levels
        self.paths = setting_paths(console)
        chosen = _matching(self.paths, ["*"] if sets is None else sets, "sets")
        limits = _limits(self.paths, ranges or {})
        made = [_control(name, self.paths[name], limits.get(name)) for name in chosen]
        self.tracks = [one for one in made if one.path.of_tracks]
        self.shared = [one for one in made if not one.path.of_tracks]
        if not self.tracks:
            raise ArgumentError(
                f"sets={list(sets or [])}: name at least one setting of the tracks, for example {LEVEL}"
            )

    def starts(self, place: Place) -> Tensor:
        """Where an untrained network puts the settings of a track, (K,), or the shared ones, (S,)."""
        return torch.tensor([one.start for one in (self.tracks if place == "tracks" else self.shared)])

    def settings(self, tracks: Tensor, shared: Tensor, mask: Tensor) -> ConsoleTensors:
        """Return settings in physical units; differentiable. Tracks that there are not are exactly neutral.

        Args:
            tracks: (B, N, K), between 0 and 1.
            shared: (B, S), between 0 and 1.
            mask: (B, N) booleans, which tracks there are.
        """
        found = self.neutral(mask.shape[0], mask.shape[1], mask.device)
        for control, position in zip(self.tracks, tracks.unbind(-1), strict=True):
            value = control.physical(position)
            if self.relative_levels and control.name == LEVEL:
                value = among_each_other(value, mask)
                value = value.clamp(control.path.parameter.minimum, control.path.parameter.maximum)
            control.path.put(found, torch.where(mask, value, control.path.default))
        for control, position in zip(self.shared, shared.unbind(-1), strict=True):
            control.path.put(found, control.physical(position))
        return found

    def neutral(self, batch: int, count: int, device: torch.device | str = "cpu") -> ConsoleTensors:
        """Return settings of `batch` mixes of `count` tracks with everything exactly at its default."""
        return neutral_settings(self.paths, batch, count, device)


def among_each_other(level_db: Tensor, mask: Tensor) -> Tensor:
    """Move levels (B, N) in dB, each mix's by one amount, so that their mean power over the tracks there are is 1."""
    power = torch.where(mask, torch.pow(10.0, level_db / 10.0), 0.0).sum(1, keepdim=True)
    mean = power / mask.sum(1, keepdim=True).clamp(min=1)
    return level_db - 10.0 * torch.log10(mean.clamp(min=1e-20))


def _matching(names: Mapping[str, SettingPath], patterns: Sequence[str], argument: str) -> list[str]:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ArgumentError(
                f"{argument}: this console has no setting {pattern!r}; choose from {', '.join(names)}, with * for any"
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _limits(paths: Mapping[str, SettingPath], ranges: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    limits: dict[str, tuple[float, float]] = {}
    for pattern, given in ranges.items():
        for name in _matching(paths, [pattern], "ranges"):
            parameter, ends = paths[name].parameter, [float(end) for end in given]
            if len(ends) != 2 or not parameter.minimum <= ends[0] < ends[1] <= parameter.maximum:
                raise ArgumentError(
                    f"ranges: {name} from {list(given)}: expected two numbers, ascending, within "
                    f"{parameter.minimum:g} to {parameter.maximum:g} {parameter.unit}".rstrip()
                )
            limits[name] = (ends[0], ends[1])
    return limits


def _control(name: str, path: SettingPath, limits: tuple[float, float] | None) -> Control:
    low, high = (0.0, 1.0) if limits is None else (float(path.parameter.normalize(end)) for end in limits)
    start = min(max((path.start - low) / (high - low), NEAREST_EDGE), 1.0 - NEAREST_EDGE)
    return Control(name, path, low, high, start)
