"""`fxrep data hold-out`: instruments or sources that training shall never hear."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fxrep.cli.output import JsonOption, emit


def run(
    manifest: Annotated[Path, typer.Argument(help="The Parquet file of fxrep data scan or normalize.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The manifest to write.")],
    instrument: Annotated[list[str] | None, typer.Option(help="For testing only; repeat for several.")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Songs for testing only, a pattern of DATASET/SONG; repeat for several.")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Where the audio lies now, if it has moved.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a manifest in which instruments or sources are for testing only.

    \b
    Example:
      fxrep data hold-out songs.parquet -o without_drums.parquet --instrument drums
      fxrep data hold-out songs.parquet -o other_sources.parquet --source 'musdb18/*'
    """
    from fxrep.data import SPLITS, hold_out, read_manifest, write_manifest

    listed = read_manifest(manifest, root)
    held = hold_out(listed, instrument or (), source or ())
    write_manifest(out, held)
    counts = {split: sum(row.split == split for row in held.rows) for split in SPLITS}
    left_out = len(listed) - len(held)
    told = ", ".join(f"{count} {split}" for split, count in counts.items())
    emit({"manifest": str(out), "rows": counts, "left_out": left_out}, as_json, f"{out}: {told}, {left_out} left out")
