"""`fxrep transfer`: mix tracks in the style of a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fxrep.cli.mix_folder import open_tracks, read_options, write_mix
from fxrep.cli.output import JsonOption
from fxrep.errors import ArgumentError


def run(
    tracks: Annotated[list[Path], typer.Argument(metavar="TRACKS...", help="Audio files, and folders of them.")],
    reference: Annotated[
        list[Path], typer.Option("--reference", "-r", help="A mix whose style is wanted. Again for several.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write, new or empty.")],
    method: Annotated[str, typer.Option(help="diff_mst, mixfx_cloner or inference_time.")] = "diff_mst",
    weights: Annotated[
        str | None, typer.Option(metavar="W,W,...", help="What each of several references counts.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP,...", help="Transfer only these: levels, eq, dynamics, stereo, effects, sends, master."
        ),
    ] = None,
    strength: Annotated[float, typer.Option(help="How far to go: 0 is neutral, 1 the whole transfer.")] = 1.0,
    sections: Annotated[
        str | None,
        typer.Option(metavar="auto|N|TIMES", help="Own settings for each section: found, so many, or from 12,45.5 s."),
    ] = None,
    loudness: Annotated[
        str, typer.Option(metavar="LUFS|none", help="Of the mix; none leaves what the method says.")
    ] = "-16",
    model: Annotated[
        str | None, typer.Option(help="Name or folder of what the method has learnt; a console for inference_time.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Name or folder of the encoder that searches and measures. Default: default.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="For inference_time: the method whose answer it begins with, as diff_mst.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="An argument of the method, as steps=50.")
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option(metavar="HZ", help="Of the mix. Default: that of most tracks.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of whatever is drawn.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier mix.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Mix tracks in the style of a reference.

    The folder then holds mix.wav, console.json (all settings, to be edited and heard with fxrep render), stems/ (tracks
    behind their strips, and buses) and report.html. It appears complete or not at all.

    \b
    Examples:
        fxrep transfer song/ --reference favourite.flac -o OUT/
        fxrep transfer *.wav -r a.flac -r b.flac --weights 3,1 --only eq,levels --strength 0.7 -o OUT/
    """
    from style_transfer import transfer

    song = open_tracks(tracks, sample_rate, output, force, reference, reference)
    made = transfer(
        song,
        list(reference),
        method,
        only=only,
        strength=strength,
        sections=sections,
        weights=None if weights is None else _numbers("--weights", weights),
        loudness=None if loudness == "none" else _numbers("--loudness", loudness, 1)[0],
        seed=seed,
        model=model,
        encoder=encoder,
        start=start,
        options=read_options(option),
    )
    title = f"Mix in the style of {' and '.join(path.stem for path in reference)}"
    write_mix(made, output, force, title, as_json)


def _numbers(name: str, text: str, count: int | None = None) -> list[float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or count not in (None, len(found)):
        wanted = "numbers with commas, for example 3,1" if count is None else "a number"
        raise ArgumentError(f"{name} {text} is not understood: give {wanted}")
    return found
