"""`fxrep evaluate set`: how far is one collection of recordings from another one?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fxrep.cli.evaluate_options import DeviceOption, SeedOption, check_device, command_line, markdown_table
from fxrep.cli.output import JsonOption, emit, report_failures

SYSTEMS = ("default", "production", "mfcc")


def run(
    estimate: Annotated[Path, typer.Argument(help="Folder of audio, manifest, or what `fxrep embed` wrote.")],
    reference: Annotated[Path, typer.Argument(help="The same, of what it should be like.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Encoder by name or folder, or audio features: production, mfcc, log_mel; repeat for several.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Songs of manifests: train, validation or test; all by default.")
    ] = None,
    windows: Annotated[
        bool, typer.Option("--windows", help="A vector for every window instead of every file.")
    ] = False,
    resamples: Annotated[int, typer.Option(min=2, help="Of the bootstrap of kernel distances.")] = 500,
    device: DeviceOption = "cpu",
    seed: SeedOption = 1234,
    as_json: JsonOption = False,
) -> None:
    """Measure Fréchet and kernel distances between two sets of recordings.

    The Fréchet distance is larger the fewer recordings there are; "infinite" is what endless sets would give,
    extrapolated. Kernel distances have no such bias: about 0 is alike. Intervals are 95 %, over files (songs of a
    manifest). Audio features are in standard deviations of the reference. --json adds the distances at an eighth of
    both sets and more.

    \b
    Example:
      fxrep evaluate set my-mixes/ references/ --model default --model production
      fxrep evaluate set mine.parquet references.parquet --json
    """
    from encoders.evaluation.recording_sets import open_recordings, vector_set
    from fxrep.metrics import FEATURES, compare_sets, in_reference_units

    check_device(device)
    sets = [open_recordings(source, split) for source in (estimate, reference)]
    results: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for name in model or _systems_of(sets):
        parts = []
        for recordings in sets:
            vectors, left_out = vector_set(recordings, name, windows, device)
            parts.append(vectors)
            # Once for all systems: what cannot be read is the same file for each.
            report_failures([(path, reason) for path, reason in left_out if path not in failures])
            failures |= dict(left_out)
        first, second = in_reference_units(*parts) if name in FEATURES else parts
        results[name or "embeddings"] = compare_sets(first, second, resamples, seed)
    table = set_table(results)
    emit(
        {
            "command": command_line(),
            "estimate": str(estimate),
            "reference": str(reference),
            "systems": results,
            "failures": [{"path": path, "reason": reason} for path, reason in failures.items()],
            "table": table,
        },
        as_json,
        table,
    )


def _systems_of(sets: list[Any]) -> tuple[str | None, ...]:
    """What is measured when nothing is asked for: all that can be."""
    tables = [recordings.table is not None for recordings in sets]
    if all(tables):
        fingerprints = {recordings.table.fingerprint for recordings in sets}
        if len(fingerprints) > 1:
            from fxrep.errors import DataError

            raise DataError("the two tables hold embeddings of different encoders: embed both with one")
        return (None,)
    return SYSTEMS[:1] if any(tables) else SYSTEMS


def set_table(results: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table, one row per system, and what to beware of below it."""
    rows = [["system", "vectors", "Fréchet", "Fréchet, infinite (95 %)", "kernel, RBF (95 %)", "kernel, cubic (95 %)"]]
    short = []
    for name, found in results.items():
        infinite = found["frechet_infinite"]
        rows.append(
            [
                name,
                f"{found['vectors'][0]}, {found['vectors'][1]} of {found['dim']}",
                f"{found['frechet']:.4g}",
                _with_interval(infinite) if infinite else "",
                _with_interval(found["kernel_rbf"]),
                _with_interval(found["kernel_polynomial"]),
            ]
        )
        if infinite is None or not infinite["reliable"]:
            short.append(name)
    table = markdown_table(rows)
    if short:
        table += (
            f"\n\n{', '.join(short)}: fewer than two vectors per dimension, part of the bias stays in the Fréchet "
            "distances; trust the kernel distances, or give more recordings or --windows."
        )
    return table


def _with_interval(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['value']:.4g} ({low:.4g} to {high:.4g})"
