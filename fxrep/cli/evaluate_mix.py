"""`fxrep evaluate mix`: how near do systems come to the mix that a reference asks for?"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from fxrep.cli.evaluate_options import (
    ManifestArgument,
    SeedOption,
    SplitOption,
    command_line,
    markdown_table,
    open_manifest,
    with_interval,
)
from fxrep.cli.output import JsonOption, emit

TITLES = {
    "same_song": "Same song, known random settings",
    "other_song": "Tracks of one song, reference of another",
}
MEASURES = {
    "settings": ("settings (95 %)", ".3f", True),
    "mrstft": ("MRSTFT (95 %)", ".3f", True),
    "style": ("production style (95 %)", ".3f", True),
    "eq_db": ("EQ, dB", ".2f", False),
    "dynamics_db": ("compressors, dB", ".2f", False),
    "level_db": ("faders, dB", ".2f", False),
    "pan": ("pan", ".3f", False),
    "style_rms": ("RMS", ".4f", False),
    "style_crest": ("crest", ".4f", False),
    "style_width": ("width", ".4f", False),
    "style_imbalance": ("imbalance", ".4f", False),
    "style_bark": ("Bark", ".4f", False),
    "published": ("as published", ".3g", False),
    "mape_spectrum": ("spectrum, %", ".1f", False),
    "mape_panning": ("panning, %", ".1f", False),
    "mape_dynamics": ("dynamics, %", ".1f", False),
    "mape_loudness": ("loudness, %", ".1f", False),
}
"""Columns of the tables: what they are called, how they are written, and whether with an interval."""


def run(
    manifest: ManifestArgument,
    system: Annotated[
        list[str] | None,
        typer.Option(
            "--system",
            "-s",
            help="A method beside the baselines: METHOD, METHOD:MODEL or LABEL=METHOD:MODEL, METHOD being diff_mst, "
            "mixfx_cloner or inference_time; options behind commas, as inference_time,steps=50,start=diff_mst; repeat "
            "for several.",
        ),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="same_song or other_song; repeat for both, which is the default.")
    ] = None,
    tracks: Annotated[
        list[int] | None, typer.Option(min=1, help="Number of tracks; repeat for several. By default 2, 4, 8 and 16.")
    ] = None,
    split: SplitOption = "test",
    items: Annotated[int, typer.Option(min=2, help="Mixes of each task and number of tracks.")] = 7,
    seconds: Annotated[float, typer.Option(min=1.0, help="Length of the reference and of what is compared.")] = 10.0,
    console: Annotated[str, typer.Option(help="Console of the known settings: default or dasp.")] = "default",
    prior: Annotated[str, typer.Option(help="Where random settings are drawn from: moderate or uniform.")] = "moderate",
    references: Annotated[
        str, typer.Option(help="References of other_song: mixes (finished ones of the manifest) or random (settings).")
    ] = "mixes",
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help="What distances of embeddings are measured by: an encoder by name or folder, or audio features: mfcc, "
            "log_mel, production; repeat for several. Judge a system by one that it was not trained with. By default "
            "the shipped encoder and mfcc."
        ),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            help="Baselines beside equal loudness: random settings, nearest reference, oracle, or none; repeat for "
            "several. By default all."
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="A system that the others are set against too, as all are against equal loudness; repeat."),
    ] = None,
    bank: Annotated[int, typer.Option(min=2, help="Mixes in which the nearest reference is looked for.")] = 64,
    bank_encoder: Annotated[str, typer.Option(help="Encoder by which it is found.")] = "default",
    bank_split: Annotated[str, typer.Option(help="Songs of these mixes.")] = "train",
    seed: SeedOption = 1234,
    as_json: JsonOption = False,
) -> None:
    """Mix dry tracks by a reference with several systems, and measure how near each comes.

    \b
    Example:
      fxrep evaluate mix songs/manifest.parquet --system diff_mst --system inference_time --items 7
    """
    from style_transfer.evaluation import BASELINES, MixProtocol, create_mixers, mix_benchmark, open_measuring
    from style_transfer.evaluation.protocol import TASKS

    protocol = MixProtocol(
        split=split,
        tasks=task or TASKS,
        tracks=tracks or (2, 4, 8, 16),
        items=items,
        window_s=seconds,
        console=console,
        prior=prior,
        references=references,
        bank=bank,
        bank_split=bank_split,
        seed=seed,
    )
    songs = open_manifest(manifest)
    measuring = open_measuring(encoder or ["default", "mfcc"])
    baselines = BASELINES if baseline is None else [name for name in baseline if name != "none"]
    mixers = create_mixers(system or [], songs, protocol, bank_encoder, baselines)
    rows = mix_benchmark(mixers, songs, protocol, measuring, against or [])
    table = mix_tables(rows)
    emit(
        {"command": command_line(), "protocol": dataclasses.asdict(protocol), "rows": rows, "table": table},
        as_json,
        table,
    )


def mix_tables(rows: list[dict[str, Any]]) -> str:
    """Two Markdown tables for each task: distances of single mixes, and of their features and of the sets."""
    parts = []
    for task in dict.fromkeys(row["task"] for row in rows):
        own = [row for row in rows if row["task"] == task]
        names = {name for row in own for name in row["measures"]}
        single = [name for name in MEASURES if name in names and MEASURES[name][2]]
        single += sorted(name for name in names if name.startswith("embedding "))
        detail = [name for name in MEASURES if name in names and not MEASURES[name][2]]
        parts += [f"**{TITLES[task]}**", _distances(own, single), _details(own, detail), _remark(own)]
    return "\n\n".join(part for part in parts if part)


def _distances(rows: list[dict[str, Any]], names: list[str]) -> str:
    heads = [MEASURES[name][0] if name in MEASURES else f"{name} (95 %)" for name in names]
    compared = [name for name in ("settings", "mrstft", "style") if name in names]
    others = list(dict.fromkeys(label for row in rows for label in row["measures"]["style"].get("against", {})))
    pairs = [(name, label) for label in ("equal loudness", *others) for name in compared]
    heads += [f"{MEASURES[name][0].removesuffix(' (95 %)')} below {label} (95 %)" for name, label in pairs]
    table = [["tracks", "system", *heads, "processor s"]]
    for row in rows:
        cells = [_cell(row["measures"].get(name), MEASURES.get(name, ("", ".3f", True))[1], True) for name in names]
        for name, label in pairs:
            found = row["measures"].get(name, {})
            found = found.get("against", {}).get(label, {}) if label in others else found
            cells.append(with_interval(found["below"], found["below_interval"], ".0%") if "below" in found else "")
        table.append([str(row["tracks"]), row["system"], *cells, f"{row['processor_s']:.2f}"])
    return markdown_table(table)


def _details(rows: list[dict[str, Any]], names: list[str]) -> str:
    encoders = list(rows[0]["sets"])
    sets = [title for name in encoders for title in (f"Fréchet {name}", f"kernel {name} (95 %)")]
    table = [["tracks", "system", *(MEASURES[name][0] for name in names), *sets]]
    for row in rows:
        cells = [_cell(row["measures"].get(name), MEASURES[name][1], False) for name in names]
        for name in encoders:
            found = row["sets"].get(name)
            cells += (
                [f"{found['frechet']:.3g}", with_interval(found["kernel"], found["kernel_interval"], ".3f")]
                if found
                else ["", ""]
            )
        table.append([str(row["tracks"]), row["system"], *cells])
    return markdown_table(table)


def _cell(found: dict[str, Any] | None, form: str, interval: bool) -> str:
    if found is None:
        return ""
    return with_interval(found["value"], found["interval"], form) if interval else f"{found['value']:{form}}"


def _remark(rows: list[dict[str, Any]]) -> str:
    """From how many songs, and where tracks were borrowed."""
    lent = {row["tracks"]: row["borrowed"] for row in rows if row["borrowed"] > 0 and row["tracks"] != "all"}
    text = f"{max(row['songs'] for row in rows)} songs, {rows[0]['items']} mixes of each number of tracks."
    if lent:
        several = ", ".join(f"{count}: {mean:.1f}" for count, mean in lent.items())
        text += (
            f" Songs with fewer tracks lend parts from elsewhere in them; tracks so borrowed, on average: {several}."
        )
    return text
