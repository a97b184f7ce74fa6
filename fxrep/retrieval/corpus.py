"""Embed a corpus into one Parquet file: resumable, shardable, undeterred by bad files."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fxrep.audio import find_audio_files
from fxrep.errors import ArgumentError, AudioError
from fxrep.files import atomic_file, output_error
from fxrep.progress import track_progress
from fxrep.retrieval.database import Level
from fxrep.retrieval.earlier_rows import EarlierRows, KnownRows
from fxrep.retrieval.embedding_table import EmbeddingWriter, embedding_schema
from fxrep.retrieval.encoder import AudioEncoder, failure
from fxrep.retrieval.finished_parts import FinishedParts
from fxrep.retrieval.read_ahead import embed_songs


@dataclass
class CorpusReport:
    """What `embed_corpus` did.

    Attributes:
        output: the Parquet file.
        files: files whose embeddings are in it.
        rows: its rows.
        reused: of those named, files taken from an earlier or interrupted run.
        kept: files that were in the output and are not named now; their rows are still in it.
        dropped: such files whose rows were pruned.
        failures: (path, reason) of files that could not be embedded.
    """

    output: Path
    files: int = 0
    rows: int = 0
    reused: int = 0
    kept: int = 0
    dropped: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)

    def extend(self, part: CorpusReport) -> None:
        """Add the counts and failures of a part of the corpus, as a shard of it."""
        for name in ("files", "rows", "reused", "kept", "dropped"):
            setattr(self, name, getattr(self, name) + getattr(part, name))
        self.failures += [(path, reason) for path, reason in part.failures]

    def check(self, named: int) -> None:
        """Refuse a run in which not one of so many files could be embedded.

        Raises:
            AudioError: with the first reason.
        """
        if named and not self.files:
            path, reason = self.failures[0]
            raise AudioError(f"none of the {named} files could be embedded; the first, {path}: {reason}")


def in_shard(path: str | os.PathLike[str], shard: tuple[int, int]) -> bool:
    """Whether shard ``(i, n)``, with i from 1 to n, holds a path: by the SHA-256 of its text, the same everywhere."""
    return shard_of(path, shard[1]) == shard[0]


def shard_of(path: str | os.PathLike[str], count: int) -> int:
    """Which of `count` shards, from 1 on, holds a path."""
    digest = hashlib.sha256(Path(path).as_posix().encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % count + 1


def embed_corpus(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    encoder: AudioEncoder,
    output: str | os.PathLike[str],
    *,
    level: Level = "song",
    shard: tuple[int, int] | None = None,
    prune: bool = False,
    part_files: int = 64,
    readers: int | None = None,
) -> CorpusReport:
    """Write one row per song (or per window) of all audio below `paths`.

    Files are read and decoded ahead while others are embedded, and memory does not grow with their number or length.
    Finished parts stay in ``<output>.parts`` until the whole is written, so an interrupted run is taken up where it
    stopped. Rows of an existing `output` are reused for files that have not changed, and kept for files that are not
    among `paths`; the file must be of the same model, level and shard.

    Args:
        paths: files and folders.
        encoder: what embeds them.
        output: Parquet file to write.
        level: ``"song"`` or ``"window"``.
        shard: ``(i, n)`` embeds only the i-th of n parts of the files, i from 1; give every shard its own `output`.
        prune: drop the rows of files that are not among `paths`.
        part_files: files per part; so many are embedded again after a kill.
        readers: threads that read and decode while others are embedded; None for one per core but one. Each holds two
            batches of windows in memory.

    Raises:
        AudioError: there is no audio, or not one file could be embedded.
        OutputError: the output holds something else, another model's, level's or shard's embeddings for example; or
            it cannot be written, finished parts stay then.
        DataError: the output is damaged.
    """
    target = Path(output)
    if target.suffix != ".parquet":
        raise ArgumentError(f"{target} is not a .parquet file: give an output such as embeddings.parquet")
    files = find_audio_files([paths] if isinstance(paths, str | os.PathLike) else paths)
    if shard is not None:
        _check_shard(shard)
        files = [file for file in files if in_shard(file, shard)]
    report = embed_files(
        files, encoder, target, level=level, shard=shard, prune=prune, part_files=part_files, readers=readers
    )
    report.check(len(files))
    return report


def embed_files(
    files: Sequence[Path],
    encoder: AudioEncoder,
    target: Path,
    *,
    level: Level,
    shard: tuple[int, int] | None,
    prune: bool,
    part_files: int,
    readers: int | None,
    sources: str = "",
) -> CorpusReport:
    """`embed_corpus` for files that were found before; one that is gone is one that could not be embedded.

    Nothing is written when there are files and not one could be embedded: the report holds none then.
    `sources` is stored with the output, see `embedding_schema`, when every file was embedded.
    """
    shard_name = "" if shard is None else f"{shard[0]}/{shard[1]}"
    parts = target.with_name(f"{target.name}.parts")
    report = CorpusReport(target)
    earlier = EarlierRows(target, parts, encoder, level, shard_name)
    # Before hours of work: can anything be written here?
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(target, error) from error
    finished = FinishedParts(parts, encoder, level, shard_name, part_files, earlier.add)
    found = _embed_parts(files, encoder, finished, earlier, report, readers)
    if files and not found:
        with suppress(OSError):  # not empty: it holds what an earlier run finished
            parts.rmdir()
        return report
    others = earlier.others(files)
    report.files = len(found) + (0 if prune else len(others))
    report.kept, report.dropped = (0, len(others)) if prune else (len(others), 0)
    schema = embedding_schema(encoder, level, shard_name, "" if report.failures else sources)
    with atomic_file(target) as temporary, EmbeddingWriter(temporary, schema) as writer:
        for known in () if prune else others:
            writer.write(earlier.read(known))
        for file, known in found:
            writer.write(earlier.read(known, file))
    shutil.rmtree(parts, ignore_errors=True)
    report.rows = writer.rows
    return report


def _embed_parts(
    files: Sequence[Path],
    encoder: AudioEncoder,
    parts: FinishedParts,
    earlier: EarlierRows,
    report: CorpusReport,
    readers: int | None,
) -> list[tuple[Path, KnownRows]]:
    """Where the rows of every file that could be embedded are, in the order of the files."""
    hashes: list[tuple[Path, str]] = []

    def known(file: Path, content_hash: str) -> bool:
        return earlier.find(file, content_hash) is not None

    with parts:
        for outcome in track_progress(embed_songs(files, encoder, known, readers=readers), "embedding", len(files)):
            if outcome.error is not None:
                report.failures.append(failure(outcome.file, outcome.error))
                continue
            hashes.append((outcome.file, outcome.content_hash))
            if outcome.song is None:
                report.reused += 1
            else:
                parts.add(outcome.song)
    found = [(file, earlier.find(file, content_hash)) for file, content_hash in hashes]
    assert all(rows is not None for _, rows in found), "a file that was embedded is in no part"
    return [(file, rows) for file, rows in found if rows is not None]


def _check_shard(shard: tuple[int, int]) -> None:
    number, count = shard
    if not 1 <= number <= count:
        raise ArgumentError(f"shard {number}/{count} does not exist: give i/n with i from 1 to n")
