"""`fxrep models`: the models there are, what a release holds, and making one from a training checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from fxrep.cli.output import JsonOption, emit

_PLURALS = {"controller": "controllers", "cloner": "cloners"}

app = typer.Typer(help="Models that ship, what a release holds, and making one.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models that ship with the package, and the architectures of encoders that can be trained.

    \b
    Example:
      fxrep models list
    """
    from encoders.checkpoints import DEFAULT_ENCODER, list_encoders
    from encoders.registry import ENCODERS
    from fxrep.cli.released_kinds import SHIPPED, list_shipped

    names = list_encoders()
    mixing = {_PLURALS.get(kind, kind): list_shipped(kind) for kind in SHIPPED}
    default = DEFAULT_ENCODER if DEFAULT_ENCODER in names else None
    marked = [f"{name} (default)" if name == default else name for name in names]
    text = f"pretrained     {', '.join(marked) or 'none'}\narchitectures  {', '.join(sorted(ENCODERS))}"
    text += "".join(f"\n{title:14} {', '.join(found) or 'none'}" for title, found in mixing.items())
    listed = {"pretrained": names, "default": default, "architectures": ENCODERS}
    emit({**listed, **mixing}, as_json, text)


@app.command()
def info(
    model: Annotated[str, typer.Argument(help="Name, release folder or Hub repository.")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Show what a release holds, and check that its weights are whole.

    \b
    Example:
      fxrep models info default
    """
    from fxrep.cli.released_kinds import describe_release

    description = describe_release(model)
    emit(description, as_json, _text(description))


@app.command()
def export(
    checkpoint: Annotated[str, typer.Argument(help="Lightning checkpoint (.ckpt) of a training.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder to write the release to.")],
    name: Annotated[Optional[str], typer.Option(help="Name on the model card; the folder's by default.")] = None,  # noqa: UP045
    licence: Annotated[str, typer.Option(help="SPDX name of the weights' licence.")] = "Apache-2.0",
    force: Annotated[bool, typer.Option("--force", help="Replace a release that is there; other files stay.")] = False,
    base: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Release that ships and holds the encoder's frozen part: its weights are not copied."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a training checkpoint into a release folder: weights, configuration, model card and licence.

    \b
    Example:
      fxrep models export runs/fx_encoder/version_0/checkpoints/best.ckpt -o my_encoder
    """
    from fxrep.cli.released_kinds import describe_release, find_exporter

    given = {} if base is None else {"base": base}
    folder = find_exporter(checkpoint)(checkpoint, output, name=name, licence=licence, overwrite=force, **given)
    description = describe_release(str(folder))
    emit(description, as_json, f"wrote {folder}\n{_text(description)}")


@app.command("import")
def import_model(
    checkpoint: Annotated[str, typer.Argument(help="Released weights: the file itself, or its state_dict.")],
    format: Annotated[str, typer.Option("--format", help="Whose they are: fx_encoder_plus_plus or afx_rep.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder to write the release to.")],
    embedding: Annotated[
        str, typer.Option(help="Of Fx-Encoder++: projection (128 values) or body (the 2048 before it).")
    ] = "projection",
    clap: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Of Fx-Encoder++: folder of a CLAP model, to ask for instruments inside mixtures."),
    ] = None,
    name: Annotated[Optional[str], typer.Option(help="Name on the model card; the folder's by default.")] = None,  # noqa: UP045
    licence: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="SPDX name of the weights' licence; what is known of the format by default."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a release that is there; other files stay.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn weights that another project released into a release folder, to evaluate and use like any other.

    \b
    Example:
      fxrep models import fxenc_plusplus_default.pt --format fx_encoder_plus_plus -o published-pp
      fxrep evaluate retrieval normalized/manifest.parquet -m published-pp -m default
    """
    from encoders.checkpoints import describe_encoder
    from encoders.released_checkpoints import import_released

    folder = import_released(
        checkpoint, output, format, embedding=embedding, clap=clap, name=name, licence=licence, overwrite=force
    )
    description = describe_encoder(folder)
    note = description["metrics"]["training"]["note"]
    emit(description, as_json, f"wrote {folder}\n{_text(description)}\nnote         {note}")


@app.command()
def card(
    model: Annotated[str, typer.Argument(help="Release folder of an encoder or of a mixing model.")],
    measured: Annotated[Path, typer.Option("--measured", help="What fxrep evaluate … --json printed.")],
    name: Annotated[str, typer.Option(help="Heading of the measurement on the card.")] = "Retrieval",
    as_json: JsonOption = False,
) -> None:
    """Write what was measured into a release's model card, under the command that measured it.

    \b
    Example:
      fxrep evaluate retrieval normalized/manifest.parquet -m my-encoder --json > retrieval.json
      fxrep models card my-encoder --measured retrieval.json
    """
    import json

    from fxrep.cli.release_cards import add_measurement
    from fxrep.cli.released_kinds import describe_release
    from fxrep.errors import DataError

    try:
        result = json.loads(measured.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{measured} cannot be read as JSON: {error}: take the output of fxrep evaluate --json"
        ) from error
    folder = add_measurement(model, name, result if isinstance(result, dict) else {})
    emit(describe_release(str(folder)), as_json, f"wrote {folder / 'README.md'}")


def _text(description: dict[str, Any]) -> str:
    from fxrep.cli.released_kinds import KINDS

    tree = next(description[kind] for kind in KINDS if kind in description)
    lines = [
        f"name         {description['name']}",
        f"folder       {description['folder']}",
        f"class        {tree['class_path']}",
        f"parameters   {description['parameters']:,}",
        _audio_line(description["audio"]),
        f"fingerprint  {description['fingerprint']}",
        f"licence      {description['licence']}",
    ]
    metrics = description["metrics"].get("metrics", {})
    lines += [f"{name:12} {value:.4g}" for name, value in metrics.items() if isinstance(value, (int, float))]
    return "\n".join(lines)


def _audio_line(audio: dict[str, Any]) -> str:
    """What goes in and what comes out, of a model that renders, an encoder, or what sets a console."""
    if "slots" in audio or "groups" in audio:
        places = f"slots {audio['slots']}" if "slots" in audio else f"groups {audio['groups']}"
        return f"tracks       {audio['track_lufs']:g} LUFS at {audio['sample_rate']} Hz, {places}"
    if "stems" in audio and "normalization" in audio:
        steps = ", ".join(audio["normalization"])
        return f"tracks       normalised ({steps}) at {audio['sample_rate']} Hz, stems {', '.join(audio['stems'])}"
    heard = f"windows of {audio['window_s']:g} s at {audio['sample_rate']} Hz"
    if "receptive_field" in audio:
        return f"stems        {audio['input_lufs']:g} LUFS at {audio['sample_rate']} Hz, references in {heard}"
    if "dim" in audio:
        return f"embedding    {audio['dim']} numbers, {heard}"
    return f"console      {audio['console']}, tracks at {audio['track_lufs']:g} LUFS, {heard}"
