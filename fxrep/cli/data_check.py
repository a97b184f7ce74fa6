"""`fxrep data check`: compare a manifest with the disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fxrep.cli.output import JsonOption, emit
from fxrep.errors import DataError


def run(
    manifest: Annotated[Path, typer.Argument(help="The Parquet file that fxrep data scan wrote.")],
    root: Annotated[Path | None, typer.Option(help="Where the audio lies now, if it has moved.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Compare sizes and headers only, not the content.")] = False,
    workers: Annotated[int | None, typer.Option(help="Files read at once [default: one a processor].")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a manifest with the disk: what is missing, changed or unreadable.

    Ends with exit code 1 when anything is wrong.

    \b
    Example:
      fxrep data check musdb.parquet
    """
    from fxrep.data import check_manifest, read_manifest

    listed = read_manifest(manifest, root)
    if not listed.root.is_dir():
        raise DataError(
            f"there is no folder {listed.root}: "
            + ("give --root the folder that was scanned" if root else "name where the audio lies now with --root")
        )
    report = check_manifest(listed, quick=quick, workers=workers)
    kinds = {"missing": report.missing, "changed": report.changed, "unreadable": report.unreadable}
    for kind, entries in kinds.items():
        for path, reason in entries:
            print(f"fxrep: {kind}: {path}: {reason}", file=sys.stderr)
    counts = ", ".join(f"{len(entries)} {kind}" for kind, entries in kinds.items() if entries)
    verdict = counts or ("as scanned" if not quick else "sizes and headers as scanned")
    result = {kind: [{"path": path, "reason": reason} for path, reason in entries] for kind, entries in kinds.items()}
    emit(
        {"checked": report.checked, "ok": not report.problems, **result}, as_json, f"{report.checked} files: {verdict}"
    )
    if report.problems:
        raise typer.Exit(1)
