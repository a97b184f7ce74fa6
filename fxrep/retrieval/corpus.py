"""Embed a corpus into one Parquet file: resumable, shardable, undeterred by bad files."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fxrep.audio import find_audio_files
from fxrep.errors import ArgumentError, AudioError, DataError, FxrepError, OutputError
from fxrep.files import output_error
from fxrep.progress import track_progress
from fxrep.retrieval.database import Level
from fxrep.retrieval.embedding_table import (
    EmbeddingTable,
    embedding_schema,
    read_embeddings,
    song_rows,
    write_embeddings,
)
from fxrep.retrieval.encoder import AudioEncoder, embed_song, failure, hash_file


@dataclass
class CorpusReport:
    """What `embed_corpus` did.

    Attributes:
        output: the Parquet file.
        files: files whose embeddings are in it.
        rows: its rows.
        reused: files taken from an earlier or interrupted run.
        failures: (path, reason) of files that could not be embedded.
    """

    output: Path
    files: int = 0
    rows: int = 0
    reused: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)


def in_shard(path: str | os.PathLike[str], shard: tuple[int, int]) -> bool:
    """Whether shard ``(i, n)``, with i from 1 to n, holds a path: by the SHA-256 of its text, the same everywhere."""
    number, count = shard
    digest = hashlib.sha256(Path(path).as_posix().encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % count == number - 1


def embed_corpus(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    encoder: AudioEncoder,
    output: str | os.PathLike[str],
    *,
    level: Level = "song",
    shard: tuple[int, int] | None = None,
    part_files: int = 16,
) -> CorpusReport:
    """Write one row per song (or per window) of all audio below `paths`.

    Finished parts stay in ``<output>.parts`` until the whole is written, so an interrupted run is taken up where it
    stopped; rows of an existing `output` by the same model are reused for files that have not changed.

    Args:
        paths: files and folders.
        encoder: what embeds them.
        output: Parquet file to write.
        level: ``"song"`` or ``"window"``.
        shard: ``(i, n)`` embeds only the i-th of n parts of the files, i from 1; give every shard its own `output`.
        part_files: files per part.

    Raises:
        AudioError: there is no audio, or not one file could be embedded.
        OutputError: the output cannot be written; finished parts stay.
    """
    target = Path(output)
    if target.suffix != ".parquet":
        raise ArgumentError(f"{target} is not a .parquet file: give an output such as embeddings.parquet")
    files = find_audio_files([paths] if isinstance(paths, str | os.PathLike) else paths)
    if shard is not None:
        _check_shard(shard)
        files = [file for file in files if in_shard(file, shard)]
    parts = target.with_name(f"{target.name}.parts")
    report = CorpusReport(target)
    done = _finished(target, parts, encoder, level)
    # Before hours of work: can anything be written here?
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(target, error) from error
    rows = _embed_parts(files, encoder, level, parts, done, report, part_files)
    if files and not rows:
        shutil.rmtree(parts, ignore_errors=True)
        path, reason = report.failures[0]
        raise AudioError(f"none of the {len(files)} files could be embedded; the first, {path}: {reason}")
    write_embeddings(target, rows, embedding_schema(encoder, level))
    shutil.rmtree(parts, ignore_errors=True)
    report.rows = len(rows)
    return report


def _embed_parts(
    files: Sequence[Path],
    encoder: AudioEncoder,
    level: Level,
    parts: Path,
    done: dict[tuple[str, str], list[dict[str, Any]]],
    report: CorpusReport,
    part_files: int,
) -> list[dict[str, Any]]:
    schema = embedding_schema(encoder, level)
    rows: list[dict[str, Any]] = []
    part: list[dict[str, Any]] = []
    pending = 0
    try:
        for file in track_progress(files, "embedding"):
            try:
                content_hash = hash_file(file)
                found = done.get((str(file), content_hash))
                if found is None:
                    found = song_rows(embed_song(file, encoder, content_hash), level, encoder.window_s)
                    part += found
                    pending += 1
                else:
                    report.reused += 1
            except FxrepError as error:
                report.failures.append(failure(file, error))
                continue
            rows += found
            report.files += 1
            if pending >= part_files:
                _write_part(parts, part, schema)
                part, pending = [], 0
    except BaseException:
        if part:
            _write_part(parts, part, schema)
        raise
    return rows


def _write_part(parts: Path, rows: list[dict[str, Any]], schema: Any) -> None:
    # Named by what it holds: two runs never overwrite each other's parts.
    name = hashlib.sha256("\n".join(f"{row['path']} {row['content_hash']}" for row in rows).encode()).hexdigest()[:16]
    write_embeddings(parts / f"{name}.parquet", rows, schema)


def _finished(
    target: Path, parts: Path, encoder: AudioEncoder, level: Level
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    done: dict[tuple[str, str], list[dict[str, Any]]] = {}
    if target.is_dir():
        raise OutputError(f"{target} is a folder: give the name of a file to write")
    sources = [target] if target.is_file() else []
    sources += sorted(parts.glob("*.parquet")) if parts.is_dir() else []
    for source in sources:
        try:
            table = read_embeddings(source)
        except DataError:
            continue
        same_model = table.fingerprint == encoder.fingerprint and table.vectors.shape[1] == encoder.dim
        if same_model and table.level == level:
            _collect(table, done)
    return done


def _collect(table: EmbeddingTable, done: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    fresh: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row, (path, content_hash) in enumerate(zip(table.paths, table.content_hashes, strict=True)):
        fresh.setdefault((path, content_hash), []).append(
            {
                "path": path,
                "content_hash": content_hash,
                "start_s": float(table.start_s[row]),
                "duration_s": float(table.duration_s[row]),
                "embedding": table.vectors[row],
            }
        )
    done.update(fresh)


def _check_shard(shard: tuple[int, int]) -> None:
    number, count = shard
    if not 1 <= number <= count:
        raise ArgumentError(f"shard {number}/{count} does not exist: give i/n with i from 1 to n")
