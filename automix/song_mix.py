"""One call from tracks to a mix."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from automix.instruments import check_instruments
from automix.methods import ConsoleMethod, Explained, Request, StemMethod, check_method, check_wishes, create_method
from automix.styles import Style, compared_recordings, read_style
from fxrep.audio import AudioInput, audio_info
from fxrep.effects.console import default_console
from fxrep.errors import ArgumentError
from fxrep.mixing.method_options import join_options
from fxrep.mixing.recordings import Recordings, WindowEncoder
from fxrep.mixing.rendered_tracks import rendered_session
from fxrep.mixing.report_measures import find_encoder
from fxrep.mixing.result import MixResult
from fxrep.mixing.session import TRACK_LUFS, MixSession, neutral_session
from fxrep.mixing.session_checks import check_answer
from fxrep.mixing.song_tracks import open_tracks, warn_of_mixes
from fxrep.mixing.tracks import Tracks, TrackSet
from fxrep.mixing.windows import WINDOW_S, WINDOWS


def automix(
    tracks: Tracks,
    method: str | ConsoleMethod | StemMethod = "dmc",
    *,
    sample_rate: int | None = None,
    target: AudioInput | None = None,
    style: Style | None = None,
    instruments: Mapping[str, str] | None = None,
    seed: int = 0,
    model: str | None = None,
    encoder: WindowEncoder | str | None = None,
    options: Mapping[str, Any] | None = None,
    **further: Any,
) -> MixResult:
    """Mix tracks without a reference.

    Args:
        tracks: audio by name, or paths; see `fxrep.mixing.TrackSet`. They are never written to.
        method: a name of `automix.list_methods`, or a method of your own.
        sample_rate: Hz of the mix, and of tracks, targets and styles that are arrays; None: what most files have.
        target: the finished mix of these tracks, for ``least_squares`` and ``mixing_graph``, which need it.
        style: a recording, a list or a folder of them, or an embedding, for models of ``dmc`` that take one.
        instruments: what tracks are, by name, for the methods that need to know; guessed from names where absent.
        seed: of whatever the method draws.
        model: name or folder of what the method has learnt. None: its default.
        encoder: measures how near the mix comes to the target or the style: an encoder, its name or folder. None: the
            one that ships.
        options: further arguments of a method by name, as ``{"steps": 50}``.
        further: the same, as ``steps=50``.

    Returns:
        The mix, which is rendered when it is asked for: ``.mix``, ``.console``, ``.report``, ``.save(folder)``. Why it
        is as it is stands in ``.details["decisions"]``, a list of sentences.

    Raises:
        ArgumentError: an argument is out of range or names something that there is not, or does not fit the method.
        AudioError: a track, the target or a style cannot be used, or all tracks are silent.
        CheckpointError: there is no such model or encoder.
    """
    check_method(method)
    request = Request(model, target, None, instruments, join_options(options, further))
    # A style is read further down; that one was given is enough here.
    check_wishes(method, replace(request, style=torch.empty(0) if style is not None else None))
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ArgumentError(f"seed is {seed!r}: expected a whole number from 0")
    song = open_tracks(tracks, sample_rate, () if target is None else (target,))
    _refuse_target(song, target)
    warn_of_mixes(song)
    if instruments is not None:
        check_instruments(instruments, song.names)
    wanted = None if style is None else read_style(style, song.sample_rate)
    references = _references(target, wanted, song.sample_rate)
    song.windows(WINDOW_S, WINDOWS)  # Refuses a song of silence before a model is loaded.
    # One that was asked for is loaded at once: that there is none should not be said after the work.
    judge = "default" if encoder is None else find_encoder(encoder)
    used = create_method(method, replace(request, style=wanted))
    details: dict[str, Any] = {
        "method": method if isinstance(method, str) else type(method).__name__,
        "model": model,
        "compared_with": "target" if target is not None else None if references is None else "style",
        "references": {} if references is None else dict(zip(references.names, references.weights, strict=True)),
        "instruments": dict(instruments or {}),
        "seed": seed,
    }
    if isinstance(used, ConsoleMethod):
        return _set_console(used, song, references, judge, details, seed)
    return _render_stems(used, song, references, judge, details)


def _refuse_target(song: TrackSet, target: AudioInput | None) -> None:
    """Refuse a target that is one of its own tracks."""
    path = Path(target).resolve() if isinstance(target, (str, os.PathLike)) else None
    for name, own in song.paths.items():
        if path is not None and own is not None and own.resolve() == path:
            raise ArgumentError(f"target {path} is track {name!r} too: leave it out of the tracks")


def _references(
    target: AudioInput | None, style: Recordings | torch.Tensor | None, sample_rate: int
) -> Recordings | None:
    """Return what the report compares the mix with; a target that is no audio is refused here."""
    if target is not None:
        return Recordings([target], sample_rate=sample_rate, role="target")
    return compared_recordings(style) if isinstance(style, Recordings) else None


def _set_console(
    method: ConsoleMethod,
    song: TrackSet,
    references: Recordings | None,
    encoder: WindowEncoder | str | None,
    details: Mapping[str, Any],
    seed: int,
) -> MixResult:
    starts = song.windows(float(getattr(method, "window_s", WINDOW_S)), WINDOWS)
    answer = method.estimate(song, starts, seed=seed)
    explained = answer if isinstance(answer, Explained) else Explained(answer)
    settings = check_answer(method, explained.settings, song.names)
    before = neutral_session(song, method.console, method.track_lufs)
    gains = before.input_gain_db if explained.input_gain_db is None else dict(explained.input_gain_db)
    session, details = MixSession(settings, song, gains), {**details, "decisions": list(explained.decisions)}
    return MixResult(session, before, references, encoder, details, files=explained.files)


def _render_stems(
    method: StemMethod,
    song: TrackSet,
    references: Recordings | None,
    encoder: WindowEncoder | str | None,
    details: Mapping[str, Any],
) -> MixResult:
    """Render the song; the mix is the sum of the stems on a neutral console, to be edited from there."""
    folder = tempfile.TemporaryDirectory(prefix="fxrep-stems-")
    try:
        stems = method.render_stems(song, Path(folder.name))
        _check_stems(method, stems, song)
        session = rendered_session(stems, song.sample_rate, folder)
    except BaseException:
        folder.cleanup()
        raise
    before = neutral_session(song, default_console(), TRACK_LUFS)
    decisions = [str(one) for one in getattr(method, "decisions", ())]
    return MixResult(session, before, references, encoder, {**details, "decisions": decisions}, folder)


def _check_stems(method: StemMethod, stems: Mapping[str, Path], song: TrackSet) -> None:
    """Refuse what is no rendering of the song, whoever wrote the method."""
    who = f"{type(method).__name__}.render_stems()"
    if not isinstance(stems, Mapping) or not stems:
        raise ArgumentError(f"{who} gave no stems: expected files by name")
    for name, path in stems.items():
        if not Path(path).is_file():
            raise ArgumentError(f"{who} named {path} for stem {name!r} and did not write it")
        info = audio_info(path)
        if info.sample_rate != song.sample_rate or info.frames != song.samples:
            raise ArgumentError(
                f"{who} wrote stem {name!r} of {info.frames} samples at {info.sample_rate} Hz; the song has "
                f"{song.samples} at {song.sample_rate} Hz"
            )
