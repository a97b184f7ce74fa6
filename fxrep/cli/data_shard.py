"""`fxrep data shard`: cut a dataset to passages and pack them in archives for training at scale."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fxrep.cli.output import JsonOption, emit, report_failures


def run(
    manifest: Annotated[Path, typer.Argument(help="A manifest of fxrep data scan or normalize.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the shards and their index.")],
    root: Annotated[Path | None, typer.Option(help="Where the audio lies now, if it has moved.")] = None,
    audio_format: Annotated[
        str, typer.Option("--format", help="flac (24 bit), flac16, or opus (48 kHz, lossy).")
    ] = "flac",
    passage: Annotated[
        float, typer.Option(help="Seconds of the shortest passage; the longest segment that can be drawn of all.")
    ] = 20.0,
    shard_minutes: Annotated[float, typer.Option(help="Minutes of audio in a shard, about.")] = 20.0,
    sample_rate: Annotated[int | None, typer.Option(help="Hz to store [default: each track's own].")] = None,
    seed: Annotated[int, typer.Option(help="Another seed deals the passages differently.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Shards made at once.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Write the tracks of a manifest as WebDataset shards, which are read from front to back.

    Every shard is a tar archive of passages, each an audio file and a JSON document of one name; index.json tells what
    is in it and its SHA-256. The same call gives the same bytes. A call that was stopped goes on where it was. Upload
    the folder as it is, and train with --data.shards.

    \b
    Example:
      fxrep data shard normalized/manifest.parquet -o shards --workers 4
    """
    from fxrep.data.manifest import check_audio_is_there, read_manifest
    from fxrep.data.shards import write_shards

    source = read_manifest(manifest, root)
    check_audio_is_there(source, manifest)
    made = write_shards(
        source,
        output,
        codec=audio_format,
        passage_s=passage,
        shard_s=60.0 * shard_minutes,
        sample_rate=sample_rate,
        seed=seed,
        workers=workers,
    )
    report_failures(made.failures)
    entries = made.index.entries
    samples, size = sum(entry.samples for entry in entries), sum(entry.bytes for entry in entries)
    splits = {split: len(made.index.of_split(split)) for split in dict.fromkeys(entry.split for entry in entries)}
    result = {
        "index": str(made.path),
        "written": made.written,
        "kept": made.kept,
        "passages": samples,
        "bytes": size,
        "shards_by_split": splits,
        "failures": [{"path": path, "reason": reason} for path, reason in made.failures],
    }
    counts = ", ".join(f"{count} {split}" for split, count in splits.items())
    text = f"{made.path}: {made.written} shards written, {made.kept} kept from before ({counts}; {samples} passages, "
    emit(result, as_json, text + f"{size / 1e6:.1f} MB)")
