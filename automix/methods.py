"""The methods of mixing without a reference, by name. Each is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from fxrep.errors import ArgumentError
from fxrep.mixing.method_options import check_options, list_arguments

if TYPE_CHECKING:
    import torch

    from fxrep.audio import AudioInput
    from fxrep.effects.console import ConsoleSettings, MixingConsole
    from fxrep.mixing.recordings import Recordings
    from fxrep.mixing.tracks import TrackSet


@dataclass(frozen=True)
class Explained:
    """Settings with the reasons for them.

    Attributes:
        settings: of the console, for all tracks.
        decisions: in words, a sentence each, in the order in which they are to be read.
        input_gain_db: of each track before the console, in place of the gains that make all tracks equally loud; tracks
            that are not named are left as they are. None: all are made equally loud.
        files: by name, texts that are saved beside the mix, in ``details/``; pictures (``.svg``) are shown in the
            report.
    """

    settings: ConsoleSettings
    decisions: Sequence[str] = ()
    input_gain_db: Mapping[str, float] | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class ConsoleMethod(Protocol):
    """A method that sets a console. It may have a ``window_s``, the seconds that it listens to at once.

    Attributes:
        console: that is set.
        track_lufs: what the tracks are brought to before the console, in LUFS.
    """

    console: MixingConsole
    track_lufs: float

    def estimate(self, tracks: TrackSet, start_s: Sequence[float], seed: int = 0) -> ConsoleSettings | Explained:
        """Return settings for all tracks.

        Args:
            tracks: of the song.
            start_s: windows of the song to listen to, in seconds.
            seed: of whatever is drawn.
        """


@runtime_checkable
class StemMethod(Protocol):
    """A method that renders and has no settings. It may have ``decisions``: in words, after `render_stems`."""

    def render_stems(self, tracks: TrackSet, folder: Path) -> dict[str, Path]:
        """Render the song in constant memory; the sum of what is written is the mix.

        Args:
            tracks: of the song.
            folder: to write to; it is there, and empty.

        Returns:
            The file of each stem, by name; a single one is called ``mix``. Each is at the rate of the tracks and as
            long as the longest of them.
        """


@dataclass(frozen=True)
class Request:
    """What a method by name is made from.

    Attributes:
        model: name or folder of what it has learnt, or of a console; None: its default.
        target: a finished mix of the tracks: a path, or an array at the rate of the tracks.
        style: recordings whose style is wanted, or an embedding (D,).
        instruments: by track, what it is, for those that are not left to be guessed.
        options: further arguments.
    """

    model: str | None = None
    target: AudioInput | None = None
    style: Recordings | torch.Tensor | None = None
    instruments: Mapping[str, str] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def _home(method: str) -> Callable[..., Any]:
    module, _, name = METHODS[method].rpartition(".")
    made: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return made


def _make(method: str, request: Request) -> Any:
    further = dict(request.options)
    if request.model is not None:
        further["model"] = request.model
    if request.instruments is not None:
        further["instruments"] = dict(request.instruments)
    if request.style is not None:
        further["style"] = request.style
    made = _home(method)
    return made(**further) if request.target is None else made(request.target, **further)


METHODS: dict[str, str] = {
    "equal_loudness": "automix.baselines.EqualLoudness",
    "mono_sum": "automix.baselines.MonoSum",
    "dugan": "automix.dugan.DuganGainSharing",
    "knowledge": "automix.knowledge.KnowledgeMixer",
    "classical": "automix.classical.ClassicalMixer",
    "least_squares": "automix.least_squares.LeastSquares",
    "dmc": "automix.dmc.load_dmc",
    "mix_wave_unet": "automix.mix_wave_unet.load_mix_wave_unet",
    "fxnorm_automix": "automix.fxnorm_automix.load_fxnorm_automix",
    "stem_autoencoder": "automix.stem_autoencoder.load_stem_autoencoder",
    "mixing_graph": "automix.mixing_graph.MixingGraph",
}
"""What makes each method: ``home(target, model=…, instruments=…, style=…, **options)``, as far as given."""

TAKES_MODEL = ("classical", "dmc", "mix_wave_unet", "fxnorm_automix", "stem_autoencoder")
TAKES_TARGET = ("least_squares", "mixing_graph")
TAKES_STYLE = ("dmc",)
NO_OPTIONS = ("target", "model", "instruments", "style")
TAKES_INSTRUMENTS = ("knowledge", "classical", "dmc", "mix_wave_unet", "fxnorm_automix", "stem_autoencoder")


def list_methods() -> list[str]:
    """Return the names of the methods."""
    return list(METHODS)


def check_method(method: object) -> None:
    """Refuse what is no method, before anything is loaded.

    Raises:
        ArgumentError: a name that is unknown, or an object that neither sets a console nor renders stems.
    """
    if isinstance(method, str):
        if method not in METHODS:
            raise ArgumentError(f"there is no method {method!r}; choose from {', '.join(METHODS)}")
    elif isinstance(method, type) or not isinstance(method, (ConsoleMethod, StemMethod)):
        raise ArgumentError(
            f"method is a {type(method).__name__}: give one of {', '.join(METHODS)}, or a method of your own, with "
            "console, track_lufs and estimate(), or with render_stems()"
        )


def check_wishes(method: object, request: Request) -> None:
    """Refuse what a method does not take, and that it lacks what it needs, before anything is read.

    Args:
        method: a name of `METHODS`, or a method.
        request: what a method by name is to be made from.

    Raises:
        ArgumentError: something was given that the method does not take, or is missing.
    """
    for name, given, takers in (
        ("target", request.target, TAKES_TARGET),
        ("style", request.style, TAKES_STYLE),
        ("instruments", request.instruments, TAKES_INSTRUMENTS),
        ("model", request.model, TAKES_MODEL),
    ):
        if given is None:
            continue
        if not isinstance(method, str):
            raise ArgumentError(f"{name} is for methods by name ({', '.join(takers)}); this method is one already")
        if method not in takers:
            raise ArgumentError(f"method {method} takes no {name}: leave it out, or choose {' or '.join(takers)}")
    if method in TAKES_TARGET and request.target is None:
        raise ArgumentError(f"method {method} needs a target: the finished mix of these tracks that it goes towards")
    if request.options and not isinstance(method, str):
        raise ArgumentError("options are for methods by name; this method is one already")
    if request.options and isinstance(method, str):
        check_options(method, request.options, list_arguments(_home(method)), NO_OPTIONS)


def create_method(
    method: str | ConsoleMethod | StemMethod, request: Request | None = None
) -> ConsoleMethod | StemMethod:
    """Return a method by its name, or one that was given.

    Args:
        method: a name of `METHODS`, or a method.
        request: what a method by name is made from.

    Raises:
        ArgumentError: there is no such method, or something does not fit it.
        CheckpointError: there is no such model.
    """
    check_method(method)
    wanted = request or Request()
    check_wishes(method, wanted)
    if not isinstance(method, str):
        return method
    try:
        made: ConsoleMethod | StemMethod = _make(method, wanted)
    except TypeError as error:
        raise ArgumentError(f"method {method} cannot be made with these options: {error}") from error
    return made
