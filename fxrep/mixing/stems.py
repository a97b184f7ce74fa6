"""Wet stems: what the master strip is given, as files that appear together and add up to the mix before it."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile
import torch

from fxrep.audio import save_blocks
from fxrep.audio.block_writing import open_float_file
from fxrep.audio.writing import writing_error
from fxrep.effects.console import ConsoleSettings
from fxrep.effects.console.blocks import BLOCK, send_levels
from fxrep.effects.console.places import name_place
from fxrep.effects.console.song import check_tail
from fxrep.errors import ArgumentError, FxrepError, OccupiedError
from fxrep.files import output_error
from fxrep.mixing.rendering import SplitPlayer, StripPlayer, arrange, play
from fxrep.mixing.track_names import list_file_stems
from fxrep.mixing.tracks import TrackSet
from fxrep.progress import track_progress
from fxrep.scratch_folder import scratch_folder

if TYPE_CHECKING:
    from fxrep.mixing.session import MixSession

GROUPED = "before_groups"
"""Where tracks that go to a group lie: they are in its stem already."""


def iter_stem(session: MixSession, name: str, tail: int, pool: ThreadPoolExecutor) -> Iterator[torch.Tensor]:
    """Yield one track behind its strip in blocks (2, samples), as long as the mix.

    Args:
        session: the mix.
        name: of the track.
        tail: samples behind the end of the longest track.
        pool: to read on.
    """
    rate = session.sample_rate
    player = arrange(session.settings, session.sections, rate, lambda one: StripPlayer(one, rate, name))
    behind = session.tracks.samples - session.tracks.recordings[name].length(rate) + tail
    return play(player, [session.reader(name, BLOCK)], BLOCK, behind, pool)


@dataclass(frozen=True)
class StemFiles:
    """Where the stems of a session go.

    Attributes:
        parts: of what the master strip is given, by (kind, name): tracks that are in no group, groups, buses.
        grouped: of each track that goes to a group, behind its own strip.
        unused: of groups and buses that nothing goes to: files that are there belong to an earlier state of the mix.
    """

    parts: dict[tuple[str, str], Path]
    grouped: dict[str, Path]
    unused: list[Path]


def stem_files(session: MixSession, folder: Path) -> StemFiles:
    """Return the files that the stems get."""
    stages = [session.settings, *(section.settings for section in session.sections)]
    console, tracks = session.settings.console, session.tracks.names
    shared = [("group", name) for name in console.groups] + [("bus", name) for name in console.buses]
    every = [("track", name) for name in tracks] + shared
    names = list_file_stems([*tracks, *(f"{kind}_{name}" for kind, name in shared)])
    files = {place: f"{name}.wav" for place, name in zip(every, names, strict=True)}
    used = {place for settings in stages for place in _inputs(settings)}
    grouped = [name for name in tracks if any(name in settings.group_of for settings in stages)]
    return StemFiles(
        {place: folder / file for place, file in files.items() if place in used},
        {name: folder / GROUPED / files["track", name] for name in grouped},
        [folder / files[place] for place in shared if place not in used],
    )


def _inputs(settings: ConsoleSettings) -> Iterator[tuple[str, str]]:
    """What is summed and goes to the master."""
    yield from (("track", name) for name in settings.tracks if name not in settings.group_of)
    yield from (("group", name) for name in set(settings.group_of.values()))
    buses = {bus for name in settings.tracks for bus, gain in send_levels(settings, name).items() if gain}
    yield from (("bus", name) for name in buses)


def write_stems(session: MixSession, folder: Path, subtype: str | None, tail_s: float) -> dict[str, Path]:
    """See `MixSession.stems_to`."""
    files = stem_files(session, folder)
    written = [*files.parts.values(), *files.grouped.values()]
    refuse_tracks(written, session.tracks)
    tail = check_tail(tail_s, session.sample_rate)
    if folder.exists() and not folder.is_dir():
        raise OccupiedError(f"{folder} is a file: give the name of a folder for the stems")
    try:
        with scratch_folder(folder) as staging:
            moved = {path: staging / path.relative_to(folder) for path in written}
            try:
                write_parts(
                    session, {key: moved[path] for key, path in files.parts.items()}, files.parts, subtype, tail
                )
                for name, path in files.grouped.items():
                    _write_grouped(session, name, moved[path], subtype, tail)
            except FxrepError as error:
                raise type(error)(str(error).replace(str(staging), str(folder))) from error
            for path in written:
                path.parent.mkdir(parents=True, exist_ok=True)
                moved[path].replace(path)
        sources = [path.resolve() for path in session.tracks.paths.values() if path is not None]
        for path in files.unused:
            if path.resolve() not in sources:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    return {name_place(session.settings, *place): path for place, path in files.parts.items()}


def write_parts(
    session: MixSession,
    files: Mapping[tuple[str, str], Path],
    wanted: Container[tuple[str, str]],
    subtype: str | None = None,
    tail: int = 0,
) -> None:
    """Write what the master strip is given, all files at once, in constant memory.

    Args:
        session: the mix.
        files: for all tracks, groups and buses that the session uses (`stem_files`), by (kind, name).
        wanted: which of them are written.
        subtype: sample format. None: 32-bit float.
        tail: samples behind the end of the longest track.
    """
    rate, places = session.sample_rate, list(files)
    expected = -(-(session.tracks.samples + tail) // BLOCK)
    threads = min(len(session.tracks), os.cpu_count() or 1)
    try:
        with ThreadPoolExecutor(threads, thread_name_prefix="stems") as pool, ExitStack() as opened:
            writers = {
                number: opened.enter_context(open_float_file(files[place], rate, subtype))
                for number, place in enumerate(places)
                if place in wanted
            }
            player = arrange(session.settings, session.sections, rate, lambda one: SplitPlayer(one, rate, pool, places))
            readers = [session.reader(name, BLOCK) for name in session.settings.tracks]
            for block in track_progress(play(player, readers, BLOCK, tail, pool), "stems", expected):
                parts = block.split(2)
                for number, writer in writers.items():
                    writer.add(parts[number])
    except soundfile.SoundFileError as error:
        raise writing_error(next(iter(files.values())).parent, error) from error


def _write_grouped(session: MixSession, name: str, path: Path, subtype: str | None, tail: int) -> None:
    with ThreadPoolExecutor(1) as pool:
        save_blocks(path, iter_stem(session, name, tail, pool), session.sample_rate, subtype=subtype)


def refuse_tracks(outputs: Sequence[Path], tracks: TrackSet) -> None:
    """Refuse to write over a recording that the mix is made of.

    Raises:
        ArgumentError: naming the file and the track.
    """
    sources = {path.resolve(): name for name, path in tracks.paths.items() if path is not None}
    for output in outputs:
        if (name := sources.get(output.resolve())) is not None:
            raise ArgumentError(f"{output} is track {name}: it would be replaced; name another place")
