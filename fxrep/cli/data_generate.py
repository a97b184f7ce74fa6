"""`fxrep data generate`: songs from a seed, so that nothing has to be downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fxrep.cli.output import JsonOption, emit


def run(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the songs, one folder each.")],
    songs: Annotated[int, typer.Option(help="How many songs.")] = 20,
    duration: Annotated[float, typer.Option(help="Length of each in seconds, 5 to 600.")] = 20.0,
    seed: Annotated[int, typer.Option(help="Another seed gives other songs.")] = 0,
    sample_rate: Annotated[int, typer.Option(help="Hz.")] = 44100,
    suffix: Annotated[str, typer.Option("--format", help="flac or wav, 24 bit.")] = "flac",
    mix: Annotated[bool, typer.Option("--mix", help="Also write the plain sum of the tracks, at -14 LUFS.")] = False,
    workers: Annotated[int, typer.Option(help="Processes; the songs do not depend on it.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Compose and render dry multitrack songs; call it again to go on where it was interrupted.

    \b
    Example: fxrep data generate songs --songs 20 --duration 20 --seed 0
    """
    from fxrep.data.synthesis.dataset import generate_dataset

    summary = generate_dataset(
        folder,
        songs=songs,
        duration_s=duration,
        seed=seed,
        sample_rate=sample_rate,
        mix=mix,
        suffix=suffix,
        workers=workers,
    )
    result = {
        "folder": str(summary.folder),
        "made": summary.made,
        "kept": summary.kept,
        "track_seconds": summary.track_seconds,
    }
    text = f"{summary.folder}: {summary.made} songs made ({summary.track_seconds:.0f} s of tracks)"
    emit(result, as_json, text + (f", {summary.kept} were there already" if summary.kept else ""))
