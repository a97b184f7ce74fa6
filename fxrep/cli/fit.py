"""`fxrep fit`: fit a mixer that is solved rather than trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fxrep.cli.output import JsonOption, emit
from fxrep.errors import ArgumentError


def run(
    system: Annotated[str, typer.Argument(help="What is fitted: classical.")],
    manifest: Annotated[
        list[Path],
        typer.Option("--manifest", "-m", help="Of songs whose stems lie at their levels. Again for several."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the model to.")],
    train_split: Annotated[str, typer.Option(help="Songs that are fitted to; all for every song.")] = "train",
    test_split: Annotated[str, typer.Option(help="Songs that are only measured; none for no test.")] = "test",
    passages: Annotated[int, typer.Option(min=1, help="Passages of five seconds of each song, on average.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing of passages.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier model.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fit a mixer to songs whose gains are known.

    classical: mixing levels from acoustic features by ridge regression. The folder then holds model.json and README.md,
    with the error on songs that were left out, beside that of equal loudness.

    \b
    Example:
        fxrep fit classical -m songs/manifest.parquet -o my_mixer
        fxrep mix song/ --method classical --model my_mixer -o OUT/
    """
    if system != "classical":
        raise ArgumentError(f"there is nothing to fit for {system!r}: choose classical; others learn with fxrep train")
    from automix.classical import fit_classical
    from automix.classical.mixer import FILE

    names = {path.name for path in output.iterdir()} if output.is_dir() else set()
    if output.exists() and not output.is_dir():
        raise ArgumentError(f"{output} is a file: give a folder")
    if names - {FILE, "README.md"}:
        raise ArgumentError(f"{output} holds something else than a model: give a folder that is new or empty")
    if names and not force:
        raise ArgumentError(f"{output} holds a model already: choose another folder, or replace it with --force")
    about = fit_classical(
        manifest,
        output,
        None if train_split == "all" else train_split,
        None if test_split == "none" else test_split,
        passages,
        seed,
    )
    own, equal = about["left_out"]["model"]["rms_db"], about["left_out"]["equal_loudness"]["rms_db"]
    text = (
        f"wrote {output}: {about['songs']} songs, {about['tracks']} tracks; on songs left out {own:.2f} dB RMS, equal "
        f"loudness {equal:.2f} dB"
    )
    emit({"output": str(output), **about}, as_json, text)
