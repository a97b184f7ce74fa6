"""`fxrep evaluate retrieval`: who finds the clip that went through the same effects?"""

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
)
from fxrep.cli.output import JsonOption, emit
from fxrep.errors import ArgumentError

HARD = 5
"""Candidates of each kind that `--hard` makes for every query."""


def run(
    manifest: ManifestArgument,
    model: ModelOption = None,
    split: SplitOption = "test",
    candidates: Annotated[int, typer.Option(min=2, help="Clips per group; chance is 1 / candidates.")] = 100,
    groups: Annotated[int, typer.Option(min=1, help="Groups per instrument.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of a clip.")] = 5.0,
    queries: Annotated[int | None, typer.Option(min=1, help="Queries per group; all that can be by default.")] = None,
    chain: ChainOption = "default",
    effects: Annotated[
        int | None, typer.Option(min=1, help="Active effects per chain; by default as the chain draws them.")
    ] = None,
    impulse_responses: ImpulseResponsesOption = None,
    plugin: PluginOption = None,
    one_by_one: Annotated[
        bool, typer.Option("--one-by-one", help="Every effect of the chain alone, one after another: R@1 of each.")
    ] = False,
    hard: Annotated[bool, typer.Option("--hard", help="Short for --own-content 5 --same-effects 5.")] = False,
    own_content: Annotated[
        int | None, typer.Option(min=0, help="Candidates that are the query's own content under other effects.")
    ] = None,
    same_effects: Annotated[
        int | None, typer.Option(min=0, help="Candidates of the right one's content, same effects set otherwise.")
    ] = None,
    level_difference: Annotated[
        float, typer.Option(min=0.0, help="Most dB between any two clips, given after the effects.")
    ] = 0.0,
    medium: Annotated[
        str, typer.Option(help="What every candidate went through: plain, low-pass (8 kHz), mp3 or vorbis.")
    ] = "plain",
    other_instrument: Annotated[
        bool, typer.Option("--other-instrument", help="Candidates of other instruments than the query's.")
    ] = False,
    inside_mixture: Annotated[
        bool, typer.Option("--inside-mixture", help="Candidates are mixtures, asked for the query's instrument.")
    ] = False,
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
      fxrep evaluate retrieval normalized/manifest.parquet --hard --effects 4 --level-difference 12
    """
    from encoders.evaluation import RetrievalProtocol, evaluation_chain, retrieval_benchmark, retrieval_one_by_one

    if one_by_one and effects is not None:
        raise ArgumentError(f"--one-by-one, --effects {effects}: every chain then has one effect; leave out --effects")
    protocol = RetrievalProtocol(
        split=split,
        candidates=candidates,
        groups=groups,
        segment_s=seconds,
        instruments=instrument,
        minimum_songs=minimum_songs,
        chain=evaluation_chain(chain, impulse_responses, plugin or ()),
        seed=seed,
        device=device,
        queries=queries,
        effects=effects,
        own_content=(HARD if hard else 0) if own_content is None else own_content,
        same_effects=(HARD if hard else 0) if same_effects is None else same_effects,
        level_difference_db=level_difference,
        medium=medium,
        other_instrument=other_instrument,
        inside_mixture=inside_mixture,
    )
    systems, songs = open_systems(model, baselines, device, inside_mixture), open_manifest(manifest)
    if one_by_one:
        alone = retrieval_one_by_one(systems, songs, protocol)
        results: dict[str, Any] = {"effects": alone, "table": one_by_one_table(alone, candidates)}
    else:
        found = retrieval_benchmark(systems, songs, protocol)
        results = {"systems": found, "table": retrieval_table(found, candidates, protocol.instruments_used)}
    asked = {field.name: getattr(protocol, field.name) for field in dataclasses.fields(protocol)}
    result = {
        "command": command_line(),
        "chance": 1.0 / candidates,
        "instruments": protocol.instruments_used,
        "protocol": {**asked, "chain": chain},
        **results,
    }
    emit(result, as_json, results["table"])


def one_by_one_table(alone: dict[str, dict[str, dict[str, Any]]], candidates: int) -> str:
    """R@1 of every system with each effect alone as a Markdown table, their mean behind, chance in the last row."""
    rows = [["system, R@1", *alone, "mean"]]
    for name in next(iter(alone.values())):
        recalls = [found[name]["r@1"] for found in alone.values()]
        rows.append([name, *(f"{recall:.0%}" for recall in recalls), f"{sum(recalls) / len(recalls):.1%}"])
    rows.append(["chance", *[f"{1 / candidates:.0%}"] * len(alone), f"{1 / candidates:.1%}"])
    return markdown_table(rows)


def retrieval_table(results: dict[str, dict[str, Any]], candidates: int, instruments: list[str]) -> str:
    """The results as a Markdown table, chance in the last row."""
    # Who was led astray is told where somebody could be.
    astray = sorted({kind for found in results.values() for kind in found["first"]} - {"right", "other"})
    rows = [["system", "R@1 (95 %)", "R@5", "R@10", "mAP@10", "mean rank", "median rank", *instruments]]
    rows[0] += [f"first: {kind}" for kind in astray]
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
                *(f"{found['first'].get(kind, 0.0):.0%}" for kind in astray),
            ]
        )
    shares = [f"{min(1.0, k / candidates):.1%}" for k in (1, 5, 10)]
    middle = f"{(candidates + 1) / 2:.1f}"
    rows.append(
        ["chance", *shares, "", middle, middle, *[f"{1 / candidates:.0%}"] * len(instruments), *[""] * len(astray)]
    )
    return markdown_table(rows)
