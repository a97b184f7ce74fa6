"""How long a console must have listened before it plays as if it had listened from the beginning."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from fxrep.effects.console import ConsoleSettings, Strip
from fxrep.effects.console.blending import WET
from fxrep.effects.console.blocks import send_levels
from fxrep.effects.equalizer import Equalizer

# What an effect still knows of longer ago lies this far under what it knows of now.
_DECAY_DB = 90.0
_DECAY_NEPERS = _DECAY_DB / 20 * math.log(10)
# Rumble in a filter at 20 Hz with the highest Q lasts a second; the envelope of a look-ahead is shorter.
_SHORTEST_S = 2.0

StripSettings = Mapping[str, Mapping[str, Any]]


def warm_up_s(settings: ConsoleSettings) -> float:
    """Return the seconds after which a console with these settings has forgotten what came before, to -90 dB.

    Reverberation ends with its decay time, echoes with their feedback, compressors and limiters with their release.
    A console with any other effect is given infinity: only from the beginning of the song can it be sure, as one
    with an oscillator has its phase from there.
    """
    console = settings.console
    tracks = max((_strip_s(console.track, strip) for strip in settings.tracks.values()), default=0.0)
    sent = {bus for name in settings.tracks for bus, level in send_levels(settings, name).items() if level}
    shared = [_strip_s(console.groups[name], settings.groups[name]) for name in set(settings.group_of.values())]
    shared += [_strip_s(console.buses[name], settings.buses[name]) for name in sent]
    return max(_SHORTEST_S, tracks + max(shared, default=0.0) + _strip_s(console.master, settings.master))


def _strip_s(strip: Strip, values: StripSettings) -> float:
    return sum(_seconds(strip, label, values.get(label, {})) for label in strip.processors)


def _seconds(strip: Strip, label: str, given: Mapping[str, Any]) -> float:
    processor = strip.processors[label]
    values = {**processor.defaults(), **strip.fixed[label], **{k: v for k, v in given.items() if v is not None}}
    name = processor.name
    if processor.memoryless or (label in strip.weights and values.get(WET, strip.weights[label]) == 0.0):
        return 0.0
    if isinstance(processor, Equalizer):
        return 1.0
    if name in ("compressor", "dasp_compressor", "limiter"):
        # Either time may be the one that lags, as may the window of the detector.
        times = (values.get(time, 0.0) or 0.0 for time in ("attack_ms", "release_ms", "rms_ms", "lookahead_ms"))
        return _DECAY_NEPERS * max(_numbers(times)) / 1000
    if name == "noise_shaped_reverb":
        longest = max([1.0, *_numbers(values.get(f"octave_{band}_decay") for band in _OCTAVES)])
        return float(values["pre_delay_ms"]) / 1000 + float(values["decay_s"]) * longest * _DECAY_DB / 60
    if name == "delay":
        feedback = abs(float(values["feedback"]))
        echoes = 1 if feedback == 0 else 2 + _DECAY_NEPERS / -math.log(min(feedback, 0.999))
        return echoes * float(values["time_ms"]) / 1000
    return math.inf


def _numbers(values: Iterable[Any]) -> list[float]:
    return [float(value) for value in values if value is not None]


_OCTAVES = (63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)
