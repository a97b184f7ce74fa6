"""What the verbs that make a mix have in common: the folder that they write, and options of a method."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxrep.cli.output import emit
from fxrep.errors import ArgumentError

if TYPE_CHECKING:
    from fxrep.mixing.result import MixResult
    from fxrep.mixing.tracks import TrackSet


def open_tracks(
    tracks: Sequence[Path],
    sample_rate: int | None,
    output: Path,
    force: bool,
    inputs: Sequence[Path],
    mixes: Sequence[Path] = (),
) -> TrackSet:
    """Return the tracks, after a look at the folder that is to be written.

    Args:
        tracks: audio files, and folders of them.
        sample_rate: Hz of the mix; None: that of most tracks.
        output: the folder.
        force: whether an earlier mix may be replaced.
        inputs: what else the mix is made from: files, or folders.
        mixes: finished recordings, which are no tracks where they lie in one of the folders.

    Raises:
        ArgumentError: there are no tracks.
        AudioError: a track cannot be read.
        OutputError: the folder must not be written.
    """
    from fxrep.mixing import song_tracks
    from fxrep.mixing.output_folder import check_output_folder

    song = song_tracks.open_tracks(list(tracks), sample_rate, mixes)
    check_output_folder(output, force, [*(path for path in song.paths.values() if path), *inputs])
    return song


def write_mix(made: MixResult, output: Path, force: bool, title: str, as_json: bool) -> None:
    """Write a mix as a folder, and print what it is.

    Args:
        made: the mix.
        output: the folder.
        force: whether an earlier mix may be replaced.
        title: of the report.
        as_json: print all of it.

    Raises:
        OutputError: the folder cannot be written.
    """
    made.save(output, overwrite=force, title=title)
    emit(_values(made, output), as_json, _line(made, output))


def _values(made: MixResult, output: Path) -> dict[str, Any]:
    stems = sorted((output / "stems").iterdir())
    return {
        "output": str(output),
        "mix": str(output / "mix.wav"),
        "console": str(output / "console.json"),
        "report": str(output / "report.html"),
        "stems": [str(path) for path in stems],
        **made.report,
    }


def _line(made: MixResult, output: Path) -> str:
    report = made.report
    count = len(report["tracks"])
    parts = [f"{count} {'track' if count == 1 else 'tracks'}, {report['duration_s']:.1f} s"]
    distance, nearer = report["embedding_distance"], report["features_nearer"]
    if distance["before"] is not None and distance["after"] is not None:
        wanted = report.get("compared_with") or "reference"
        parts.append(f"distance to the {wanted} {distance['before']:.3f} before, {distance['after']:.3f} after")
    if nearer:
        parts.append(f"{nearer['after']} of {nearer['of']} features nearer")
    level = report["loudness"]["after"]
    loudness = "silent" if level["lufs"] is None else f"{level['lufs']:.1f} LUFS"
    peak = "" if level["peak_dbfs"] is None else f", peak {level['peak_dbfs']:+.1f} dBFS"
    if (level["peak_dbfs"] or 0.0) > 0.0:
        peak += ", above full scale: lower it before it is written as integers"
    return f"{output / 'report.html'}: {'; '.join([*parts, loudness + peak])}"


def read_options(given: Sequence[str] | None) -> dict[str, Any]:
    """Return arguments of a method, values being JSON where they can be.

    Args:
        given: texts KEY=VALUE.

    Raises:
        ArgumentError: one is not of that form.
    """
    return dict(_option(text) for text in given or [])


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (equals and key.isidentifier()):
        raise ArgumentError(f"--option {text} is not understood: give KEY=VALUE, for example steps=50")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
