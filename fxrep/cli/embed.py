"""`fxrep embed`: recordings to a Parquet file of embeddings."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fxrep.cli.matching_options import (
    DEFAULT_BANDWIDTH,
    DEFAULT_LOUDNESS,
    BandwidthMatchOption,
    LoudnessMatchOption,
    load_matched,
    parse_matching,
)
from fxrep.cli.output import JsonOption, emit, report_failures
from fxrep.errors import ArgumentError


def run(
    paths: Annotated[list[Path], typer.Argument(metavar="PATHS...", help="Audio files, and folders of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Parquet file to write; with --ray a folder of them.")],
    model: Annotated[str, typer.Option(help="Name or folder of the encoder.")] = "default",
    windows: Annotated[bool, typer.Option("--windows", help="One row per window instead of one per song.")] = False,
    match_loudness: LoudnessMatchOption = DEFAULT_LOUDNESS,
    match_bandwidth: BandwidthMatchOption = DEFAULT_BANDWIDTH,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Embed the I-th of N parts of the files, I from 1.")] = "",
    prune: Annotated[bool, typer.Option("--prune", help="Drop the rows of files that are not named.")] = False,
    readers: Annotated[
        int | None, typer.Option(min=1, help="Threads that read and decode ahead; else one per core but one.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Share the work among a Ray cluster: host:port, auto for the one this machine is in, local for none.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Embed recordings into one Parquet file; run it again to go on after an interruption.

    Files that cannot be read are named and left out. An output that is there is added to: unchanged files are not
    embedded again, rows of files that are not named now stay. It must be of the same model, loudness and bandwidth, and
    so must the index that takes it. With --ray every machine must reach songs, output and model by the same names.
    Without Ray, give each of many machines its own --shard and -o, in one folder: fxrep map reads the folder.

    \b
    Example: fxrep embed songs/ -o embeddings.parquet
    """
    from fxrep.retrieval import embed_corpus

    part = _parse_shard(shard) if shard else None
    matching = parse_matching(match_loudness, match_bandwidth)
    encoder = load_matched(model, matching)
    level: Literal["window", "song"] = "window" if windows else "song"
    if ray is None:
        report = embed_corpus(paths, encoder, output, level=level, shard=part, prune=prune, readers=readers)
    else:
        if part or readers:
            raise ArgumentError("--ray shares the work itself: leave out --shard and --readers")
        from fxrep.retrieval.ray_corpus import embed_on_ray

        local = Path(model)
        load = partial(load_matched, str(local.resolve()) if local.is_dir() else model, matching)
        report = embed_on_ray(paths, load, output, address=ray, level=level, prune=prune)
    report_failures(report.failures)
    result: dict[str, Any] = {
        "output": str(report.output),
        "files": report.files,
        "rows": report.rows,
        "reused": report.reused,
        "kept": report.kept,
        "dropped": report.dropped,
        "dim": encoder.dim,
        "fingerprint": encoder.fingerprint,
        "heard": str(matching),
        "failures": [{"path": path, "reason": reason} for path, reason in report.failures],
    }
    text = f"{report.output}: {report.rows} embeddings of {report.files} files"
    if report.reused:
        text += f" ({report.reused} from an earlier run)"
    if report.kept:
        text += f"; {report.kept} of them are not named now and were kept: --prune drops them"
    if report.dropped:
        text += f"; dropped {report.dropped} that are not named now"
    emit(result, as_json, text)


def _parse_shard(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not (slash and number.isascii() and number.isdigit() and count.isascii() and count.isdigit()):
        raise ArgumentError(f"--shard {text} is not understood: give i/n, for example 1/4")
    return int(number), int(count)
