"""`fxrep evaluate probe`: what an embedding tells, what it should not tell, and the shape of its space."""

from __future__ import annotations

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

MEASURES: list[tuple[str, str, str]] = [
    ("which effects, AUC", "effects", "auc"),
    ("settings, R²", "settings", "r2"),
    ("settings, rank correlation", "settings", "spearman"),
    ("instrument leaks, accuracy (less is better)", "leakage.instrument", "accuracy"),
    ("song leaks, accuracy (less is better)", "leakage.song", "accuracy"),
    ("smooth in settings, rank correlation", "smoothness", "settings"),
    ("smooth in features, rank correlation", "smoothness", "features"),
    ("effects add up, cosine", "additivity", "cosine"),
    ("the same with another pair of effects", "additivity", "control"),
]
"""Rows of the table: what they are called, and where they stand in the result."""


def run(
    manifest: ManifestArgument,
    model: ModelOption = None,
    split: SplitOption = "test",
    fit_split: Annotated[str, typer.Option(help="Songs that the linear read-outs are fitted on.")] = "train",
    queries: Annotated[int, typer.Option(min=20, help="Clips to fit on, and as many to test on.")] = 200,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of a clip.")] = 5.0,
    chain: ChainOption = "default",
    impulse_responses: ImpulseResponsesOption = None,
    plugin: PluginOption = None,
    baselines: BaselinesOption = True,
    device: DeviceOption = "cpu",
    seed: SeedOption = 1234,
    as_json: JsonOption = False,
) -> None:
    """Read effects, settings and content out of embeddings linearly, and measure smoothness and additivity.

    \b
    Example:
      fxrep evaluate probe normalized/manifest.parquet --model default --queries 200
    """
    from encoders.evaluation import ProbeProtocol, evaluation_chain, probe_benchmark

    effects = evaluation_chain(chain, impulse_responses, plugin or ())
    protocol = ProbeProtocol(fit_split, split, queries, seconds, chain=effects, seed=seed, device=device)
    results = probe_benchmark(open_systems(model, baselines, device), open_manifest(manifest), protocol)
    table = probe_table(results)
    emit({"command": command_line(), "systems": results, "table": table}, as_json, table)


def probe_table(results: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table, one column per system; the last column is chance."""
    rows = [["measure", *results, "chance"]]
    for title, place, key in MEASURES:
        parts = [_at(found, place) for found in results.values()]
        rows.append([title, *(_cell(part, key) for part in parts), _chance(parts[0], key)])
    return markdown_table(rows)


def _at(found: dict[str, Any], place: str) -> dict[str, Any]:
    for name in place.split("."):
        found = found[name]
    return found


def _cell(part: dict[str, Any], key: str) -> str:
    value, interval = part.get(key), part.get(f"{key}_interval")
    if value is None:
        return ""
    form = ".0%" if key == "accuracy" else ".3f"
    return f"{value:{form}}" if interval is None else with_interval(value, interval, form)


def _chance(part: dict[str, Any], key: str) -> str:
    if key == "auc":
        return "0.500"
    if key == "accuracy":
        return "" if part["chance"] is None else f"{part['chance']:.0%} of {part['classes']}"
    return "0.000"
