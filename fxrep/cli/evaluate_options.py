"""What the verbs of `fxrep evaluate` share: options, the systems that are measured, tables."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from encoders import EffectEncoder
    from encoders.evaluation import System
    from fxrep.data import Manifest

ManifestArgument = Annotated[
    Path, typer.Argument(help="Manifest of (Fx-normalised) stems: a .parquet of `fxrep data`.")
]
ModelOption = Annotated[
    list[str] | None, typer.Option("--model", "-m", help="Encoder by name or folder; repeat for several.")
]
SplitOption = Annotated[str, typer.Option(help="Songs to draw from: train, validation or test.")]
BaselinesOption = Annotated[bool, typer.Option(help="Put the classic audio features beside the encoders.")]
ChainOption = Annotated[
    str,
    typer.Option(
        help="Chain of the effects: default, koo, …; wide, families, numpy, pedalboard, sox, rooms or plugins; also "
        "'NAME without EFFECT, …'."
    ),
]
ImpulseResponsesOption = Annotated[Path | None, typer.Option(help="Folder of impulse responses, for --chain rooms.")]
PluginOption = Annotated[
    list[str] | None,
    typer.Option(help="A VST3 or Audio Unit, for --chain plugins; repeat for several. Parameters are drawn at random."),
]
DeviceOption = Annotated[str, typer.Option(help="Where effects are rendered and encoders run: cpu, cuda, cuda:1, …")]
SeedOption = Annotated[int, typer.Option(min=0)]


def open_manifest(path: Path) -> Manifest:
    """A manifest whose splits keep songs and equal stems apart; nothing else can be measured on.

    Raises:
        DataError: it cannot be read, or a stem or its song is in two splits.
    """
    from fxrep.data import check_splits, read_manifest

    manifest = read_manifest(path)
    check_splits(manifest.filter(kind="stem"))
    return manifest


def open_encoders(models: list[str] | None, device: str) -> dict[str, EffectEncoder]:
    """The encoders by the names they were called, on a device.

    Args:
        models: names or folders; None for the default.
        device: where they go.

    Raises:
        ArgumentError: there is no such device.
        CheckpointError: there is no such encoder.
    """
    from encoders import load_encoder

    check_device(device)
    return {name: load_encoder(name).eval().to(device) for name in models or ["default"]}


def open_systems(models: list[str] | None, baselines: bool, device: str, ask: bool = False) -> dict[str, System]:
    """The encoders as systems, and the classic features behind them.

    Args:
        models: names or folders; None for the default.
        baselines: with the classic features.
        device: of the encoders.
        ask: also the encoders that can be asked for an instrument, ``NAME, by name`` and ``NAME, by clip``.

    Raises:
        ArgumentError: there is no such device.
        CheckpointError: there is no such encoder.
    """
    from encoders.evaluation import baseline_systems, encoder_system, takes_queries

    systems = {}
    for name, encoder in open_encoders(models, device).items():
        systems[name] = encoder_system(encoder, device)
        if ask and takes_queries(encoder):
            systems[f"{name}, by name"] = encoder_system(encoder, device, "name")
            systems[f"{name}, by clip"] = encoder_system(encoder, device, "clip")
    return systems | baseline_systems() if baselines else systems


def check_device(device: str) -> None:
    """Refuse a device that torch does not have.

    Raises:
        ArgumentError: there is none of that name.
    """
    import torch

    from fxrep.errors import ArgumentError

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArgumentError(f"no device {device!r}: {reason}") from error


def command_line() -> str:
    """The present call as a person would type it, paths shortened to their last two parts; `--json` left out."""
    words = [word for word in sys.argv[1:] if word != "--json"]
    short = ["/".join(Path(word).parts[-2:]) if Path(word).is_absolute() else word for word in words]
    return shlex.join(["fxrep", *short])


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; the first one is its head."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def with_interval(value: float, interval: Sequence[float], form: str) -> str:
    """A value and its 95 % interval: ``with_interval(0.5, (0.4, 0.6), ".0%")`` is ``50% (40% to 60%)``."""
    low, high = interval
    return f"{value:{form}} ({low:{form}} to {high:{form}})"
