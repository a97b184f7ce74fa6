"""The file of a mix: JSON that a person can read and edit, checked when it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxrep.audio import save_audio
from fxrep.effects import MixingConsole
from fxrep.effects.console import ConsoleSettings, create_console
from fxrep.errors import ArgumentError, DataError
from fxrep.files import atomic_file
from fxrep.mixing.sections import Section
from fxrep.mixing.track_names import file_stems
from fxrep.mixing.tracks import TrackSet

if TYPE_CHECKING:
    from fxrep.mixing.session import MixSession

FORMAT = "fxrep mix 1"


def save_session(session: MixSession, path: Path) -> None:
    """See `MixSession.save`."""
    paths = _saved_paths(session.tracks, path)
    data = {
        "format": FORMAT,
        "sample_rate": session.sample_rate,
        "tracks": {
            name: {"path": relative_path(paths[name], path.parent), "input_gain_db": session.input_gain_db[name]}
            for name in session.tracks.names
        },
        "settings": session.settings.to_dict(),
        "sections": [
            {"start_s": one.start_s, "fade_s": one.fade_s, "settings": one.settings.to_dict()}
            for one in session.sections
        ],
    }
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def load_parts(
    path: Path, console: MixingConsole | None, tracks_folder: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """Return what `MixSession` is made of; see `MixSession.load`."""
    data = _read(path)
    try:
        _check_keys("the file", data, ("format", "sample_rate", "tracks", "settings"), ("sections",))
        entries = {name: _track_entry(name, entry) for name, entry in _mapping("tracks", data["tracks"]).items()}
        if not entries:
            raise ArgumentError("tracks are empty; name at least one")
        files = {name: _find(name, entry["path"], path, tracks_folder) for name, entry in entries.items()}
        settings = _settings("settings", data["settings"], list(entries), console)
        own = settings.console
        assert isinstance(own, MixingConsole)
        return {
            "settings": settings,
            "tracks": TrackSet(files, data["sample_rate"]),
            "input_gain_db": {name: entry.get("input_gain_db", 0.0) for name, entry in entries.items()},
            "sections": _sections(data.get("sections", []), list(entries), own),
        }
    except ArgumentError as error:
        raise DataError(f"{path}: {error}") from error


def _saved_paths(tracks: TrackSet, path: Path) -> dict[str, Path]:
    """Return where each track lies; arrays are written to files first."""
    found = {}
    stems = file_stems(tracks.names)
    for name, source in tracks.paths.items():
        if source is None:
            source = path.parent / f"{path.stem}_tracks" / f"{stems[name]}.wav"
            audio = tracks.recordings[name].audio
            save_audio(source, audio, tracks.sample_rate, subtype="FLOAT")  # type: ignore[arg-type]
        found[name] = source
    return found


def relative_path(path: Path, folder: Path) -> str:
    """Return how a file is named that is kept with a mix: by its way from the folder."""
    # Both without links, or the way up from one would not be the way down to the other.
    source, start = os.path.realpath(path), os.path.realpath(folder)
    try:
        return Path(os.path.relpath(source, start)).as_posix()
    except ValueError:  # on another drive
        return Path(source).as_posix()


def _read(path: Path) -> dict[str, Any]:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no number that can be set")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{twice[0]!r} stands twice in one place")
        return dict(pairs)

    try:
        # Some editors put a mark before UTF-8.
        text = path.read_text(encoding="utf-8-sig")
        data = json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path} cannot be read as a mix: {reason}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DataError(f"{path} is not the file of a mix: expected JSON with format {FORMAT!r}")
    return dict(data)


def _track_entry(name: str, given: Any) -> dict[str, Any]:
    entry = {"path": given} if isinstance(given, str) else _mapping(f"track {name}", given)
    _check_keys(f"track {name}", entry, ("path",), ("input_gain_db",))
    if not isinstance(entry["path"], str) or not entry["path"]:
        raise ArgumentError(f"track {name}: path is {entry['path']!r}; expected the name of an audio file")
    return entry


def _find(name: str, given: str, file: Path, tracks_folder: str | os.PathLike[str] | None) -> Path:
    """Return the file of a track."""
    # A path that was absolute stays so.
    path = Path(os.path.normpath(file.parent.resolve() / given))
    if path.is_file():
        return path
    if tracks_folder is None:
        raise ArgumentError(
            f"track {name}: {path} does not exist: correct its path in the file, or say in which folder it is now"
        )
    moved = Path(tracks_folder) / path.name
    if not moved.is_file():
        raise ArgumentError(f"track {name}: neither {path} nor {moved} exists: correct its path in the file")
    return moved


def _settings(where: str, data: Any, tracks: Sequence[str], console: MixingConsole | None) -> ConsoleSettings:
    """Read settings; a track that they leave out is at its defaults, in the order of the tracks."""
    mapping = _mapping(where, data)
    try:
        strips = _mapping("tracks", mapping.get("tracks", {}))
        for name in strips:
            if name not in tracks:
                raise ArgumentError(f"there is no track {name!r} in the mix; choose from {', '.join(tracks)}")
        ordered = {name: strips.get(name, {}) for name in tracks}
        groups = list(_mapping("groups", mapping.get("groups", {})))
        chosen = console or create_console(str(mapping.get("console")), groups)
        return ConsoleSettings.from_dict({**mapping, "tracks": ordered}, chosen)
    except ArgumentError as error:
        raise ArgumentError(f"{where}: {error}") from error


def _sections(data: Any, tracks: Sequence[str], console: MixingConsole) -> list[Section]:
    if not isinstance(data, list):
        raise ArgumentError(f"sections are {type(data).__name__}; expected a list")
    found = []
    for number, one in enumerate(data, start=1):
        where = f"section {number}"
        entry = _mapping(where, one)
        _check_keys(where, entry, ("start_s", "settings"), ("fade_s",))
        settings = _settings(f"{where}: settings", entry["settings"], tracks, console)
        found.append(Section(**{**entry, "settings": settings}))
    return found


def _check_keys(where: str, data: Mapping[str, Any], needed: Sequence[str], other: Sequence[str]) -> None:
    for key in needed:
        if key not in data:
            raise ArgumentError(f"{where} lacks {key!r}")
    for key in data:
        if key not in (*needed, *other):
            raise ArgumentError(f"{where} has an unknown part {key!r}; choose from {', '.join((*needed, *other))}")


def _mapping(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ArgumentError(f"{where} is {type(value).__name__}; expected names with values")
    return dict(value)
