"""One call from tracks and a reference to a mix."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fxrep.audio import AudioInput, save_audio
from fxrep.effects.console import ConsoleSettings, default_console
from fxrep.errors import ArgumentError
from fxrep.mixing.method_options import join_options
from fxrep.mixing.recordings import WindowEncoder
from fxrep.mixing.rendered_tracks import rendered_session
from fxrep.mixing.report_measures import find_encoder
from fxrep.mixing.result import MixResult
from fxrep.mixing.sections import Section
from fxrep.mixing.session import TRACK_LUFS, MixSession, neutral_session
from fxrep.mixing.session_checks import check_answer
from fxrep.mixing.setting_groups import check_groups
from fxrep.mixing.song_tracks import open_tracks, warn_of_mixes
from fxrep.mixing.track_names import file_stems
from fxrep.mixing.tracks import Tracks, TrackSet
from fxrep.mixing.windows import WINDOW_S, WINDOWS
from fxrep.progress import track_progress
from style_transfer.methods import ConsoleMethod, StemMethod, check_method, check_wishes, create_method
from style_transfer.partial import check_strength, keep_groups, scale_strength
from style_transfer.references import References
from style_transfer.song_loudness import LOUDNESS_LUFS, Stage, check_loudness, match_loudness
from style_transfer.song_sections import check_sections, find_sections, measure_levels


def transfer(
    tracks: Tracks,
    reference: References | AudioInput | Sequence[AudioInput],
    method: str | ConsoleMethod | StemMethod = "diff_mst",
    *,
    sample_rate: int | None = None,
    reference_rate: int | None = None,
    only: str | Sequence[str] | None = None,
    strength: float = 1.0,
    sections: str | int | Sequence[float] | None = None,
    weights: Sequence[float] | None = None,
    loudness: float | None = LOUDNESS_LUFS,
    seed: int = 0,
    model: str | None = None,
    encoder: WindowEncoder | str | None = None,
    start: ConsoleSettings | str | None = None,
    options: Mapping[str, Any] | None = None,
    **further: Any,
) -> MixResult:
    """Mix tracks in the style of a reference.

    Args:
        tracks: audio by name, or paths; see `fxrep.mixing.TrackSet`. They are never written to.
        reference: a recording, or a list of them, whose style is averaged.
        method: a name of `style_transfer.list_methods`, or a method of your own.
        sample_rate: Hz of the mix, and of tracks that are arrays; None: what most files have.
        reference_rate: Hz of references that are arrays; None: `sample_rate`.
        only: groups of settings that are transferred, as ``["eq", "levels"]``; the others stay neutral. The names are
            those of `fxrep.mixing.setting_groups.SETTING_GROUPS`. None: all.
        strength: how far to go from neutral (0) to what the method says (1).
        sections: ``"auto"``, a number, or times in seconds: settings of their own for each section of the song, with
            a short cross-fade. None: one for the whole song.
        weights: of several references, 0 or more; None: equal ones.
        loudness: LUFS of the mix where the method listened to the song, set on the master strip; sections keep their
            levels among each other. References are heard at -16 LUFS. None: as the method leaves it. It belongs to
            what `only` and `strength` choose from: without ``"master"`` among `only`, another one than -16 is refused.
        seed: of whatever the method draws.
        model: what the method has learnt, see `style_transfer.methods.create_method`.
        encoder: measures how near the mix comes to the references, and is what ``inference_time`` searches with: an
            encoder, its name or folder. None: the one that ships.
        start: what ``inference_time``, or a searching method of your own, begins with: settings, or the name of a
            method whose answer it is, as ``"diff_mst"``. None: its own beginning, which is neutral.
        options: further arguments of a method by name, as ``{"steps": 50}``.
        further: the same, as ``steps=50``.

    Returns:
        The mix, which is rendered when it is asked for: ``.mix``, ``.console``, ``.report``, ``.save(folder)``.

    Raises:
        ArgumentError: an argument is out of range or names something that there is not, or does not fit the method.
        AudioError: a track or a reference cannot be used, all tracks are silent, or a reference is.
        CheckpointError: there is no such model or encoder.
    """
    check_method(method)
    wishes = join_options(options, further)
    check_wishes(method, model, wishes)
    if start is not None and isinstance(method, str) and method != "inference_time":
        raise ArgumentError(f"start is for a method that searches, inference_time: {method} begins with nothing")
    groups = None if only is None else check_groups(only)
    share = check_strength(strength)
    if sections is not None:
        check_sections(sections)
    level = check_loudness(loudness)
    if groups is not None and "master" not in groups:
        if level not in (None, LOUDNESS_LUFS):
            raise ArgumentError(f"loudness is {level:g}, which is set on the master strip: add master to only")
        level = None
    heard = _references(reference, weights, sample_rate if reference_rate is None else reference_rate)
    song = open_tracks(tracks, sample_rate, heard.paths)
    warn_of_mixes(song)
    song.windows(WINDOW_S, WINDOWS)  # Refuses a song of silence before a model is loaded.
    details: dict[str, Any] = {
        "method": method if isinstance(method, str) else type(method).__name__,
        "model": model,
        "references": dict(zip(heard.names, heard.weights, strict=True)),
        "only": None if groups is None else list(groups),
        "strength": share,
        "seed": seed,
        "start": start if isinstance(start, str) else None,
    }
    # One that was asked for is loaded at once: that there is none should not be said after the work.
    judge = "default" if encoder is None else find_encoder(encoder)
    if method == "inference_time" and groups is not None:
        wishes.setdefault("only", groups)  # What stays neutral need not be searched, and the rest is found without it.
    used = create_method(method, model, judge if encoder is not None else None, wishes)
    if not isinstance(used, ConsoleMethod):
        if groups is not None or share != 1.0 or sections is not None:
            raise ArgumentError(
                f"{details['method']} has no settings: only, strength and sections are for other methods"
            )
        return _transfer_stems(used, song, heard, level, judge, details)
    begin = create_method(start) if isinstance(start, str) else start
    question = _Question(used, song, heard, seed, begin)
    stages = [question.ask_song()] if sections is None else question.ask_sections(sections)
    before = neutral_session(song, used.console, used.track_lufs)
    if level is not None:
        stages = match_loudness(stages, song, before.input_gain_db, level)
    first, *later = [Section(one.begin_s, scale_strength(keep_groups(one.settings, groups), share)) for one in stages]
    session = MixSession(first.settings, song, before.input_gain_db, later)
    return MixResult(session, before, heard, judge, {**details, "sections": [one.start_s for one in later]})


def _references(
    reference: References | AudioInput | Sequence[AudioInput], weights: Sequence[float] | None, rate: int | None
) -> References:
    if not isinstance(reference, References):
        return References(reference, weights, rate)
    if weights is not None:
        raise ArgumentError("these references have weights already: leave weights out")
    return reference


@dataclass(frozen=True)
class _Question:
    """What a method is asked: the settings for a song, or for each of its sections."""

    method: ConsoleMethod
    song: TrackSet
    references: References
    seed: int
    start: ConsoleSettings | ConsoleMethod | StemMethod | None

    @property
    def window_s(self) -> float:
        return float(getattr(self.method, "window_s", WINDOW_S))

    def ask_song(self) -> Stage:
        windows = self.song.windows(self.window_s, WINDOWS)
        return Stage(0.0, self._ask(windows), windows, self.window_s)

    def ask_sections(self, sections: str | int | Sequence[float]) -> list[Stage]:
        """Return each section with its own settings.

        A track that is not heard in a section has there what it has in the section before, since nothing can be learnt
        about it, and its reverberation may still sound; before it was heard at all, what it has when it first is. A
        section in which no track is heard belongs to the one before.
        """
        levels = measure_levels(self.song)
        begins = find_sections(levels, sections)
        stages: list[Stage] = []
        heard: list[list[bool]] = []
        ends = [*begins[1:], self.song.duration_s]
        for begin, end in track_progress(list(zip(begins, ends, strict=True)), "sections"):
            sounds = [bool(row.any()) for row in levels.sounds(begin, end)]
            if any(sounds):
                windows = levels.windows(begin, end, self.window_s, WINDOWS)
                stages.append(Stage(begin, self._ask(windows).copy(), windows, self.window_s))
                heard.append(sounds)
        for number, name in enumerate(self.song.names):
            _carry_on(name, [stage.settings for stage in stages], [row[number] for row in heard])
        return stages

    def _ask(self, start_s: Sequence[float]) -> ConsoleSettings:
        """Ask the method, and refuse an answer that is none, whoever wrote the method."""
        start = self.start
        if start is not None and not isinstance(start, ConsoleSettings):
            start = _Question(_setting(start), self.song, self.references, self.seed, None)._ask(start_s)
        found = self.method.estimate(self.song, self.references, start_s, seed=self.seed, start=start)
        return check_answer(self.method, found, self.song.names)


def _setting(method: ConsoleMethod | StemMethod) -> ConsoleMethod:
    if not isinstance(method, ConsoleMethod):
        raise ArgumentError(
            f"start is {type(method).__name__}, which has no settings to begin with: name another method"
        )
    return method


def _carry_on(name: str, several: Sequence[ConsoleSettings], heard: Sequence[bool]) -> None:
    """Give a track, where it is not heard, what it has where it is."""
    known = next((settings for settings, sounds in zip(several, heard, strict=True) if sounds), None)
    for settings, sounds in zip(several, heard, strict=True):
        if sounds:
            known = settings
        elif known is not None:
            copy = known.copy()
            settings.tracks[name], settings.sends[name] = copy.tracks[name], copy.sends[name]


def _transfer_stems(
    method: StemMethod,
    song: TrackSet,
    references: References,
    loudness: float | None,
    encoder: WindowEncoder | str | None,
    details: Mapping[str, Any],
) -> MixResult:
    """Render each track by itself; the mix is their sum, on a console where nothing but its loudness is set."""
    folder = tempfile.TemporaryDirectory(prefix="fxrep-stems-")
    # What hears references by an embedding needs to hear them once, not for each track.
    told = method.embed(references) if hasattr(method, "embed") else references
    try:
        stems = file_stems(song.names)
        wet: dict[str, Path] = {}
        for name in track_progress(song.names, "stems", len(song)):
            wet[name] = output = Path(folder.name) / f"{stems[name]}.wav"
            recording = song.recordings[name]
            if song.loudness_lufs[name] == float("-inf"):
                save_audio(
                    output, recording.excerpt(0, recording.length(song.sample_rate), song.sample_rate), song.sample_rate
                )
            else:
                method.render_stem(recording.audio, song.sample_rate, told, output)
        session = rendered_session(wet, song.sample_rate, folder)
        if loudness is not None:
            whole = Stage(0.0, session.settings, session.tracks.windows(WINDOW_S, WINDOWS), WINDOW_S)
            (whole,) = match_loudness([whole], session.tracks, session.input_gain_db, loudness)
            session = replace(session, settings=whole.settings)
    except BaseException:
        folder.cleanup()
        raise
    before = neutral_session(song, default_console(), TRACK_LUFS)
    return MixResult(session, before, references, encoder, details, folder)
