"""`fxrep data normalize`: bring every track of a dataset to the average loudness, colour, dynamics and panning."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxrep.cli.output import JsonOption, emit, report_failures
from fxrep.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from fxrep.data.manifest import Manifest
    from fxrep.normalization import FxNormalizer

STATISTICS_NAME = "statistics.json"


def run(
    manifest: Annotated[Path, typer.Argument(help="A manifest that fxrep data scan wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the normalised files and their manifest.")],
    root: Annotated[Path | None, typer.Option(help="Where the audio lies now, if it has moved.")] = None,
    statistics: Annotated[
        Path | None,
        typer.Option(help="Average features, .json or .npz: read, or with --fit written. Default: in the folder."),
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit the averages on the training split, even if there are some.")
    ] = False,
    steps: Annotated[
        str | None,
        typer.Option(
            help="Steps in order, for example loudness,eq,imager, or the name of an order: default (eq, dynamics, "
            "panning, loudness), fxnorm-automix, koo."
        ),
    ] = None,
    audio_format: Annotated[str, typer.Option("--format", help="flac (24 bit) or wav (32-bit float).")] = "flac",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Normalise the effects of a dataset (Fx-normalisation).

    The averages come from the training split only; all splits are normalised to them. A run that was stopped goes on
    where it was; files whose source and statistics did not change are kept.

    \b
    Example:
        fxrep data scan MULTITRACKS -o manifest.parquet
        fxrep data normalize manifest.parquet -o NORMALIZED --workers 4
    """
    from fxrep.data.manifest import check_audio_is_there, read_manifest
    from fxrep.normalization import normalize_dataset
    from fxrep.normalization.dataset import check_target

    source = read_manifest(manifest, root)
    check_audio_is_there(source, manifest)
    check_target(source, output, audio_format)
    chosen = statistics or output / STATISTICS_NAME
    names = None if steps is None else [name.strip() for name in steps.split(",")]
    if statistics is not None and not fit and not statistics.is_file():
        raise ArgumentError(f"there are no statistics at {statistics}: add --fit to make them")
    fitted = fit or not chosen.is_file()
    normalizer = _fit(source, chosen, names, workers) if fitted else _load(chosen, names)
    made = normalize_dataset(source, output, normalizer, audio_format=audio_format, workers=workers)
    report_failures(made.failures)
    for path, reason in _not_averaged(normalizer.left_out, source, made.failures):
        print(f"fxrep: not in the averages, normalised all the same: {path}: {reason}", file=sys.stderr)
    text = (
        f"{made.path}: {made.written} files normalised, {made.skipped} kept from before, {len(made.failures)} left out"
    )
    result = {
        "manifest": str(made.path),
        "statistics": str(chosen),
        "fitted": fitted,
        "instruments": normalizer.instruments,
        "steps": [step.name for step in normalizer.steps],
        "written": made.written,
        "skipped": made.skipped,
        "reduced_to_full_scale": made.reduced,
        "failures": [{"path": path, "reason": reason} for path, reason in made.failures],
        "left_out_of_fit": [{"path": path, "reason": reason} for path, reason in normalizer.left_out],
    }
    emit(result, as_json, text)


def _not_averaged(
    left_out: list[tuple[str, str]], source: Manifest, failures: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The tracks that were left out of the averages, path and reason, without those that were not normalised either."""
    failed = {str(source.root / path) for path, _ in failures}
    return [(path, reason) for path, reason in left_out if path not in failed]


def _fit(source: Manifest, path: Path, steps: list[str] | None, workers: int) -> FxNormalizer:
    from fxrep.normalization import PUBLISHED_ORDER, FxNormalizer

    train = source.filter(split="train")
    if not train.rows:
        raise DataError(
            "the manifest has no rows of the split train: scan with fewer held-out songs, or pass --statistics"
        )
    normalizer = FxNormalizer.fit(train, steps=PUBLISHED_ORDER if steps is None else steps, workers=workers)
    normalizer.save(path)
    return normalizer


def _load(path: Path, steps: list[str] | None) -> FxNormalizer:
    from fxrep.normalization import FxNormalizer

    return FxNormalizer.load(path, steps=steps)
