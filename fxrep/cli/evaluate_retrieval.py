"""`fxrep evaluate retrieval`: who finds the clip that went through the same effects?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fxrep.cli.evaluate_options import (
    BaselinesOption,
    DeviceOption,
    ManifestArgument,
    ModelOption,
    SeedOption,
    SplitOption,
    command_line,
    markdown_table,
    open_systems,
)
from fxrep.cli.output import JsonOption, emit


def run(
    manifest: ManifestArgument,
    model: ModelOption = None,
    split: SplitOption = "test",
    candidates: Annotated[int, typer.Option(min=2, help="Clips per group; chance is 1 / candidates.")] = 100,
    groups: Annotated[int, typer.Option(min=1, help="Groups per instrument.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of a clip.")] = 5.0,
    chain: Annotated[str, typer.Option(help="Effect chain that the effects are drawn from.")] = "default",
    instrument: Annotated[
        list[str] | None, typer.Option(help="Only these instruments (or mixture); repeat for several.")
    ] = None,
    minimum_songs: Annotated[int, typer.Option(min=1, help="Leave out instruments of fewer songs.")] = 3,
    baselines: BaselinesOption = True,
    device: DeviceOption = "cpu",
    seed: SeedOption = 1234,
    as_json: JsonOption = False,
) -> None:
    """Find the clip that went through the same effects among candidates of the same instrument.

    \b
    Example:
      fxrep evaluate retrieval normalized/manifest.parquet --model default --split test
    """
    from encoders.evaluation import RetrievalProtocol, retrieval_benchmark
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
        device=device,
    )
    results = retrieval_benchmark(open_systems(model, baselines, device), read_manifest(manifest), protocol)
    table = retrieval_table(results, candidates, protocol.instruments_used)
    result = {
        "command": command_line(),
        "chance": 1.0 / candidates,
        "instruments": protocol.instruments_used,
        "systems": results,
        "table": table,
    }
    emit(result, as_json, table)


def retrieval_table(results: dict[str, dict[str, Any]], candidates: int, instruments: list[str]) -> str:
    """The results as a Markdown table, chance in the last row."""
    rows = [["system", "R@1 (95 %)", "R@5", "R@10", "mAP@10", "mean rank", "median rank", *instruments]]
    for name, found in results.items():
        low, high = found["r@1_interval"]
        rows.append(
            [
                name,
                f"{found['r@1']:.1%} ({low:.1%}-{high:.1%})",
                f"{found['r@5']:.1%}",
                f"{found['r@10']:.1%}",
                f"{found['map@10']:.3f}",
                f"{found['mean_rank']:.1f}",
                f"{found['median_rank']:.1f}",
                *(f"{found['by_instrument'][instrument]:.0%}" for instrument in instruments),
            ]
        )
    shares = [f"{min(1.0, k / candidates):.1%}" for k in (1, 5, 10)]
    middle = f"{(candidates + 1) / 2:.1f}"
    rows.append(["chance", *shares, "", middle, middle, *[f"{1 / candidates:.0%}"] * len(instruments)])
    return markdown_table(rows)
