"""A mix as one thing: tracks, their levels, the settings of the console, and its sections."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch

from fxrep.audio import save_blocks
from fxrep.effects import MixingConsole
from fxrep.effects.console import ConsoleSettings
from fxrep.effects.console.blocks import BLOCK
from fxrep.effects.console.places import find_place
from fxrep.effects.console.song import check_tail
from fxrep.errors import ArgumentError, DataError
from fxrep.mixing import reaper, session_file, stems
from fxrep.mixing.rendering import LevelledReader, MixPlayer, arrange, play
from fxrep.mixing.sections import Section, check_sections
from fxrep.mixing.session_checks import check_gain, check_names
from fxrep.mixing.tracks import TrackSet
from fxrep.progress import track_progress

TRACK_LUFS = -24.0
"""What the project's own console is given its tracks at."""


@dataclass
class MixSession:
    """A mix that can be read, edited, kept and rendered again.

    Attributes:
        settings: of the console, for the tracks of the set; from the beginning to the first section.
        tracks: the audio.
        input_gain_db: by track, -120 to 40 dB, before the console; tracks that are not named are left as they are.
        sections: parts with settings of their own, in order.

    Raises:
        ArgumentError: names, gains or sections do not fit the tracks.
    """

    settings: ConsoleSettings
    tracks: TrackSet
    input_gain_db: dict[str, float] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.input_gain_db = {**dict.fromkeys(self.tracks.names, 0.0), **self.input_gain_db}
        self.check()

    @property
    def sample_rate(self) -> int:
        """Hz of the mix."""
        return self.tracks.sample_rate

    def check(self) -> None:
        """Refuse what was changed by hand into something that cannot be rendered.

        Raises:
            ArgumentError: the first fault.
        """
        check_sections(self.sections, self.tracks.duration_s)
        for where, settings in self._all_settings():
            if not isinstance(settings, ConsoleSettings) or not isinstance(settings.console, MixingConsole):
                raise ArgumentError(f"{where} are {type(settings).__name__}: expected ConsoleSettings of a console")
            check_names(where, list(settings.tracks), self.tracks.names)
            settings.check()
        check_names("input_gain_db", list(self.input_gain_db), self.tracks.names)
        for name, gain in self.input_gain_db.items():
            check_gain(name, gain)

    def _all_settings(self) -> Iterator[tuple[str, ConsoleSettings]]:
        yield "settings", self.settings
        for number, section in enumerate(self.sections, start=1):
            yield f"settings of section {number}", section.settings

    def edit(self, place: str, path: str, value: float | str | None, section: int | None = None) -> MixSession:
        """Return a copy in which one thing is changed; this session stays as it is.

        Args:
            place: a track, a group, a bus or ``master``, as for `ConsoleSettings.edit`.
            path: ``label.setting``, ``sends.BUS``, ``group``, or on a track ``input_gain_db``.
            value: in the unit of the setting.
            section: where: 0 is what comes before the first section, 1 the first section. None: everywhere.

        Raises:
            ArgumentError: no such place, setting or section, with what there is; or out of range, with the range.
        """
        if section is not None and (not isinstance(section, int) or not 0 <= section <= len(self.sections)):
            raise ArgumentError(f"section is {section!r}: expected 0 to {len(self.sections)}, or None for all")
        edited = self.copy()
        if path == "input_gain_db":
            kind, name = find_place(self.settings, place)
            if kind != "track":
                raise ArgumentError(f"{place}: only tracks have an input_gain_db; this is the {kind} strip")
            if section is not None:
                raise ArgumentError("input_gain_db is the same in all sections: leave section out")
            check_gain(name, value)
            edited.input_gain_db[name] = float(value)  # type: ignore[arg-type]
            return edited
        if section in (None, 0):
            edited.settings = edited.settings.edit(place, path, value)
        for number, one in enumerate(edited.sections, start=1):
            if section in (None, number):
                one.settings = one.settings.edit(place, path, value)
        return edited

    def copy(self) -> MixSession:
        """Return a session that shares nothing with this one but the tracks and the console."""
        sections = [dataclasses.replace(one, settings=one.settings.copy()) for one in self.sections]
        return MixSession(self.settings.copy(), self.tracks, dict(self.input_gain_db), sections)

    def iter_blocks(
        self, tail_s: float = 0.0, block: int = BLOCK, threads: int | None = None
    ) -> Iterator[torch.Tensor]:
        """Mix in constant memory and yield the mix in blocks.

        Args:
            tail_s: seconds of silence to append, so that reverberation can end.
            block: samples that are worked on at once.
            threads: tracks that are worked on at once; None: as many as there are processors, at most one a track.

        Yields:
            (2, samples) float32 at `sample_rate`. What there are sections for passes from one to the next in a
            cross-fade of two consoles that both have listened for long enough.

        Raises:
            ArgumentError: the session was changed into something that cannot be rendered.
            AudioError: a track cannot be read.
        """
        self.check()
        tail = check_tail(tail_s, self.sample_rate)
        for name, value in (("block", block), ("threads", threads if threads is not None else 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ArgumentError(f"{name} is {value!r}; expected 1 or more")
        workers = min(len(self.tracks), threads or os.cpu_count() or 1)

        def blocks() -> Iterator[torch.Tensor]:
            with ThreadPoolExecutor(workers, thread_name_prefix="mix") as pool:
                player = arrange(
                    self.settings, self.sections, self.sample_rate, lambda one: MixPlayer(one, self.sample_rate, pool)
                )
                # The console is given the tracks in the order of its settings.
                readers = [self.reader(name, block) for name in self.settings.tracks]
                yield from play(player, readers, block, tail, pool)

        return blocks()

    def reader(self, name: str, block: int) -> LevelledReader:
        """Return a track as the console is given it, in blocks."""
        return LevelledReader(
            self.tracks.recordings[name].reader(self.sample_rate, block), self.input_gain_db.get(name, 0.0)
        )

    def render(self, tail_s: float = 0.0) -> torch.Tensor:
        """Mix the whole song into memory.

        Args:
            tail_s: seconds of silence to append, so that reverberation can end.

        Returns:
            (2, T) float32 at `sample_rate`.
        """
        mix = torch.zeros(2, self.tracks.samples + check_tail(tail_s, self.sample_rate))
        position = 0
        for block in self.iter_blocks(tail_s):
            mix[:, position : position + block.shape[-1]] = block
            position += block.shape[-1]
        # A lossy file may hold a few samples less than it announces.
        return mix[:, :position]

    def render_to(self, path: str | os.PathLike[str], subtype: str | None = None, tail_s: float = 0.0) -> Path:
        """Mix the whole song into a file, in constant memory, with progress on standard error.

        Args:
            path: of the file, which appears complete or not at all; its suffix chooses the format.
            subtype: sample format, for example ``"PCM_24"``. None: 32-bit float in WAV, which keeps every value.
            tail_s: seconds of silence to append.

        Raises:
            ArgumentError: the format is unknown, or the file is one of the tracks.
            AudioError: a track cannot be read, or the mix would be clipped by an integer format.
            OutputError: the file cannot be written.
        """
        stems.refuse_tracks([Path(path)], self.tracks)
        expected = -(-(self.tracks.samples + check_tail(tail_s, self.sample_rate)) // BLOCK)
        blocks = track_progress(self.iter_blocks(tail_s), "mix", expected)
        save_blocks(path, blocks, self.sample_rate, subtype=subtype)
        return Path(path)

    def stems_to(
        self, folder: str | os.PathLike[str], subtype: str | None = None, tail_s: float = 0.0
    ) -> dict[str, Path]:
        """Write the wet stems, as long as the mix, as 32-bit float WAV: their sum is the mix before the master strip.

        There is one for each track behind its strip, for each bus that something is sent to (``bus_NAME.wav``) and for
        each group (``group_NAME.wav``). Tracks that go to a group are in its stem; behind their own strips they lie in
        the folder ``before_groups``.

        Args:
            folder: made if it is missing. All stems are written before the first is moved into it; other files in it
                stay as they are.
            subtype: sample format. None: 32-bit float.
            tail_s: seconds of silence to append.

        Returns:
            The files that add up, by place, as `edit` takes it.

        Raises:
            ArgumentError: a stem would replace a track.
            AudioError: a track cannot be read.
            OutputError: the folder cannot be written.
        """
        self.check()
        return stems.write_stems(self, Path(folder), subtype, tail_s)

    def export_reaper(self, folder: str | os.PathLike[str], tail_s: float = 0.0) -> Path:
        """Write a project that REAPER opens: the wet stems on tracks at unity, the mix muted beside them, as `mix.rpp`.

        Args:
            folder: gets the project, `stems/` and `mix.wav`; other files in it stay as they are.
            tail_s: seconds of silence to append.

        Returns:
            The file of the project.

        Raises:
            ArgumentError: a file would replace a track.
            AudioError: a track cannot be read.
            OutputError: the folder cannot be written.
        """
        return reaper.export_session(self, Path(folder), tail_s)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as JSON: the ``console.json`` that ``fxrep render`` reads.

        The paths of the tracks are relative to the folder of the file, where the drive is the same. Tracks that are
        arrays are written beside it, as 32-bit float WAV in a folder NAME_tracks.

        Raises:
            ArgumentError: the session does not hold together.
            OutputError: the file cannot be written.
        """
        self.check()
        session_file.save_session(self, Path(path))

    @staticmethod
    def load(
        path: str | os.PathLike[str],
        console: MixingConsole | None = None,
        tracks_folder: str | os.PathLike[str] | None = None,
    ) -> MixSession:
        """Read what `save` wrote, or a person edited.

        Args:
            path: of the file.
            console: the console of the settings; None: one of the project's own, by its name.
            tracks_folder: where tracks lie that are no longer where the file says, found by the names of their files.

        Raises:
            DataError: the file is missing, is not JSON, names something that the console does not have, or a track
                that is not there; or a value is out of range. The message names the file, the place and the range.
            AudioError: a track cannot be used.
        """
        parts = session_file.load_parts(Path(path), console, tracks_folder)
        try:
            return MixSession(**parts)
        except ArgumentError as error:
            raise DataError(f"{path}: {error}") from error


def neutral_session(tracks: TrackSet, console: MixingConsole, track_lufs: float = TRACK_LUFS) -> MixSession:
    """Return the session in which nothing is done but to bring all tracks to one loudness.

    Args:
        tracks: the audio; silent ones are kept as they are.
        console: the console.
        track_lufs: LUFS of every track before the console.

    Raises:
        ArgumentError: the loudness is no number.
        AudioError: a track cannot be read to its end.
    """
    return MixSession(console.default_settings(tracks.names), tracks, tracks.input_gain_db(track_lufs))
