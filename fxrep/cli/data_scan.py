"""`fxrep data scan`: measure every file of a dataset and write its manifest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from fxrep.cli.output import JsonOption, emit, report_failures


def run(
    root: Annotated[Path, typer.Argument(help="The dataset's folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The Parquet file to write.")],
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="How the folder is laid out; a wrong name lists the choices.")
    ] = "folder",
    validation: Annotated[float, typer.Option(help="Share of the songs held out for validation.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the songs held out for test.")] = 0.1,
    workers: Annotated[int | None, typer.Option(help="Files read at once [default: one a processor].")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="medleydb: the raw recordings instead of the stems.")] = False,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="csv: single sounds too, as songs of one track.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the manifest of another folder.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure every file of a dataset and write its manifest.

    A row holds path, song, track, instrument, split, duration, rate, channels, loudness, silence and content hash.
    The dataset's own split is kept; other songs are split by name, never by segment. Files that are silent, are
    shorter than 0.1 s or cannot be read are named and left out. A scan that was stopped goes on where it was.

    \b
    Example:
      fxrep data scan MUSDB18-HQ/ -d musdb18hq -o musdb.parquet
    """
    from fxrep.data import SplitFractions, scan

    options: dict[str, Any] = {name: True for name, on in (("raw", raw), ("isolated", isolated)) if on}
    result = scan(
        root,
        output,
        dataset=dataset,
        fractions=SplitFractions(validation, test),
        workers=workers,
        options=options,
        overwrite=force,
    )
    report_failures(result.failures)
    rows = result.manifest.rows
    songs = Counter({(row.song): row.split for row in rows}.values())
    hours = sum(row.duration_s for row in rows) / 3600
    summary = {
        "manifest": str(output),
        "files": len(rows),
        "songs": sum(songs.values()),
        "hours": round(hours, 3),
        "songs_by_split": dict(songs),
        "files_by_instrument": dict(Counter(row.instrument for row in rows)),
        "already_measured": result.resumed,
        "failures": [{"path": path, "reason": reason} for path, reason in result.failures],
    }
    splits = ", ".join(f"{count} {split}" for split, count in sorted(songs.items()))
    text = f"{output}: {len(rows)} files, {hours:.2f} h, {sum(songs.values())} songs ({splits})"
    left_out = f"; {len(result.failures)} files left out" if result.failures else ""
    emit(summary, as_json, text + left_out)
