"""`fxrep transfer`: mix tracks in the style of a reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxrep.cli.output import JsonOption, emit
from fxrep.errors import ArgumentError

if TYPE_CHECKING:
    from fxrep.mixing.result import MixResult


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

    The folder then holds mix.wav, console.json (all settings, to be edited and heard with fxrep render), stems/ (each
    track behind its strip) and report.html. It appears complete or not at all.

    \b
    Examples:
        fxrep transfer song/ --reference favourite.flac -o OUT/
        fxrep transfer *.wav -r a.flac -r b.flac --weights 3,1 --only eq,levels --strength 0.7 -o OUT/
    """
    from fxrep.mixing import TrackSet
    from fxrep.mixing.output_folder import check_output_folder
    from style_transfer import transfer

    song = TrackSet(list(tracks), sample_rate)
    check_output_folder(output, force, [*(path for path in song.paths.values() if path), *reference])
    made = transfer(
        song,
        list(reference),
        method,
        only=only,
        strength=strength,
        sections=sections,
        weights=None if weights is None else _numbers("--weights", weights),
        seed=seed,
        model=model,
        encoder=encoder,
        start=start,
        options=dict(_option(text) for text in option or []),
    )
    made.save(output, overwrite=force, title=f"Mix in the style of {' and '.join(path.stem for path in reference)}")
    emit(_result(made, output), as_json, _text(made, output))


def _result(made: MixResult, output: Path) -> dict[str, Any]:
    stems = sorted((output / "stems").iterdir())
    return {
        "output": str(output),
        "mix": str(output / "mix.wav"),
        "console": str(output / "console.json"),
        "report": str(output / "report.html"),
        "stems": [str(path) for path in stems],
        **made.report,
    }


def _text(made: MixResult, output: Path) -> str:
    report = made.report
    parts = [f"{len(report['tracks'])} tracks, {report['duration_s']:.1f} s"]
    distance, nearer = report["embedding_distance"], report["features_nearer"]
    if distance["before"] is not None and distance["after"] is not None:
        parts.append(f"distance to the reference {distance['before']:.3f} before, {distance['after']:.3f} after")
    if nearer:
        parts.append(f"{nearer['after']} of {nearer['of']} features nearer")
    level = report["loudness"]["after"]
    loudness = "silent" if level["lufs"] is None else f"{level['lufs']:.1f} LUFS"
    peak = "" if level["peak_dbfs"] is None else f", peak {level['peak_dbfs']:+.1f} dBFS"
    return f"{output / 'report.html'}: {'; '.join([*parts, loudness + peak])}"


def _numbers(name: str, text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise ArgumentError(f"{name} {text} is not understood: give numbers with commas, for example 3,1") from None


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (equals and key.isidentifier()):
        raise ArgumentError(f"--option {text} is not understood: give KEY=VALUE, for example steps=50")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
