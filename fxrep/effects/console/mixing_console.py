"""The mixing console: what it is made of, what can be set on it, and how that becomes numbers in [0, 1]."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from fxrep.audio import AudioInput
from fxrep.effects.console import song, tensors
from fxrep.effects.console.blocks import BLOCK, ConsoleStream
from fxrep.effects.console.rendering import RenderedMix, render_mix
from fxrep.effects.console.sends import SEND
from fxrep.effects.console.settings import ConsoleSettings
from fxrep.effects.console.strip import Strip, StripEffect
from fxrep.effects.console.tensors import ConsoleTensors
from fxrep.errors import ArgumentError

StripList = Sequence[StripEffect | str]


class MixingConsole(nn.Module):
    """Tracks through strips, perhaps through groups, with sends to shared buses, to a master strip.

    Every track has the same strip with settings of its own; a stereo track has one set for both channels, and its
    panner is a balance. A track goes to the master or to one group. A send takes a share of the track behind its
    strip to a bus; the bus goes to the master. A processor in a bus strip is given ``fixed={"mix": 1.0}``, since the
    dry sound is on the tracks already.

    Args:
        track: the effects of the track strip, as names or `StripEffect`.
        groups: the strip of each group, by name.
        buses: the strip of each send bus, by name.
        master: the effects of the master strip.
        name: of the console, kept with saved settings.

    Raises:
        ArgumentError: an effect is unknown or listed twice in a strip, or a name is taken twice.
    """

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

    def strip(self, kind: str, name: str) -> Strip:
        """Return the strip of a ``track``, a ``group``, a ``bus`` or the ``master``."""
        return {"track": {name: self.track}, "group": self.groups, "bus": self.buses, "master": {name: self.master}}[
            kind
        ][name]

    def default_settings(self, tracks: Sequence[str], group_of: Mapping[str, str] | None = None) -> ConsoleSettings:
        """Return neutral settings: all tracks at 0 dB in the middle, nothing sent, every effect the identity.

        Args:
            tracks: their names, in order.
            group_of: the group of a track; those not named go straight to the master.

        Raises:
            ArgumentError: a name is used twice, or a group or track is unknown.
        """
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
            _check_positions(name, given, shape, labels)
        members = dict(members or {})
        self._check_members(members, tuple(tracks.shape[:2]))
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
            several = [settings] if isinstance(settings, ConsoleSettings) else list(settings)
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

    def render(
        self,
        tracks: torch.Tensor,
        settings: ConsoleTensors | ConsoleSettings | Sequence[ConsoleSettings],
        sample_rate: int,
        track_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Mix a batch.

        Args:
            tracks: (B, N, C, T), one or two channels, at rest before and after; never written to.
            settings: of a batch; of one mix, used for all; or a list of B of them.
            sample_rate: Hz.
            track_mask: (B, N) booleans: which tracks there are. What the others hold has no influence.

        Returns:
            (B, 2, T). Differentiable in the tracks and the settings.

        Raises:
            ArgumentError: settings or mask do not fit, or a setting is out of range.
            AudioError: the tracks are unusable.
        """
        return self.render_parts(tracks, settings, sample_rate, track_mask, keep=False).mix

    def render_parts(
        self,
        tracks: torch.Tensor,
        settings: ConsoleTensors | ConsoleSettings | Sequence[ConsoleSettings],
        sample_rate: int,
        track_mask: torch.Tensor | None = None,
        keep: bool = True,
    ) -> RenderedMix:
        """Mix a batch as `render` does, and return what goes into the mix as well.

        Args:
            tracks: as for `render`.
            settings: as for `render`.
            sample_rate: Hz.
            track_mask: as for `render`.
            keep: False leaves the tracks out, which are the most of it.
        """
        if not isinstance(settings, ConsoleTensors):
            several = [settings] if isinstance(settings, ConsoleSettings) else list(settings)
            if tracks.dim() != 4 or len(several) not in (1, len(tracks)):
                raise ArgumentError(f"settings are for {len(several)} mixes; tracks have shape {tuple(tracks.shape)}")
            stacked = self.stack(several, tracks.shape[1])
            settings = stacked if len(several) == len(tracks) else tensors.repeat_settings(stacked, len(tracks))
        if tracks.dim() == 4:
            self._check_members(settings.members, tuple(tracks.shape[:2]))
        return render_mix(self, tracks, settings, sample_rate, track_mask, keep)

    def stream(self, sample_rate: int, settings: ConsoleSettings) -> ConsoleStream:
        """Return the console with its memory, for tracks that arrive in blocks.

        Raises:
            ArgumentError: the settings do not fit, or an effect cannot be rendered in blocks.
        """
        self.stack([settings], len(settings.tracks))
        return ConsoleStream(self, sample_rate, settings)

    def iter_song(
        self,
        tracks: Mapping[str, AudioInput],
        settings: ConsoleSettings,
        *,
        sample_rate: int | None = None,
        tail_s: float = 0.0,
        block: int = BLOCK,
        threads: int | None = None,
    ) -> Iterator[torch.Tensor]:
        """Mix a whole song in constant memory and yield it in blocks, which equal `render` to -90 dB.

        Args:
            tracks: a path or an array by name, one for each track of the settings, of any lengths; the mix is as long
                as the longest. Files are read block by block.
            settings: of the mix.
            sample_rate: Hz of the arrays and of the mix; files of another rate are resampled on the way. None: that
                of the files, which must agree.
            tail_s: seconds of silence to append, so that reverberation can end.
            block: samples that are worked on at once.
            threads: tracks that are worked on at once; None: as many as there are processors, at most one a track.

        Yields:
            (2, samples) float32.

        Raises:
            ArgumentError: tracks and settings do not fit together, or rates differ.
            AudioError: a track cannot be read.
        """
        rate = song.choose_rate(tracks, sample_rate)
        readers = song.open_tracks(tracks, settings, rate, block)
        stream = self.stream(rate, settings)
        return song.mix_song(stream, readers, song.check_tail(tail_s, rate), block, threads)

    def render_song(
        self,
        tracks: Mapping[str, AudioInput],
        settings: ConsoleSettings,
        output: str | os.PathLike[str],
        *,
        sample_rate: int | None = None,
        tail_s: float = 0.0,
        block: int = BLOCK,
        threads: int | None = None,
        subtype: str | None = None,
    ) -> Path:
        """Mix a whole song into a file, in constant memory, with progress on standard error.

        Args:
            tracks: see `iter_song`, as for `settings`, `sample_rate`, `tail_s`, `block` and `threads`.
            settings: of the mix.
            output: the file to write, which appears complete or not at all; its suffix chooses the format.
            sample_rate: Hz.
            tail_s: seconds.
            block: samples.
            threads: tracks at once.
            subtype: sample format, for example ``"PCM_24"``. None: 32-bit float in WAV, which keeps every value.

        Returns:
            The path of the file.

        Raises:
            ArgumentError: as for `iter_song`; or the format is unknown.
            AudioError: as for `iter_song`; or the mix would be clipped by an integer format.
            OutputError: the file cannot be written.
        """
        rate = song.choose_rate(tracks, sample_rate)
        options = {"sample_rate": rate, "tail_s": tail_s, "block": block, "threads": threads}
        blocks = self.iter_song(tracks, settings, **options)  # type: ignore[arg-type]
        return song.write_song(output, blocks, rate, subtype, song.expected_blocks(tracks, rate, tail_s, block))

    def _check_members(self, members: Mapping[str, torch.Tensor], shape: tuple[int, ...]) -> None:
        for group, member in members.items():
            if group not in self.groups:
                raise ArgumentError(f"there is no group {group!r}; choose from {', '.join(self.groups) or 'none'}")
            if tuple(member.shape) != shape or member.dtype != torch.bool:
                raise ArgumentError(
                    f"members of {group} are {tuple(member.shape)} {member.dtype}; expected {shape} bool"
                )
        if len(members) > 1 and bool((torch.stack(list(members.values())).sum(0) > 1).any()):
            raise ArgumentError("a track is a member of two groups; expected one at most")


def _check_positions(name: str, positions: torch.Tensor, shape: tuple[int, ...], labels: Sequence[str]) -> None:
    if not positions.is_floating_point() or tuple(positions.shape) != shape:
        given = f"{tuple(positions.shape)} {positions.dtype}"
        raise ArgumentError(f"positions of {name} are {given}; this console expects {shape} floating point")
    if not positions.numel():
        return
    lowest, highest = (float(edge) for edge in torch.aminmax(positions.detach()))
    if not (lowest >= 0.0 and highest <= 1.0):
        wrong = ~((positions >= 0.0) & (positions <= 1.0)).flatten(0, -2).all(0)
        index = int(wrong.nonzero()[0])
        raise ArgumentError(
            f"positions of {name}: {labels[index]} lies between {lowest:g} and {highest:g}; expected 0 to 1"
        )
