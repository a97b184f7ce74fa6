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
    color: Annotated[str, typer.Option(metavar="KEY|cluster", help="Metadata key to colour by, or cluster.")] = (
        "cluster"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the map; the same seed gives the same map.")] = 0,
    title: Annotated[str | None, typer.Option(help="Title above the map.")] = None,
    clip_seconds: Annotated[float, typer.Option(help="Length of the clips inside the page.")] = 4.0,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="Leave sound out of the page.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Draw a map: a page that plays what you click and works offline, a picture, or a table of coordinates.

    A page grows by about 65 kB for every point that can be heard.

    \b
    Example: fxrep map library.fxindex -o map.html --color genre
    """
    from fxrep.retrieval.embedding_table import check_level
    from fxrep.visualization import draw_map

    report = draw_map(
        source,
        output,
        level=None if level is None else check_level(level),
        color=color,
        seed=seed,
        title=title,
        audio=not no_audio,
        clip_s=clip_seconds,
    )
    report_failures(report.failures)
    groups = report.points.groups
    result: dict[str, Any] = {
        "output": str(report.output),
        "points": len(report.points.table),
        "color": groups.title,
        "groups": list(groups.names),
        "clips": report.clips,
        "size_bytes": report.size_bytes,
        "failures": [{"path": path, "reason": reason} for path, reason in report.failures],
    }
    sound = f", {report.clips} clips" if report.output.suffix == ".html" else ""
    text = f"{report.output}: {len(report.points.table)} points{sound}, {report.size_bytes / 1e6:.1f} MB"
    emit(result, as_json, text)
