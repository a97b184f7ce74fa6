"""Make an index from files in one call, without losing what was there before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from fxrep.audio import find_audio_files
from fxrep.errors import AudioError, OccupiedError
from fxrep.files import atomic_folder
from fxrep.retrieval.creation import create_files, state_without_songs
from fxrep.retrieval.database import is_index
from fxrep.retrieval.embedding_file import embedding_files, is_embeddings
from fxrep.retrieval.encoder import AudioEncoder
from fxrep.retrieval.index import ReferenceIndex
from fxrep.retrieval.matched_encoder import matching_of
from fxrep.retrieval.model_check import check_windows
from fxrep.retrieval.unfinished_mark import UnfinishedMark
from fxrep.retrieval.writer import AddReport, Metadata


def build_index(
    path: str | os.PathLike[str],
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    encoder: AudioEncoder,
    *,
    model: str = "",
    metadata: Mapping[str, Metadata] | None = None,
    loudness: bool = False,
    overwrite: bool = False,
) -> AddReport:
    """Make an index of files and folders.

    A new index keeps what was finished when the work is interrupted; the same call goes on from there. With
    `overwrite` the old index stays in place until the new one is complete, and an interrupted call leaves it as it was.

    Args:
        path: folder to make, for example ``library.fxindex``.
        paths: files and folders of audio, and files or folders of files that `embed_corpus` and `embed_on_ray` wrote
            with ``level="window"``.
        encoder: what embeds them; from `match_encoder`, after their loudness and bandwidth are matched.
        model: name under which the encoder can be loaded again.
        metadata: for some of the files, keyed by path.
        loudness: measure how loud each file is, to filter by.
        overwrite: replace an index, even a corrupt one, that is at `path`.

    Raises:
        AudioError: there is no audio, or no file could be embedded; nothing is left at `path` then.
        ReferenceIndexError: embeddings that are given, or an unfinished index, were made with another model.
        OccupiedError: something is at `path`, or an unfinished index whose recordings were brought to something else.
        OutputError: it cannot be written.
    """
    folder = Path(path)
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    # Before anything is made: is there something to add?
    tables = [source for source in given if is_embeddings(source)]
    for table in tables:
        for file in embedding_files(table):
            check_windows(file, encoder.fingerprint, "the new index", matching_of(encoder))
    sources = [source for source in given if not is_embeddings(source)]
    if sources or not tables:
        find_audio_files(sources)
    mark = UnfinishedMark(folder, given)
    if _is_taken(folder):
        if not (folder.is_dir() and is_index(folder)):
            raise OccupiedError(f"{folder} is not a reference index and will not be replaced: choose another name")
        if overwrite:
            with atomic_folder(folder) as temporary:
                create_files(temporary, state_without_songs(encoder, model))
                return _fill(ReferenceIndex.open(temporary, encoder), sources, tables, metadata, loudness)
        mark.check()
        unfinished = ReferenceIndex.open(folder, encoder)
        if matching_of(encoder) != unfinished.matching:
            raise OccupiedError(
                f"{folder} was begun with recordings {unfinished.matching}, not {matching_of(encoder)}: give "
                f"{unfinished.matching.options}, or begin again with --force"
            )
        report = _fill(unfinished, sources, tables, metadata, loudness)
    else:
        index = ReferenceIndex.create(folder, encoder, model=model)
        mark.set()
        try:
            report = _fill(index, sources, tables, metadata, loudness)
        except AudioError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    mark.remove()
    return report


def _is_taken(folder: Path) -> bool:
    return folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))


def _fill(
    index: ReferenceIndex,
    sources: list[str | os.PathLike[str]],
    tables: list[str | os.PathLike[str]],
    metadata: Mapping[str, Metadata] | None,
    loudness: bool,
) -> AddReport:
    with index:
        # The folders and not the files in them: a dead link among those is one bad file, not a wrong call.
        report = AddReport()
        if tables:
            report.extend(index.add_embedding_files(tables, metadata=metadata))
        if sources:
            report.extend(index.add(sources, metadata=metadata, loudness=loudness))
    if report.failures and not (report.added or report.updated or report.unchanged):
        path, reason = report.failures[0]
        raise AudioError(f"none of the {len(report.failures)} files could be embedded; the first, {path}: {reason}")
    return report
