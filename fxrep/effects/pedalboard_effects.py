"""Effects of Spotify's `pedalboard`, and VST3 or Audio Unit plug-ins through it, as processors.

`pedalboard` is under the GPL 3. fxrep does not contain it and does not need it; the extra ``pedalboard`` installs it,
and a program that ships both together must be under the GPL too.

Its times are not ours. A smoother of pedalboard keeps exp(-2 pi 1000 / (sample_rate ms)) of its state per sample, ours
exp(-1000 / (sample_rate ms)): for the same smoother, pedalboard's number is 2 pi times as large (`pedalboard_ms`).
Its first-order low pass and high pass, its limiter's hidden make-up gain (a quiet signal comes out louder by more than
the threshold) and its unlinked stereo compressor are kept as they are.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fxrep.effects.black_box import BlackBox, BlockFunction
from fxrep.effects.foreign_function import Samples
from fxrep.effects.parameters import Parameter
from fxrep.errors import ArgumentError, MissingExtraError, require

# A block longer than those before makes pedalboard start anew, so all of them are of the length it works in itself.
BLOCK = 8192
PLUGIN_SUFFIXES = (".vst3", ".component", ".so", ".dylib", ".dll")

_FREQUENCY = Parameter("cutoff_frequency_hz", "Hz", 20.0, 20000.0, "log", 440.0)
_ATTACK = Parameter("attack_ms", "ms", 0.1, 1000.0, "log", 1.0)
_RELEASE = Parameter("release_ms", "ms", 1.0, 5000.0, "log", 100.0)
_RATE = Parameter("rate_hz", "Hz", 0.05, 20.0, "log", 1.0)
_FEEDBACK = Parameter("feedback", "", 0.0, 0.95, "linear", 0.0)
_MIX = Parameter("mix", "", 0.0, 1.0, "linear", 0.0)
_SHELF = (
    _FREQUENCY,
    Parameter("gain_db", "dB", -24.0, 24.0, "db", 0.0),
    Parameter("q", "", 0.1, 10.0, "log", math.sqrt(0.5)),
)

PEDALBOARD_TABLES: dict[str, tuple[Parameter, ...]] = {
    "Bitcrush": (Parameter("bit_depth", "bit", 1.0, 32.0, "linear", 32.0),),
    "Chorus": (
        _RATE,
        Parameter("depth", "", 0.0, 1.0, "linear", 0.25),
        Parameter("centre_delay_ms", "ms", 1.0, 50.0, "log", 7.0),
        _FEEDBACK,
        _MIX,
    ),
    "Clipping": (Parameter("threshold_db", "dB", -48.0, 0.0, "db", 0.0),),
    "Compressor": (
        Parameter("threshold_db", "dB", -60.0, 0.0, "db", 0.0),
        Parameter("ratio", "", 1.0, 20.0, "log", 1.0),
        _ATTACK,
        _RELEASE,
    ),
    "Delay": (Parameter("delay_seconds", "s", 0.001, 2.0, "log", 0.5), _FEEDBACK, _MIX),
    "Distortion": (Parameter("drive_db", "dB", 0.0, 40.0, "db", 0.0),),
    "Gain": (Parameter("gain_db", "dB", -48.0, 24.0, "db", 0.0),),
    "HighShelfFilter": _SHELF,
    "HighpassFilter": (Parameter("cutoff_frequency_hz", "Hz", 10.0, 20000.0, "log", 20.0),),
    "Limiter": (Parameter("threshold_db", "dB", -40.0, 0.0, "db", 0.0), _RELEASE),
    "LowShelfFilter": _SHELF,
    "LowpassFilter": (Parameter("cutoff_frequency_hz", "Hz", 20.0, 20000.0, "log", 20000.0),),
    "NoiseGate": (
        Parameter("threshold_db", "dB", -100.0, 0.0, "db", -100.0),
        Parameter("ratio", "", 1.0, 20.0, "log", 1.0),
        _ATTACK,
        _RELEASE,
    ),
    "PeakFilter": _SHELF,
    "Phaser": (
        _RATE,
        Parameter("depth", "", 0.0, 1.0, "linear", 0.5),
        Parameter("centre_frequency_hz", "Hz", 50.0, 10000.0, "log", 1300.0),
        _FEEDBACK,
        _MIX,
    ),
    "Reverb": (
        Parameter("room_size", "", 0.0, 1.0, "linear", 0.5),
        Parameter("damping", "", 0.0, 1.0, "linear", 0.5),
        Parameter("wet_level", "", 0.0, 1.0, "linear", 0.0),
        Parameter("dry_level", "", 0.0, 1.0, "linear", 0.5),
        Parameter("width", "", 0.0, 1.0, "linear", 1.0),
    ),
}
"""The settings of pedalboard's own effects, by its names for both. Defaults leave the signal as it is where an effect
can: Limiter, Distortion, LowpassFilter and HighpassFilter cannot, Bitcrush does to one rounding."""


def pedalboard_ms(time_ms: float) -> float:
    """Return the number of ms to give pedalboard for a time constant (63 % of a step) of `time_ms`."""
    return 2.0 * math.pi * time_ms


def pedalboard_processor(
    effect: str, parameters: Sequence[Parameter] | None = None, *, name: str | None = None, **options: Any
) -> BlackBox:
    """Return an effect of pedalboard as a processor for chains.

    Every call starts from silence: nothing is left over from the call before. Pedalboard's own effects are made anew
    for each item and may run in threads; a plug-in is loaded once and renders one item after the other.

    Args:
        effect: one of `PEDALBOARD_TABLES`, or the path of a VST3 or Audio Unit plug-in.
        parameters: its settings, named as in pedalboard; needed for a plug-in. None: the built-in table.
        name: in a chain; by default ``pedalboard_`` and the effect's name in small letters.
        options: of `BlackBox`: gradient, step, samples, seed, threads and audio_gradient.

    Raises:
        MissingExtraError: pedalboard is not installed.
        ArgumentError: there is no such effect, plug-in or parameter.
    """
    pedalboard = _pedalboard()
    label = name or f"pedalboard_{_identifier(Path(effect).stem)}"
    if effect in PEDALBOARD_TABLES:
        table = PEDALBOARD_TABLES[effect] if parameters is None else tuple(parameters)
        _check_known(effect, table, [parameter.name for parameter in PEDALBOARD_TABLES[effect]])
        make = getattr(pedalboard, effect)
        opening = functools.partial(_open_stock, make)
        return BlackBox(
            functools.partial(_render_stock, make), label, table, open_stream=opening, block=BLOCK, **options
        )
    if not effect.endswith(PLUGIN_SUFFIXES):
        known = ", ".join(PEDALBOARD_TABLES)
        raise ArgumentError(f"no effect {effect!r}: choose from {known}, or give the path of a plug-in (.vst3)")
    if parameters is None:
        raise ArgumentError(f"{effect}: say which of its parameters are settings, each with its range")
    plugin = _load(pedalboard.load_plugin, effect)
    _check_known(effect, tuple(parameters), list(plugin.parameters))
    return BlackBox(_LoadedPlugin(plugin), label, parameters, **{**options, "threads": 1})


def plugin_parameters(path: str) -> tuple[Parameter, ...]:
    """Return the continuous settings of a plug-in over the whole of their ranges, for `pedalboard_processor`.

    Its default is where the plug-in stands when it is opened. Switches, lists of names, MIDI controllers and the
    plug-in's own bypass are left out: they stay as they are.

    Args:
        path: of a VST3 or Audio Unit plug-in.

    Raises:
        MissingExtraError: pedalboard is not installed.
        ArgumentError: it cannot be loaded, or has no such setting.
    """
    plugin = _load(_pedalboard().load_plugin, path)
    found = []
    for name, parameter in plugin.parameters.items():
        low, high = parameter.min_value, parameter.max_value
        continuous = parameter.type is float and low is not None and math.isfinite(high - low) and low < high
        if continuous and name != "bypass" and not name.startswith("midi_"):
            now = min(max(float(getattr(plugin, name)), low), high)
            found.append(Parameter(name, parameter.units or "", float(low), float(high), "linear", now))
    if not found:
        raise ArgumentError(f"{path} has no continuous parameter to draw: give another plug-in")
    return tuple(found)


class _LoadedPlugin:
    """A plug-in, of which there is one: calls wait for each other."""

    def __init__(self, plugin: Any) -> None:
        self.plugin, self.lock = plugin, threading.Lock()

    def __call__(self, audio: Samples, sample_rate: int, **settings: float) -> Samples:
        with self.lock:
            for name, value in settings.items():
                setattr(self.plugin, name, value)
            rendered: Samples = self.plugin.process(audio, sample_rate, reset=True)
            return rendered


def _render_stock(make: Callable[..., Any], audio: Samples, sample_rate: int, **settings: float) -> Samples:
    _check_frequencies(sample_rate, settings)
    rendered: Samples = make(**settings).process(audio, sample_rate, reset=True)
    return rendered


def _open_stock(make: Callable[..., Any], sample_rate: int, **settings: float) -> BlockFunction:
    _check_frequencies(sample_rate, settings)
    effect = make(**settings)

    def push(block: Samples) -> Samples:
        rendered: Samples = effect.process(block, sample_rate, buffer_size=BLOCK, reset=False)
        return rendered

    return push


def _check_frequencies(sample_rate: int, settings: dict[str, float]) -> None:
    """Refuse filters above Nyquist, which pedalboard would run unstable."""
    for name, value in settings.items():
        if name.endswith("frequency_hz") and value >= sample_rate / 2:
            raise ArgumentError(f"{name} is {value:g}; at {sample_rate} Hz it must stay below {sample_rate / 2:g} Hz")


def _check_known(effect: str, table: Sequence[Parameter], known: Sequence[str]) -> None:
    for parameter in table:
        if parameter.name not in known:
            raise ArgumentError(f"{effect} has no parameter {parameter.name!r}; choose from {', '.join(known)}")


def _load(load_plugin: Callable[[str], Any], path: str) -> Any:
    try:
        return load_plugin(path)
    except Exception as error:
        # Missing files, other systems' binaries and licence managers all end here.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArgumentError(f"{path} cannot be loaded as a plug-in: {reason}") from error


def _identifier(text: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in text).lower()


def _pedalboard() -> Any:
    try:
        return require("pedalboard", "pedalboard")
    except MissingExtraError as error:
        raise MissingExtraError(f"{error} (pedalboard is under the GPL 3, fxrep is not)") from error
