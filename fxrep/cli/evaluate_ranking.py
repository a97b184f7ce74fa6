"""`fxrep evaluate ranking`: of many candidates, who chooses the one that sounds most like the hidden truth?"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from fxrep.cli.evaluate_options import (
    BaselinesOption,
    ChainOption,
    DeviceOption,
    ImpulseResponsesOption,
    ManifestArgument,
    ModelOption,
    PluginOption,
    SeedOption,
    SplitOption,
    command_line,
    markdown_table,
    open_manifest,
    open_systems,
    with_interval,
)
from fxrep.cli.output import JsonOption, emit

MEASURES = [
    ("distance of the choice, dB", "distance_db", ".2f"),
    ("in features", "features", ".2f"),
    ("rank correlation", "spearman", ".3f"),
    ("effects, F1", "f1", ".3f"),
    ("beats the source", "beats_source", ".0%"),
]
"""Columns of the table: what they are called, where they stand in the result, and how they are written."""


def run(
    manifest: ManifestArgument,
    model: ModelOption = None,
    split: SplitOption = "test",
    candidates: Annotated[int, typer.Option(min=2, help="Chains that are ranked, the same for a whole group.")] = 128,
    queries: Annotated[int, typer.Option(min=1, help="Hidden chains per group.")] = 16,
    groups: Annotated[int, typer.Option(min=1, help="Groups per instrument.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of a clip.")] = 5.0,
    chain: ChainOption = "default",
    effects: Annotated[
        int | None, typer.Option(min=1, help="Active effects per chain; by default as the chain draws them.")
    ] = None,
    impulse_responses: ImpulseResponsesOption = None,
    plugin: PluginOption = None,
    instrument: Annotated[list[str] | None, typer.Option(help="Only these instruments; repeat for several.")] = None,
    minimum_songs: Annotated[int, typer.Option(min=1, help="Leave out instruments of fewer songs.")] = 2,
    baselines: BaselinesOption = True,
    device: DeviceOption = "cpu",
    seed: SeedOption = 1234,
    as_json: JsonOption = False,
) -> None:
    """Rank renders of one content by a reference of another content, and judge the choice by the hidden truth.

    \b
    Example:
      fxrep evaluate ranking normalized/manifest.parquet --model default --candidates 128
    """
    from encoders.evaluation import RankingProtocol, evaluation_chain, ranking_benchmark

    protocol = RankingProtocol(
        split=split,
        candidates=candidates,
        queries=queries,
        groups=groups,
        segment_s=seconds,
        instruments=instrument,
        minimum_songs=minimum_songs,
        chain=evaluation_chain(chain, impulse_responses, plugin or ()),
        seed=seed,
        device=device,
        effects=effects,
    )
    results = ranking_benchmark(open_systems(model, baselines, device), open_manifest(manifest), protocol)
    table = ranking_table(results)
    asked = {field.name: getattr(protocol, field.name) for field in dataclasses.fields(protocol)}
    emit(
        {"command": command_line(), "protocol": {**asked, "chain": chain}, "systems": results, "table": table},
        as_json,
        table,
    )


def ranking_table(results: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table, one row per system; the oracle and any candidate in the last rows."""
    rows = [["system", *(f"{title} (95 %)" for title, _, _ in MEASURES)]]
    for name, found in results.items():
        cells = [with_interval(found[key], found[f"{key}_interval"], form) for _, key, form in MEASURES]
        rows.append([name, *cells])
    return markdown_table(rows)
