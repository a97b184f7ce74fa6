"""`fxrep data check`: compare a manifest with the disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxrep.cli.output import JsonOption, emit
from fxrep.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from fxrep.data.checking import CheckReport


def run(
    manifest: Annotated[
        Path, typer.Argument(help="The Parquet file that fxrep data scan wrote, or a folder of shards.")
    ],
    root: Annotated[Path | None, typer.Option(help="Where the audio lies now, if it has moved.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Compare sizes and headers only, not the content.")] = False,
    workers: Annotated[int | None, typer.Option(help="Files read at once [default: one a processor].")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a manifest, or the index of shards, with the disk: what is missing, changed or unreadable.

    Ends with exit code 1 when anything is wrong.

    \b
    Example:
      fxrep data check musdb.parquet
      fxrep data check shards
    """
    from fxrep.data import check_manifest, read_manifest

    if manifest.is_dir() or manifest.name == "index.json":
        from fxrep.data.shards.checking import check_shards

        if root is not None:
            raise ArgumentError(
                "--root is for manifests: shards lie beside their index, name the folder they are in now"
            )
        _tell(check_shards(manifest, quick=quick, workers=workers), quick, as_json, "shards")
        return
    listed = read_manifest(manifest, root)
    if not listed.root.is_dir():
        raise DataError(
            f"there is no folder {listed.root}: "
            + ("give --root the folder that was scanned" if root else "name where the audio lies now with --root")
        )
    _tell(check_manifest(listed, quick=quick, workers=workers), quick, as_json, "files")


def _tell(report: CheckReport, quick: bool, as_json: bool, what: str) -> None:
    """Name every problem on standard error; end with exit code 1 where there is one."""
    kinds = {"missing": report.missing, "changed": report.changed, "unreadable": report.unreadable}
    for kind, entries in kinds.items():
        for path, reason in entries:
            print(f"fxrep: {kind}: {path}: {reason}", file=sys.stderr)
    counts = ", ".join(f"{len(entries)} {kind}" for kind, entries in kinds.items() if entries)
    verdict = counts or _all_well(what, quick)
    result = {kind: [{"path": path, "reason": reason} for path, reason in entries] for kind, entries in kinds.items()}
    emit(
        {"checked": report.checked, "ok": not report.problems, **result}, as_json, f"{report.checked} {what}: {verdict}"
    )
    if report.problems:
        raise typer.Exit(1)


def _all_well(what: str, quick: bool) -> str:
    if what == "shards":
        return "sizes as written" if quick else "as written"
    return "sizes and headers as scanned" if quick else "as scanned"
