"""`fxrep map`: recordings as a map, drawn by the sound of their effects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fxrep.cli.output import JsonOption, emit, report_failures


def run(
    source: Annotated[
        Path, typer.Argument(metavar="LIB.fxindex|EMBEDDINGS.parquet", help="An index, or what fxrep embed wrote.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .html, .png or .parquet.")],
    level: Annotated[str | None, typer.Option(help="One point per song or per window.")] = None,
    color: Annotated[
        str,
        typer.Option(
            metavar="cluster|KEY|FEATURE",
            help="What to colour by: clusters, a metadata key, a tag or fact of the files, folder, or an audio "
            "feature: loudness, brightness, bandwidth, noisiness, width, crest, level_spread, decay.",
        ),
    ] = "cluster",
    listen: Annotated[
        str,
        typer.Option(
            metavar="all|some|none",
            help="Measure the audio features of every point, of as many as name the clusters, or of none.",
        ),
    ] = "some",
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the map; another than the kept map's makes it again.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Make the map of an index again.")] = False,
    title: Annotated[str | None, typer.Option(help="Title above the map.")] = None,
    clip_seconds: Annotated[float, typer.Option(help="Length of the clips inside the page.")] = 4.0,
    clips: Annotated[int, typer.Option(min=0, help="Points that can be heard, at most, drawn evenly.")] = 300,
    dark: Annotated[bool, typer.Option("--dark", help="Draw a picture light on dark.")] = False,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="Leave sound out of the page.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Draw a map: a page that plays what you click and works offline, a picture, or a table of coordinates.

    The map of an index is kept in its folder: drawn again, nothing that was on it moves, new songs are placed among the
    others, and what was removed is gone. A page grows by about 65 kB for every point that can be heard.

    \b
    Example: fxrep map library.fxindex -o map.html --color genre
    """
    from fxrep.retrieval.embedding_table import check_level
    from fxrep.visualization import draw_map
    from fxrep.visualization.drawing import check_listening

    report = draw_map(
        source,
        output,
        level=None if level is None else check_level(level),
        color=color,
        seed=seed,
        again=again,
        listening=check_listening(listen),
        title=title,
        dark=dark,
        audio=not no_audio,
        clip_s=clip_seconds,
        most_clips=clips,
    )
    report_failures(report.failures)
    colors = report.points.colors
    result: dict[str, Any] = {
        "output": str(report.output),
        "points": len(report.points),
        "color": colors.title,
        "groups": list(colors.groups),
        "clusters": [cluster.to_dict() for cluster in report.points.clusters],
        "clips": report.clips,
        "size_bytes": report.size_bytes,
        "failures": [{"path": path, "reason": reason} for path, reason in report.failures],
    }
    sound = f", {report.clips} clips" if report.output.suffix == ".html" else ""
    text = f"{report.output}: {len(report.points)} points{sound}, {report.size_bytes / 1e6:.1f} MB"
    for cluster in report.points.clusters:
        text += f"\n  {cluster.name} ({cluster.size})" + (f": {cluster.text}" if cluster.features else "")
    emit(result, as_json, text)
