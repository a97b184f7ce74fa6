"""What a console is made of, what can be set on it, and how that becomes numbers in [0, 1] and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from fxrep.effects.console import tensors
from fxrep.effects.console.joined import join_positions, joined_names, split_positions
from fxrep.effects.console.positions import check_members, check_names, check_positions
from fxrep.effects.console.sends import SEND
from fxrep.effects.console.settings import ConsoleSettings, list_settings
from fxrep.effects.console.strip import Strip, StripEffect
from fxrep.effects.console.tensors import ConsoleTensors
from fxrep.effects.processor import Processor
from fxrep.errors import ArgumentError

StripList = Sequence[StripEffect | Processor | str]


class ConsoleControls(nn.Module):
    """Strips and the names, units and ranges of all that can be set on them. `MixingConsole` renders what is set."""

    def __init__(
        self,
        track: StripList,
        groups: Mapping[str, StripList] | None = None,
        buses: Mapping[str, StripList] | None = None,
        master: StripList = (),
        name: str = "custom",
    ) -> None:
        super().__init__()
        self.name = name
        self.track, self.master = Strip(track), Strip(master)
        self.groups = {group: Strip(effects) for group, effects in (groups or {}).items()}
        self.buses = {bus: Strip(effects) for bus, effects in (buses or {}).items()}
        check_names(self.groups, self.buses)
        if "sends" in self.track.processors or "group" in self.track.processors:
            raise ArgumentError("sends and group mean something else on a track: give that effect another label")
        self.registered = nn.ModuleList([*self.groups.values(), *self.buses.values()])

    @property
    def track_size(self) -> int:
        """P: the numbers that a controller sets for one track: its strip, then the level of each send."""
        return self.track.size + len(self.buses)

    @property
    def bus_size(self) -> int:
        """Q: the numbers that a controller sets for the groups, then for the buses."""
        return sum(strip.size for strip in (*self.groups.values(), *self.buses.values()))

    @property
    def master_size(self) -> int:
        """M: the numbers that a controller sets for the master."""
        return self.master.size

    def settings_size(self, tracks: int) -> int:
        """Return how many numbers a controller sets for a mix of that many tracks."""
        return tracks * self.track_size + self.bus_size + self.master_size

    def setting_names(self) -> tuple[list[str], list[str], list[str]]:
        """Return what each of the P, Q and M numbers is."""
        shared = {**{f"group:{k}": v for k, v in self.groups.items()}, **{f"bus:{k}": v for k, v in self.buses.items()}}
        return (
            [*self.track.setting_names(), *(f"sends.{bus}" for bus in self.buses)],
            [f"{place}.{name}" for place, strip in shared.items() for name in strip.setting_names()],
            self.master.setting_names(),
        )

    def join(self, tracks: torch.Tensor, buses: torch.Tensor, master: torch.Tensor) -> torch.Tensor:
        """Put the three tensors of positions into one, for a controller that puts out a single row; differentiable.

        Args:
            tracks: (B, N, P).
            buses: (B, Q).
            master: (B, M).

        Returns:
            (B, N P + Q + M): track after track, then the groups, the buses, the master. `joined_names` tells what each
            column is, `split` takes it apart again.

        Raises:
            ArgumentError: a shape does not fit this console.
        """
        return join_positions(self, tracks, buses, master)

    def split(self, joined: torch.Tensor, tracks: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Take one row of positions apart: the reverse of `join`, without loss and without a copy; differentiable.

        Args:
            joined: (B, `settings_size(tracks)`).
            tracks: how many tracks it is for, N.

        Returns:
            tracks (B, N, P), buses (B, Q), master (B, M), for `denormalize`.

        Raises:
            ArgumentError: the shape does not fit this console and that many tracks.
        """
        return split_positions(self, joined, tracks)

    def joined_names(self, tracks: Sequence[str]) -> list[str]:
        """Return what each column of a joined tensor is, as ``place.label.setting``.

        Args:
            tracks: their names, in order.
        """
        return joined_names(self, tracks)

    def strip(self, kind: str, name: str) -> Strip:
        """Return the strip of a ``track``, a ``group``, a ``bus`` or the ``master``."""
        return {"track": {name: self.track}, "group": self.groups, "bus": self.buses, "master": {name: self.master}}[
            kind
        ][name]

    def default_settings(self, tracks: Sequence[str], group_of: Mapping[str, str] | None = None) -> ConsoleSettings:
        """Return settings with every fader and effect at its default, panners in the middle and nothing sent.

        On `default_console` this is neutral: the mix is the sum of the tracks. Another console is as neutral as its
        effects are: the panner of `dasp_console` takes 4.5 dB off in the middle, as theirs does, and a plug-in may have
        no neutral settings at all.

        Args:
            tracks: their names, in order.
            group_of: the group of a track; those not named go straight to the master.

        Raises:
            ArgumentError: a name is used twice, or a group or track is unknown.
        """
        if isinstance(tracks, str):
            raise ArgumentError(f"tracks is the text {tracks!r}; expected a list of names, here [{tracks!r}]")
        names = list(tracks)
        if len(set(names)) != len(names) or not all(isinstance(name, str) and name for name in names):
            raise ArgumentError(f"tracks are {names}; expected names, each of them once")
        settings = ConsoleSettings(
            self,
            {name: self.track.defaults() for name in names},
            {name: dict.fromkeys(self.buses, SEND.minimum) for name in names},
            {},
            {group: strip.defaults() for group, strip in self.groups.items()},
            {bus: strip.defaults() for bus, strip in self.buses.items()},
            self.master.defaults(),
        )
        for name, group in (group_of or {}).items():
            settings = settings.edit(f"track:{name}" if name in names else name, "group", group)
        return settings

    def denormalize(
        self,
        tracks: torch.Tensor,
        buses: torch.Tensor,
        master: torch.Tensor,
        members: Mapping[str, torch.Tensor] | None = None,
    ) -> ConsoleTensors:
        """Turn what a controller puts out into settings in physical units; differentiable.

        Args:
            tracks: (B, N, P) in [0, 1].
            buses: (B, Q) in [0, 1].
            master: (B, M) in [0, 1].
            members: (B, N) booleans by group: which tracks go to it. None: all go straight to the master.

        Raises:
            ArgumentError: a shape does not fit this console, or a position lies outside [0, 1].
        """
        shapes = {"tracks": (*tracks.shape[:2], self.track_size), "buses": (len(tracks), self.bus_size)}
        shapes["master"] = (len(tracks), self.master_size)
        for (name, shape), given, labels in zip(
            shapes.items(), (tracks, buses, master), self.setting_names(), strict=True
        ):
            check_positions(name, given, shape, labels)
        members = dict(members or {})
        check_members(self.groups, members, tuple(tracks.shape[:2]))
        return tensors.denormalize_console(self, tracks, buses, master, members)

    def normalize(
        self, settings: ConsoleTensors | ConsoleSettings | Sequence[ConsoleSettings]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Turn settings into positions: the reverse of `denormalize`, without loss.

        Args:
            settings: of a batch, of one mix (B = 1), or a list of B of them with the same number of tracks.

        Returns:
            tracks (B, N, P), buses (B, Q), master (B, M), float64. Which track goes to which group is not in them.

        Raises:
            ArgumentError: a setting is in use that the console has no position for.
        """
        if not isinstance(settings, ConsoleTensors):
            several = list_settings(settings)
            settings = self.stack(several, max((len(one.tracks) for one in several), default=0))
        columns = [column for table in settings.tracks.values() for column in table.values()]
        columns += list(settings.sends.values())
        if not columns:
            raise ArgumentError("settings without any track cannot be told from others: give at least one setting")
        batch, count = columns[0].shape
        return tensors.normalize_console(self, settings, batch, count)

    def stack(self, settings: Sequence[ConsoleSettings], tracks: int) -> ConsoleTensors:
        """Turn settings for people, one per mix, into tensors for that many tracks; missing tracks are neutral.

        Raises:
            ArgumentError: they belong to another console, do not fit it, or have more tracks.
        """
        for one in settings:
            if one.console is not self and one.console.name != self.name:
                raise ArgumentError(f"these settings belong to console {one.console.name!r}, not {self.name!r}")
            if len(one.tracks) > tracks:
                raise ArgumentError(f"settings name {len(one.tracks)} tracks; there are {tracks}")
            one.check()
        if not settings:
            raise ArgumentError("no settings were given: one per mix is needed")
        return tensors.stack_settings(self, settings, tracks)

    def unstack(self, settings: ConsoleTensors, names: Sequence[str], item: int = 0) -> ConsoleSettings:
        """Return one mix of a batch as settings for a person, its first tracks under these names."""
        return tensors.unstack_settings(self, settings, names, item)
