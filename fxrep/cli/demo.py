"""`fxrep demo`: the whole road on generated songs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fxrep.cli.output import JsonOption, emit
from fxrep.errors import ArgumentError


def run(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything the demo makes.")] = Path("fxrep-demo"),
    seconds: Annotated[float, typer.Option(min=1.0, help="How long the encoder is pretrained.")] = 60.0,
    songs: Annotated[int, typer.Option(min=12, help="How many songs are generated.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other songs, effects and weights.")] = 7,
    as_json: JsonOption = False,
) -> None:
    """Go the whole road on generated songs: generate, normalise, pretrain, embed, evaluate, search, map.

    Needs no data, no network and no GPU. Everything is computed now, so the figures differ from machine to machine.
    Run again, it takes up the songs that are there and makes the rest anew.

    \b
    Example: fxrep demo --out fxrep-demo --seconds 60
    """
    if out.exists() and not (out / "songs").is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise ArgumentError(f"{out} is there and was not made by fxrep demo: name another folder with --out")
    # Here and not above: this brings torch and everything else that the help text does not need.
    from fxrep.cli.demo_report import as_text
    from fxrep.cli.demo_road import walk_the_road

    report = walk_the_road(out, seconds=seconds, songs=songs, seed=seed)
    emit(report, as_json, as_text(report))
