"""The methods of mixing in the style of a reference, by name. Each is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from fxrep.errors import ArgumentError
from fxrep.mixing.method_options import check_options, list_arguments

if TYPE_CHECKING:
    from fxrep.audio import AudioInput
    from fxrep.effects.console import ConsoleSettings, MixingConsole
    from fxrep.mixing.tracks import TrackSet
    from style_transfer.references import References


@runtime_checkable
class ConsoleMethod(Protocol):
    """A method that sets a console. It may have a ``window_s``, the seconds that it listens to at once.

    Attributes:
        console: that is set.
        track_lufs: what the tracks are brought to before the console, in LUFS.
    """

    console: MixingConsole
    track_lufs: float

    def estimate(
        self,
        tracks: TrackSet,
        references: References,
        start_s: Sequence[float],
        seed: int = 0,
        start: ConsoleSettings | None = None,
    ) -> ConsoleSettings:
        """Return settings for all tracks.

        Args:
            tracks: of the song.
            references: in whose style.
            start_s: windows of the song to listen to, in seconds.
            seed: of whatever is drawn.
            start: settings to begin with, for a method that searches.
        """


@runtime_checkable
class StemMethod(Protocol):
    """A method that renders each track anew and has no settings.

    If it has ``embed(references)``, what that gives is handed to `render_stem` instead of the references.
    """

    def render_stem(self, stem: AudioInput, rate: int, references: References, output: Path) -> Any:
        """Write a track in the style of the references to a file, as long as it was.

        Args:
            stem: a path, or an array (channels, samples).
            rate: Hz of the array, and of the file that is written.
            references: in whose style.
            output: the file.
        """


_HOMES = {
    "diff_mst": ("style_transfer.diff_mst", "load_controller"),
    "mixfx_cloner": ("style_transfer.mixfx_cloner", "load_cloner"),
    "inference_time": ("style_transfer.inference_time", "InferenceTime"),
}
# What `model` is called there.
_MODEL = ("name_or_folder", "console")


def _load_diff_mst(model: str | None, encoder: Any, options: Mapping[str, Any]) -> Any:
    return _of(*_HOMES["diff_mst"])(model or "default", **options)


def _load_mixfx_cloner(model: str | None, encoder: Any, options: Mapping[str, Any]) -> Any:
    return _of(*_HOMES["mixfx_cloner"])(model or "default", **options)


def _load_inference_time(model: str | None, encoder: Any, options: Mapping[str, Any]) -> Any:
    console = _of("fxrep.effects.console", "create_console")(model or "default")
    return _of(*_HOMES["inference_time"])(console, encoder or "default", **options)


def _of(module: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


METHODS: dict[str, Callable[[str | None, Any, Mapping[str, Any]], Any]] = {
    "diff_mst": _load_diff_mst,
    "mixfx_cloner": _load_mixfx_cloner,
    "inference_time": _load_inference_time,
}


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
            "console, track_lufs and estimate(), or with render_stem()"
        )


def check_wishes(method: object, model: str | None, options: Mapping[str, Any] | None) -> None:
    """Refuse what a method does not take, before anything is read or loaded.

    Raises:
        ArgumentError: the method is no name and takes neither; or it has no such option, and which there are.
    """
    if not isinstance(method, str):
        if model is not None or options:
            raise ArgumentError("model and options are for methods by name; this method is one already")
    elif options and method in _HOMES:
        known = ["model" if name in _MODEL else name for name in list_arguments(_of(*_HOMES[method]))]
        if method == "inference_time":
            known += list_arguments(_of("style_transfer.inference_time", "SearchOptions"))
        check_options(method, options, known, ("model", "encoder"))


def create_method(
    method: str | ConsoleMethod | StemMethod,
    model: str | None = None,
    encoder: Any = None,
    options: Mapping[str, Any] | None = None,
) -> ConsoleMethod | StemMethod:
    """Return a method by its name, or one that was given.

    Args:
        method: a name of `METHODS`, or a method.
        model: name or folder of what the method has learnt: a controller for ``diff_mst``, a network for
            ``mixfx_cloner``; for ``inference_time`` the name of a console. None: the default.
        encoder: in whose space ``inference_time`` searches: an encoder, its name or folder; None: the default. The
            others hear with what they were trained with.
        options: further arguments of the method.

    Raises:
        ArgumentError: there is no such method, or something does not fit it.
        CheckpointError: there is no such model.
    """
    check_method(method)
    check_wishes(method, model, options)
    if not isinstance(method, str):
        return method
    try:
        made: ConsoleMethod | StemMethod = METHODS[method](model, encoder, options or {})
    except TypeError as error:
        raise ArgumentError(f"method {method} cannot be made with these options: {error}") from error
    return made
