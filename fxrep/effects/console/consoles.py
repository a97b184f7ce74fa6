"""Consoles by name: for mixing, for mastering, for mixing graphs, and that of Diff-MST."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fxrep.effects.console.dasp import dasp_console
from fxrep.effects.console.graph import graph_console
from fxrep.effects.console.mastering import mastering_console
from fxrep.effects.console.mixing_console import MixingConsole
from fxrep.effects.console.strip import StripEffect
from fxrep.errors import ArgumentError


def default_console(groups: Sequence[str] = ()) -> MixingConsole:
    """Return the project's console.

    - track: fader, six-band equaliser, compressor, stereo width, panner (constant power, 0 dB in the middle)
    - group: fader, equaliser, compressor
    - buses ``reverb`` (diffuse room) and ``delay`` (ping-pong), each with a fader for what comes back
    - master: fader, equaliser, compressor, true-peak limiter

    The limiter is off until a person gives it a ceiling; a controller has no position for it, as it has none for the
    high-pass and low-pass of the equalisers and for look-ahead and RMS detection of the compressors.

    With its default settings it is the sum of the tracks, bit for bit, without latency. Frequencies, Qs, ratios and
    times are spread logarithmically over [0, 1], levels linearly in dB.

    Args:
        groups: names of the subgroups, all with the same strip.
    """
    tone = ("fader", "parametric_eq", "compressor")
    return MixingConsole(
        track=[*tone, "stereo_width", "panner"],
        groups={group: list(tone) for group in groups},
        buses={
            "reverb": [StripEffect("noise_shaped_reverb", fixed={"mix": 1.0}), "fader"],
            "delay": [StripEffect("delay", fixed={"mix": 1.0, "pattern": "ping_pong"}), "fader"],
        },
        master=[*tone, StripEffect("limiter", manual=["release_ms"])],
        name="default",
    )


CONSOLES: dict[str, Callable[..., MixingConsole]] = {
    "default": default_console,
    "dasp": dasp_console,
    "graph": graph_console,
    "mastering": mastering_console,
}


def create_console(name: str, groups: Sequence[str] = ()) -> MixingConsole:
    """Return a new console by its name.

    Args:
        name: a key of `CONSOLES`.
        groups: names of its subgroups, for the consoles that have them.

    Raises:
        ArgumentError: there is none of that name.
    """
    if name not in CONSOLES:
        raise ArgumentError(f"no console is called {name!r}; choose from {', '.join(CONSOLES)}")
    return CONSOLES[name](groups) if groups else CONSOLES[name]()
