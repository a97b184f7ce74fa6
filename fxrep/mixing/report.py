"""What a mix is like beside its references and beside the same tracks unmixed: numbers for people and for machines."""

from __future__ import annotations

import dataclasses
import math
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fxrep.effects.console import ConsoleSettings
from fxrep.effects.console.sends import SEND
from fxrep.effects.console.strip import Strip, StripValues
from fxrep.errors import AudioError
from fxrep.mixing.recordings import Recordings, WindowEncoder
from fxrep.mixing.report_measures import WINDOW_S, WINDOWS, Style, compare_styles, measure_levels, measure_style
from fxrep.mixing.report_strips import StripReading, read_strip
from fxrep.mixing.session import MixSession
from fxrep.mixing.setting_groups import processor_group
from fxrep.mixing.stems import stem_files, write_parts
from fxrep.mixing.track_source import open_recording
from fxrep.progress import track_progress


@dataclass(frozen=True)
class MixReport:
    """A mix that was measured.

    Attributes:
        values: all of it in plain numbers, for JSON: see `measure_mix`.
        strips: what was measured behind the strip of each track, for the drawings.
        groups: what was measured behind the strip of each group that has a dynamics processor in use.
        master: what was measured behind the master; None where it has no dynamics processor in use.
    """

    values: dict[str, Any]
    strips: dict[str, StripReading]
    groups: dict[str, StripReading]
    master: StripReading | None


def measure_mix(
    session: MixSession,
    mix: Path,
    before: Path,
    references: Recordings | None,
    encoder: WindowEncoder | None,
    details: Mapping[str, Any],
    unmixed: MixSession | None = None,
) -> MixReport:
    """Measure a mix that was rendered. The folder of its file must take another file for a while.

    Args:
        session: that it was rendered from.
        mix: its file.
        before: a file with the same tracks at equal loudness, on a neutral console.
        references: what the mix should be like; None: there is nothing.
        encoder: what embeds the mixes and the references; None: no embedding distances.
        details: what else there is to say about how the mix came about, in plain values.
        unmixed: that `before` was rendered from; None: the same tracks at the same levels before the console. A track
            that it does not have has no level before.

    Returns:
        ``loudness`` (``lufs`` and ``peak_dbfs`` before and after, ``lufs`` of each of the references),
        ``embedding_distance`` before and after, ``features`` with ``before``, ``after`` and ``reference`` by name,
        ``features_nearer`` of those that changed, and ``tracks``; besides, the details. What cannot be measured is
        None.
    """
    start_s = session.tracks.windows(WINDOW_S, WINDOWS)
    styles = [_style(path, encoder, start_s) for path in (before, mix)]
    wanted = None if references is None else measure_style(references, encoder)
    strips = read_strips(session)
    heard = dict(zip(references.names, references.loudness_lufs, strict=True)) if references is not None else {}
    values = {
        **details,
        "sample_rate": session.sample_rate,
        "duration_s": session.tracks.duration_s,
        "loudness": {"before": measure_levels(before), "after": measure_levels(mix), "references": heard},
        **compare_styles(styles[0], styles[1], wanted),
        "tracks": {name: _track_values(session, unmixed or session, name, reading) for name, reading in strips.items()},
    }
    return MixReport(values, strips, read_groups(session, mix.parent), read_master(session, mix.parent))


def read_strips(session: MixSession) -> dict[str, StripReading]:
    """Measure every track behind its strip, on as many threads as torch may use."""
    console, settings = session.settings.console, _stages(session)

    def read(name: str) -> StripReading:
        values = [(start, one.tracks[name]) for start, one in settings]
        recording, gain_db = session.tracks.recordings[name], session.input_gain_db[name]
        return read_strip(recording, console.track, values, session.sample_rate, gain_db)

    names = session.tracks.names
    with ThreadPoolExecutor(min(len(names), torch.get_num_threads())) as pool:
        readings = track_progress(pool.map(read, names), "report", len(names))
        return dict(zip(names, readings, strict=True))


def read_master(session: MixSession, folder: Path) -> StripReading | None:
    """Measure the master strip, on the mix as it comes there, if it has a dynamics processor in use.

    Args:
        session: the mix.
        folder: where that mix is kept meanwhile.
    """
    strip, rate = session.settings.console.master, session.sample_rate
    stages = [(start, one.master) for start, one in _stages(session)]
    if not _reduces(strip, [values for _, values in stages], rate):
        return None
    bare = _changed(session, _without_master)
    path = folder / f"{uuid.uuid4().hex}.wav"
    try:
        bare.render_to(path)
        return read_strip(open_recording("master", path, rate), strip, stages, rate)
    finally:
        path.unlink(missing_ok=True)


def read_groups(session: MixSession, folder: Path) -> dict[str, StripReading]:
    """Measure the strip of every group that has a dynamics processor in use, on the tracks as they come there.

    Args:
        session: the mix.
        folder: where the sums of the tracks are kept meanwhile.
    """
    rate, strips = session.sample_rate, session.settings.console.groups
    stages = {name: [(start, one.groups[name]) for start, one in _stages(session)] for name in strips}
    bare = _changed(session, _without_groups)
    files = stem_files(bare, folder / uuid.uuid4().hex).parts
    wanted = [
        ("group", name)
        for name, strip in strips.items()
        if ("group", name) in files and _reduces(strip, [values for _, values in stages[name]], rate)
    ]
    if not wanted:
        return {}
    place = files[wanted[0]].parent
    try:
        place.mkdir()
        write_parts(bare, files, wanted)
        return {
            name: read_strip(open_recording(name, files[kind, name], rate), strips[name], stages[name], rate)
            for kind, name in wanted
        }
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _stages(session: MixSession) -> list[tuple[float, ConsoleSettings]]:
    return [(0.0, session.settings), *((one.start_s, one.settings) for one in session.sections)]


def _reduces(strip: Strip, several: Sequence[StripValues], sample_rate: int) -> bool:
    """Whether a dynamics processor of a strip is in use."""
    in_use = {label for values in several for label in strip.streams(sample_rate, values)}
    return any(processor_group(strip.processors[label]) == "dynamics" for label in in_use)


def _changed(session: MixSession, change: Callable[[ConsoleSettings], ConsoleSettings]) -> MixSession:
    sections = [dataclasses.replace(one, settings=change(one.settings)) for one in session.sections]
    return dataclasses.replace(session, settings=change(session.settings), sections=sections)


def _without_groups(settings: ConsoleSettings) -> ConsoleSettings:
    """Groups that do nothing, so that what comes out of them is what goes in; and no buses, which nobody asks for."""
    copy = settings.copy()
    copy.groups = {name: strip.defaults() for name, strip in settings.console.groups.items()}
    copy.sends = {name: dict.fromkeys(levels, SEND.minimum) for name, levels in settings.sends.items()}
    return copy


def _without_master(settings: ConsoleSettings) -> ConsoleSettings:
    copy = settings.copy()
    copy.master = settings.console.master.defaults()
    return copy


def _style(path: Path, encoder: WindowEncoder | None, start_s: list[float]) -> Style | None:
    try:
        return measure_style(Recordings([path]), encoder, start_s)
    except AudioError:  # The mix is silent, or shorter than can be measured.
        return None


def _track_values(session: MixSession, unmixed: MixSession, name: str, reading: StripReading) -> dict[str, Any]:
    known = {}
    if name in unmixed.tracks.names:  # A rendered stem may be of several tracks.
        recorded = unmixed.tracks.loudness_lufs[name]
        known["recorded_lufs"] = _finite(recorded)
        known["before_lufs"] = _finite(recorded + unmixed.input_gain_db[name])
    return {
        **known,
        "after_lufs": _finite(reading.loudness_lufs),
        "position": _finite(reading.position),
        "width": _finite(reading.width),
        "gain_reduction_db": {
            label: {"mean": float(np.nanmean(values)), "most": float(np.nanmin(values))}
            for label, values in reading.reduction_db.items()
            if np.isfinite(values).any()
        },
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
