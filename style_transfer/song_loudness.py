"""How loud a mix comes out: references are heard at one loudness, so that no method knows how loud theirs was."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from fxrep.audio import LoudnessStream, integrated_loudness
from fxrep.effects.console import MixingConsole
from fxrep.effects.console.settings import ConsoleSettings
from fxrep.effects.console.strip import Strip
from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.mixing.recordings import REFERENCE_LUFS
from fxrep.mixing.setting_groups import processor_group
from fxrep.mixing.tracks import TrackSet

LOUDNESS_LUFS = REFERENCE_LUFS
LOWEST_LUFS = -60.0
_THRESHOLD = "threshold_db"
# What these do to one level they do to every level, but for those that listen to what they are given.
_LINEAR, _ADAPTIVE = ("levels", "eq", "stereo"), ("fir_matching_eq",)
# What these do depends on nothing but the level above their thresholds.
_COMPRESSORS = ("compressor", "dasp_compressor", "multiband_compressor")


@dataclass(frozen=True)
class Stage:
    """A part of a song with settings of its own.

    Attributes:
        begin_s: where it begins.
        settings: of the console.
        start_s: windows of it in which its tracks sound.
        window_s: their length.
    """

    begin_s: float
    settings: ConsoleSettings
    start_s: Sequence[float]
    window_s: float


def check_loudness(loudness: float | None) -> float | None:
    """Return the loudness if a mix can have it.

    Raises:
        ArgumentError: it is no number from -60 to 0.
    """
    if loudness is None:
        return None
    if not is_number(loudness) or not LOWEST_LUFS <= loudness <= 0.0:
        raise ArgumentError(
            f"loudness is {loudness!r}: expected LUFS from {LOWEST_LUFS:g} to 0, or none to leave the mix as it comes"
        )
    return float(loudness)


@torch.no_grad()
def match_loudness(stages: Sequence[Stage], song: TrackSet, gains: Mapping[str, float], lufs: float) -> list[Stage]:
    """Return stages whose mix, in their windows, has a loudness together; among each other they keep their levels.

    A stage is so much louder or softer than the whole as it is where the tracks are mixed without a console: what is
    quiet in the song stays quiet. Only the master strip is changed, as `raise_mix` does.

    Args:
        stages: of the song, in order.
        song: the tracks.
        gains: dB of each track before the console.
        lufs: integrated loudness (ITU-R BS.1770-4) of all windows together.
    """
    whole = LoudnessStream(song.sample_rate)
    heard = [_hear(stage, song, gains, whole) for stage in stages]
    return [
        _matched(stage, mix, song, gains, lufs + plain - whole.loudness())
        for stage, (plain, mix) in zip(stages, heard, strict=True)
    ]


def raise_mix(settings: ConsoleSettings, gain_db: float) -> ConsoleSettings:
    """Return settings whose mix is louder by a gain, as far as the ranges of the master strip go.

    The last fader of the master strip is moved, and with it the thresholds of what compresses behind it, so that it
    does what it did before. The limiter stays, since full scale does. A strip without a fader stays as it is.
    """
    master, raised = settings.console.master, settings.copy()
    fader, behind = _last_fader(master)
    if fader is None:
        return raised
    before = raised.master[fader]["gain_db"] or 0.0
    raised.master[fader]["gain_db"] = after = _within(master.tables[fader]["gain_db"], before + gain_db)
    for label in behind:
        if master.processors[label].name == "limiter":
            continue
        for name, parameter in master.tables[label].items():
            if name.endswith(_THRESHOLD):
                threshold = raised.master[label][name]
                raised.master[label][name] = (
                    None if threshold is None else _within(parameter, threshold + after - before)
                )
    return raised


def gain_between(before: ConsoleSettings, raised: ConsoleSettings, sample_rate: int) -> float | None:
    """Gain in dB from a mix to the one of what `raise_mix` made of its settings.

    Returns:
        None where more than the level may change, since what is in use behind the fader goes by the level that it is
        given: a limiter, say, or a compressor whose threshold could not be moved as far as the fader.
    """
    master = before.console.master
    fader, behind = _last_fader(master)
    if fader is None:
        return 0.0
    gain_db = (raised.master[fader]["gain_db"] or 0.0) - (before.master[fader]["gain_db"] or 0.0)
    used = {label for settings in (before, raised) for label in master.streams(sample_rate, settings.master)}
    for label in behind:
        processor = master.processors[label]
        if label not in used or (processor_group(processor) in _LINEAR and processor.name not in _ADAPTIVE):
            continue
        thresholds = [name for name in before.master[label] if name.endswith(_THRESHOLD)]
        moved = [(raised.master[label][name] or 0.0) - (before.master[label][name] or 0.0) for name in thresholds]
        if processor.name not in _COMPRESSORS or not all(math.isclose(by, gain_db, abs_tol=1e-9) for by in moved):
            return None
    return gain_db


def _last_fader(strip: Strip) -> tuple[str | None, list[str]]:
    """Return the last effect of a strip that sets a level, if there is one, and those behind it."""
    labels = list(strip.processors)
    faders = [
        label
        for label, processor in strip.processors.items()
        if processor_group(processor) == "levels" and "gain_db" in strip.tables[label]
    ]
    return (faders[-1], labels[labels.index(faders[-1]) + 1 :]) if faders else (None, [])


def _hear(
    stage: Stage, song: TrackSet, gains: Mapping[str, float], whole: LoudnessStream
) -> tuple[float, torch.Tensor]:
    """Return the loudness of a stage without a console, which a whole gets too, and its mix (2, T)."""
    plain, mixes = LoudnessStream(song.sample_rate), []
    for at in stage.start_s:
        tracks = song.read(at, stage.window_s, song.sample_rate, gains)
        for meter in (plain, whole):
            meter.add(tracks.sum(1)[0])
        mixes.append(_mix(stage, tracks, song.sample_rate))
    return plain.loudness(), torch.cat(mixes, -1)


def _matched(stage: Stage, mix: torch.Tensor, song: TrackSet, gains: Mapping[str, float], lufs: float) -> Stage:
    """Raise a stage, whose mix is given, to a loudness.

    Twice, since a limiter behind the fader gives back less than the fader gives: the second time makes up for most.
    """
    rate = song.sample_rate
    raised = _raised(stage, mix, lufs, rate)
    gain_db = gain_between(stage.settings, raised.settings, rate)
    if gain_db is not None:
        return _raised(raised, mix * 10 ** (gain_db / 20), lufs, rate)
    windows = (song.read(at, stage.window_s, rate, gains) for at in stage.start_s)
    return _raised(raised, torch.cat([_mix(raised, tracks, rate) for tracks in windows], -1), lufs, rate)


def _raised(stage: Stage, mix: torch.Tensor, lufs: float, sample_rate: int) -> Stage:
    found = float(integrated_loudness(mix, sample_rate))
    if not math.isfinite(found) or not math.isfinite(lufs):
        return stage  # Nothing is heard there: there is no level to bring it to.
    return replace(stage, settings=raise_mix(stage.settings, lufs - found))


def _mix(stage: Stage, tracks: torch.Tensor, sample_rate: int) -> torch.Tensor:
    console = stage.settings.console
    assert isinstance(console, MixingConsole)
    return console.render(tracks, stage.settings, sample_rate)[0]


def _within(parameter: Parameter, value: float) -> float:
    return min(max(value, parameter.minimum), parameter.maximum)
