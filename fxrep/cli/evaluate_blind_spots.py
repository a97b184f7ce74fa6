"""`fxrep evaluate blind-spots`: does an encoder hear what a listener hears at once?"""

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
    open_manifest,
    open_systems,
    with_interval,
)
from fxrep.cli.output import JsonOption, emit


def run(
    manifest: ManifestArgument,
    model: ModelOption = None,
    split: SplitOption = "test",
    queries: Annotated[int, typer.Option(min=2, help="Contents that every contrast is rendered on.")] = 50,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of a clip.")] = 5.0,
    chain: Annotated[str, typer.Option(help="Effect chain that the random styles are drawn from.")] = "default",
    baselines: BaselinesOption = True,
    device: DeviceOption = "cpu",
    seed: SeedOption = 1234,
    as_json: JsonOption = False,
) -> None:
    """Measure how far single contrasts (polarity, side, level, Haas delay, width) move an embedding.

    \b
    Each distance is in units of the median distance between random styles on the same contents; in brackets how often
    the same treatment is told from the other one on another content (chance 50 %).

    \b
    Example:
      fxrep evaluate blind-spots normalized/manifest.parquet --model default --queries 50
    """
    from encoders.evaluation import BlindSpotProtocol, blind_spot_benchmark

    protocol = BlindSpotProtocol(split, queries, seconds, chain=chain, seed=seed, device=device)
    results = blind_spot_benchmark(open_systems(model, baselines, device), open_manifest(manifest), protocol)
    table = blind_spot_table(results)
    emit({"command": command_line(), "systems": results, "table": table}, as_json, table)


def blind_spot_table(results: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table, one column per system; below the least distance that was asked for."""
    from encoders.evaluation.blind_spots import AIM

    names = next(iter(results.values()))["contrasts"]
    rows = [["contrast", *results]]
    for name in names:
        cells = []
        for found in results.values():
            one = found["contrasts"][name]
            cells.append(f"{with_interval(one['distance'], one['distance_interval'], '.3f')}, {one['told_apart']:.0%}")
        rows.append([name if next(iter(results.values()))["contrasts"][name]["required"] else f"({name})", *cells])
    rows.append([f"smallest (aim {AIM:g})", *(f"{found['smallest']:.3f}" for found in results.values())])
    return markdown_table(rows)
