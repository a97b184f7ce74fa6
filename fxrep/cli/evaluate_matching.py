"""`fxrep evaluate matching`: can settings be found again by descending the distance of embeddings?"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from fxrep.cli.evaluate_options import (
    BaselinesOption,
    ChainOption,
    DeviceOption,
    ManifestArgument,
    ModelOption,
    SeedOption,
    SplitOption,
    command_line,
    markdown_table,
    open_encoders,
    open_manifest,
    with_interval,
)
from fxrep.cli.output import JsonOption, emit


def run(
    manifest: ManifestArgument,
    model: ModelOption = None,
    split: SplitOption = "test",
    items: Annotated[int, typer.Option(min=2, help="Pairs of contents, each under a chain of its own.")] = 28,
    effects: Annotated[int, typer.Option(min=1, help="Active effects per item.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of a clip.")] = 3.0,
    chain: ChainOption = "default",
    steps: Annotated[int, typer.Option(min=1, help="Steps of every descent.")] = 60,
    starts: Annotated[int, typer.Option(min=1, help="Descents per item: the first from neutral settings.")] = 1,
    rate: Annotated[float, typer.Option(help="First step, in shares of the settings' ranges.")] = 0.05,
    batch: Annotated[int, typer.Option(min=1, help="Items searched at once; does not change the result.")] = 14,
    baselines: BaselinesOption = True,
    device: DeviceOption = "cpu",
    seed: SeedOption = 1234,
    as_json: JsonOption = False,
) -> None:
    """Find the settings of known effects by gradient descent, from a reference of another content.

    \b
    Example:
      fxrep evaluate matching normalized/manifest.parquet --model default --items 28 --effects 2
    """
    from encoders.evaluation import BASELINE_OBJECTIVES, MatchingProtocol, encoder_objective, matching_benchmark

    protocol = MatchingProtocol(
        split=split,
        items=items,
        effects=effects,
        segment_s=seconds,
        chain=chain,
        steps=steps,
        starts=starts,
        rate=rate,
        seed=seed,
        batch=batch,
        device=device,
    )
    objectives = {name: encoder_objective(encoder) for name, encoder in open_encoders(model, device).items()}
    results = matching_benchmark(
        objectives | (BASELINE_OBJECTIVES if baselines else {}), open_manifest(manifest), protocol
    )
    table = matching_table(results)
    asked = {field.name: getattr(protocol, field.name) for field in dataclasses.fields(protocol)}
    emit(
        {"command": command_line(), "protocol": {**asked, "chain": chain}, "objectives": results, "table": table},
        as_json,
        table,
    )


def matching_table(results: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table, one row per objective; start, chance and truth in the last rows."""
    effects = sorted({effect for found in results.values() for effect in found["by_effect"]})
    head = ["objective", "error of settings (95 %)", "MRSTFT to the oracle (95 %)", "level, dB"]
    rows = [[*head, "start → found (oracle)", "below the oracle", *effects]]
    for name, found in results.items():
        searched = "start" in found
        score = f"{found['start']:.3f} → {found['found']:.3f} ({found['oracle']:.3f})" if searched else ""
        rows.append(
            [
                name,
                with_interval(found["settings_error"], found["settings_error_interval"], ".3f"),
                with_interval(found["mrstft"], found["mrstft_interval"], ".3f"),
                f"{found['level_db']:.2f}",
                score,
                f"{found['below_oracle']:.0%}" if searched else "",
                *(f"{found['by_effect'][effect]:.3f}" for effect in effects),
            ]
        )
    return markdown_table(rows)
