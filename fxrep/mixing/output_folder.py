"""Where a mix may be written: never over something that is not a mix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from fxrep.errors import ArgumentError, OccupiedError, OutputError
from fxrep.scratch_folder import is_scratch

OUTPUT_NAMES = ("mix.wav", "console.json", "result.json", "stems", "report.html", "details", "tracks", "console_tracks")
"""What the folder of a mix holds."""


def check_file_names(files: Mapping[str, str]) -> dict[str, str]:
    """Return texts by the names of the files that they are to be written to.

    Raises:
        ArgumentError: a name is none, or leads out of the folder.
    """
    for name in files:
        if not name or Path(name).name != name or "\\" in name or name.startswith("."):
            raise ArgumentError(f"{name!r} is no name for a file beside a mix: give one without folders, as graph.svg")
    return dict(files)


def check_output_folder(folder: Path, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Refuse a folder that a mix must not replace. Called before long work, it saves people from waiting for nothing.

    Args:
        folder: where the mix is to go.
        overwrite: whether an earlier mix may be replaced.
        inputs: files that are needed: they must not lie in it.

    Raises:
        OccupiedError: it is a file, holds an earlier mix that must stay, or something that is none, or an input.
        OutputError: it cannot be read.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OccupiedError(f"{folder} is a file: give the name of a folder to write the mix to")
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise OutputError(f"{folder} cannot be read ({error.strerror}): give another folder") from error
    whole = folder.resolve()
    if whole == Path.cwd().resolve():
        raise OccupiedError(f"{folder} is the folder that you are in, which cannot be replaced: give one in it")
    if not names:
        return
    for path in inputs:
        if path.resolve().is_relative_to(whole):
            raise OccupiedError(f"{folder} holds {path}, which the mix is made from: give another folder")
    foreign = [name for name in names if name not in OUTPUT_NAMES and not is_scratch(name)]
    if foreign or "console.json" not in names:
        shown = ", ".join((foreign or names)[:3])
        raise OccupiedError(f"{folder} holds something else than a mix ({shown}): give a folder that is new or empty")
    if not overwrite:
        raise OccupiedError(f"{folder} holds a mix already: give another folder, or --force to replace it")
