"""`fxrep evaluate`: how well an encoder does its job, beside simple baselines and chance."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fxrep.cli.output import JsonOption, emit

app = typer.Typer(help="Evaluate encoders beside baselines and chance.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `retrieval` a verb of its own while it is the only one."""


@app.command("retrieval")
def retrieval(
    manifest: Annotated[Path, typer.Argument(help="Manifest of (Fx-normalised) stems: a .parquet of `fxrep data`.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="Encoder by name or folder; repeat for several.")
    ] = None,
    split: Annotated[str, typer.Option(help="Songs to draw from: train, validation or test.")] = "test",
    candidates: Annotated[int, typer.Option(min=2, help="Clips per group; chance is 1 / candidates.")] = 100,
    groups: Annotated[int, typer.Option(min=1, help="Groups per instrument.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of a clip.")] = 5.0,
    chain: Annotated[str, typer.Option(help="Effect chain that the effects are drawn from.")] = "default",
    instrument: Annotated[
        list[str] | None, typer.Option(help="Only these instruments (or mixture); repeat for several.")
    ] = None,
    minimum_songs: Annotated[int, typer.Option(min=1, help="Leave out instruments of fewer songs.")] = 3,
    baselines: Annotated[bool, typer.Option(help="Put the classic audio features beside the encoders.")] = True,
    seed: Annotated[int, typer.Option(min=0)] = 1234,
    as_json: JsonOption = False,
) -> None:
    """Find the clip that went through the same effects among candidates of the same instrument.

    \b
    Example:
      fxrep evaluate retrieval normalized/manifest.parquet --model default --split test
    """
    from encoders import load_encoder
    from encoders.evaluation import RetrievalProtocol, baseline_systems, encoder_system, retrieval_benchmark
    from fxrep.data import read_manifest

    protocol = RetrievalProtocol(
        split=split,
        candidates=candidates,
        groups=groups,
        segment_s=seconds,
        instruments=instrument,
        minimum_songs=minimum_songs,
        chain=chain,
        seed=seed,
    )
    systems = {name: encoder_system(load_encoder(name)) for name in model or ["default"]}
    if baselines:
        systems |= baseline_systems()
    results = retrieval_benchmark(systems, read_manifest(manifest), protocol)
    table = retrieval_table(results, candidates, protocol.instruments_used)
    result = {
        "command": command_line(),
        "chance": 1.0 / candidates,
        "instruments": protocol.instruments_used,
        "systems": results,
        "table": table,
    }
    emit(result, as_json, table)


def command_line() -> str:
    """The present call as a person would type it, paths shortened to their last two parts; `--json` left out."""
    words = [word for word in sys.argv[1:] if word != "--json"]
    short = ["/".join(Path(word).parts[-2:]) if Path(word).is_absolute() else word for word in words]
    return shlex.join(["fxrep", *short])


def retrieval_table(results: dict[str, dict[str, Any]], candidates: int, instruments: list[str]) -> str:
    """The results as a Markdown table, chance in the last row."""
    head = ["system", "R@1 (95 %)", "R@5", "mAP@10", "median rank", *instruments]
    rows = [head, ["---"] * len(head)]
    for name, found in results.items():
        low, high = found["r@1_interval"]
        rows.append(
            [
                name,
                f"{found['r@1']:.1%} ({low:.1%}-{high:.1%})",
                f"{found['r@5']:.1%}",
                f"{found['map@10']:.3f}",
                f"{found['median_rank']:.1f}",
                *(f"{found['by_instrument'][instrument]:.0%}" for instrument in instruments),
            ]
        )
    chance = f"{1 / candidates:.1%}"
    rows.append(["chance", chance, f"{min(1.0, 5 / candidates):.1%}", "", f"{(candidates + 1) / 2:.1f}"])
    rows[-1] += [f"{1 / candidates:.0%}"] * len(instruments)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
