"""`fxrep mix`: mix tracks without a reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from fxrep.cli.mix_folder import open_tracks, read_options, write_mix
from fxrep.cli.output import JsonOption
from fxrep.errors import ArgumentError


def run(
    tracks: Annotated[list[Path], typer.Argument(metavar="TRACKS...", help="Audio files, and folders of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write, new or empty.")],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            "-m",
            help="equal_loudness, mono_sum, dugan, knowledge, classical, least_squares, dmc, mix_wave_unet, "
            "fxnorm_automix, stem_autoencoder or mixing_graph.",
        ),
    ] = "dmc",
    target: Annotated[
        Path | None,
        typer.Option("--target", "-t", help="For least_squares and mixing_graph: the finished mix of these tracks."),
    ] = None,
    style: Annotated[
        list[Path] | None,
        typer.Option(
            "--style",
            "-s",
            help="For dmc models that take one: mixes, or folders of them, to mix like. Again for more.",
        ),
    ] = None,
    instrument: Annotated[
        list[str] | None,
        typer.Option(
            "--instrument",
            "-i",
            metavar="NAME=KIND",
            help="What a track is, where its name does not say: track1=vocals. Again for more.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name or folder of what the method has learnt. Default: what ships.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Name or folder of the encoder that compares with target or style.")
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
    """Mix tracks without a reference.

    The folder then holds mix.wav, console.json (all settings, to be edited and heard with fxrep render), stems/ and
    report.html, which says why the mix is as it is. It appears complete or not at all.

    \b
    Examples:
        fxrep mix song/ -o OUT/
        fxrep mix *.wav --method knowledge --instrument 03_gtr_L=guitar -o OUT/
        fxrep mix song/ --method least_squares --target mix.wav -o OUT/
        fxrep mix song/ --style my-favourites/ -o OUT/
    """
    from automix import automix

    inputs = [*(style or []), *([target] if target is not None else [])]
    song = open_tracks(tracks, sample_rate, output, force, inputs, () if target is None else (target,))
    with _kept_search(method, output, read_options(option)) as options:
        made = automix(
            song,
            method,
            target=target,
            style=list(style) if style else None,
            instruments=_instruments(instrument),
            seed=seed,
            model=model,
            encoder=encoder,
            options=options,
        )
        write_mix(made, output, force, f"Mix by {method}", as_json)


@contextmanager
def _kept_search(method: str, output: Path, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Let a search for a mixing graph be kept beside the folder, where the same command goes on after a kill.

    The file goes with the search: when the mix is written, and at Ctrl-C.
    """
    if method != "mixing_graph" or "checkpoint" in options:
        yield options
        return
    path = output.absolute().with_name(f"{output.absolute().name}.search.json")
    try:
        yield {**options, "checkpoint": str(path)}
    except KeyboardInterrupt:
        path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)


def _instruments(given: list[str] | None) -> dict[str, str] | None:
    if not given:
        return None
    found: dict[str, str] = {}
    for text in given:
        name, equals, kind = text.rpartition("=")
        if not (equals and name and kind):
            raise ArgumentError(f"--instrument {text} is not understood: give NAME=KIND, for example track1=vocals")
        if found.get(name, kind) != kind:
            raise ArgumentError(f"--instrument says {name} is {found[name]} and {kind}: name each track once")
        found[name] = kind
    return found
