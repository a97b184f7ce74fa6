"""How loud a mix comes out: references are heard at one loudness, so that no method knows how loud theirs was."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from fxrep.audio import integrated_loudness
from fxrep.effects.console import MixingConsole
from fxrep.effects.console.settings import ConsoleSettings
from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.mixing.recordings import REFERENCE_LUFS
from fxrep.mixing.setting_groups import processor_group
from fxrep.mixing.tracks import TrackSet

LOUDNESS_LUFS = REFERENCE_LUFS
LOWEST_LUFS = -60.0
# A limiter behind the fader gives back less than the fader gives; the second round makes up for most of that.
_ROUNDS = 2


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
            f"loudness is {loudness!r}: expected LUFS from {LOWEST_LUFS:g} to 0, or None to leave the mix as it comes"
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
    rate = song.sample_rate
    plain = [
        torch.cat([song.read(at, one.window_s, rate, gains).sum(1)[0] for at in one.start_s], -1) for one in stages
    ]
    whole = float(integrated_loudness(torch.cat(plain, -1), rate))
    return [
        _matched(stage, song, gains, lufs + float(integrated_loudness(mix, rate)) - whole)
        for stage, mix in zip(stages, plain, strict=True)
    ]


def raise_mix(settings: ConsoleSettings, gain_db: float) -> ConsoleSettings:
    """Return settings whose mix is louder by a gain, as far as the ranges of the master strip go.

    The last fader of the master strip is moved, and with it the thresholds of what compresses behind it, so that it
    does what it did before. The limiter stays, since full scale does. A strip without a fader stays as it is.
    """
    processors, tables = settings.console.master.processors, settings.console.master.tables
    raised = settings.copy()
    faders = [
        label
        for label, processor in processors.items()
        if processor_group(processor) == "levels" and "gain_db" in tables[label]
    ]
    if not faders:
        return raised
    fader = raised.master[faders[-1]]
    before = fader["gain_db"] or 0.0
    fader["gain_db"] = after = _within(tables[faders[-1]]["gain_db"], before + gain_db)
    labels = list(processors)
    for label in labels[labels.index(faders[-1]) + 1 :]:
        if processors[label].name == "limiter":
            continue
        for name, parameter in tables[label].items():
            if name.endswith("threshold_db"):
                threshold = raised.master[label][name]
                raised.master[label][name] = (
                    None if threshold is None else _within(parameter, threshold + after - before)
                )
    return raised


def _matched(stage: Stage, song: TrackSet, gains: Mapping[str, float], lufs: float) -> Stage:
    for _ in range(_ROUNDS):
        found = _mix_loudness(stage, song, gains)
        if not math.isfinite(found) or not math.isfinite(lufs):
            break  # Nothing is heard there: there is no level to bring it to.
        stage = replace(stage, settings=raise_mix(stage.settings, lufs - found))
    return stage


def _mix_loudness(stage: Stage, song: TrackSet, gains: Mapping[str, float]) -> float:
    console, rate = stage.settings.console, song.sample_rate
    assert isinstance(console, MixingConsole)
    parts = [
        console.render(song.read(at, stage.window_s, rate, gains), stage.settings, rate)[0] for at in stage.start_s
    ]
    return float(integrated_loudness(torch.cat(parts, -1), rate))


def _within(parameter: Parameter, value: float) -> float:
    return min(max(value, parameter.minimum), parameter.maximum)
