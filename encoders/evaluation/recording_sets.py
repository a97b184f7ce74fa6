"""Sets of recordings as sets of vectors: a folder, a manifest or a table of embeddings, through an encoder or features.

A vector stands for one recording (the mean of its windows) or, on request, for one window. Recordings of one song of a
manifest are a group: they are not independent of each other. So are the windows of one recording.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from encoders.base import EffectEncoder
from encoders.checkpoints import load_encoder
from encoders.windows import fixed_windows, is_silent
from fxrep.audio import find_audio_files, iter_blocks
from fxrep.data import read_manifest
from fxrep.errors import ArgumentError, AudioError, DataError, FxrepError
from fxrep.metrics import FEATURES, VectorSet
from fxrep.progress import track_progress
from fxrep.retrieval import AS_RELEASED, EmbeddingTable, read_embeddings
from fxrep.table_kinds import EMBEDDINGS, MANIFEST, table_kind

FEATURE_RATE = 44100
FEATURE_WINDOW_S = 5.0

Describe = Callable[[Path], tuple[np.ndarray, np.ndarray]]
"""A file to the vectors of its windows (W, D), and to the one of the whole (D,)."""


@dataclass(frozen=True)
class Recordings:
    """One of the sets that are compared.

    Attributes:
        source: what was given.
        files: with the group each belongs to; none where the embeddings are there already.
        table: such embeddings.
    """

    source: Path
    files: dict[Path, str] = field(default_factory=dict)
    table: EmbeddingTable | None = None


def open_recordings(source: Path, split: str | None = None) -> Recordings:
    """Find out what a set is given as.

    Args:
        source: a folder of audio, a manifest, a table that `fxrep embed` wrote, or a folder of such tables.
        split: of a manifest; None for all.

    Raises:
        DataError: it cannot be read, or the split holds nothing.
        AudioError: a folder without audio, or nothing of that name.
    """
    kind = table_kind(source)
    if kind == EMBEDDINGS or (source.is_dir() and any(table_kind(f) == EMBEDDINGS for f in source.glob("*.parquet"))):
        return Recordings(source, table=read_embeddings(source))
    if kind == MANIFEST or source.suffix == ".parquet":
        manifest = read_manifest(source).filter(split=split)
        if not manifest.rows:
            raise DataError(f"{source} has no recordings in split {split!r}: choose another, or leave --split out")
        return Recordings(source, {manifest.path_of(row): f"{row.dataset}/{row.song}" for row in manifest.rows})
    return Recordings(source, {path: str(path) for path in find_audio_files([source])})


def vector_set(
    recordings: Recordings, model: str | None, windows: bool, device: str = "cpu"
) -> tuple[VectorSet, list[tuple[str, str]]]:
    """A set of recordings as vectors, and the files that were left out, with the reason.

    Args:
        recordings: the set.
        model: an encoder by name or folder, or one of `fxrep.metrics.FEATURES`; None for what a table holds.
        windows: a vector for every window, grouped by recording or song.
        device: of an encoder.

    Raises:
        ArgumentError: a table and features, or fewer than two groups.
        AudioError: no file can be used.
        DataError: the table holds another encoder's embeddings, or no windows.
    """
    if recordings.table is not None:
        return _of_table(recordings.source, recordings.table, model, windows), []
    if model is None:
        raise ArgumentError(f"{recordings.source} holds audio: name the encoder or the features that describe it")
    describe = _feature_vectors(model) if model in FEATURES else _embedding_vectors(load_encoder(model).to(device))
    vectors: list[np.ndarray] = []
    groups: list[str] = []
    failures: list[tuple[str, str]] = []
    for path, group in track_progress(list(recordings.files.items()), f"{model}, {recordings.source.name}"):
        try:
            parts, whole = describe(path)
        except FxrepError as error:
            failures.append((str(path), str(error).removeprefix(str(path)).lstrip(": ")))
            continue
        vectors.append(parts if windows else whole[None])
        groups += [group] * len(vectors[-1])
    if not vectors:
        path_of_first, reason = failures[0]
        raise AudioError(f"none of {len(failures)} files of {recordings.source} can be used: {path_of_first}: {reason}")
    return VectorSet(np.concatenate(vectors), groups, str(recordings.source)), failures


def _of_table(source: Path, table: EmbeddingTable, model: str | None, windows: bool) -> VectorSet:
    if model in FEATURES:
        raise ArgumentError(f"{source} holds embeddings: {model} needs the recordings; give their folder")
    if model is not None and load_encoder(model).fingerprint != table.fingerprint:
        if table.matching:
            raise DataError(
                f"{source} holds recordings {table.matching}, and sets are compared as released: embed them again with "
                f"fxrep embed {AS_RELEASED.options}"
            )
        raise DataError(f"{source} was not embedded with {model}: name its encoder with --model")
    if windows and table.level != "window":
        raise DataError(f"{source} holds whole songs: embed again with fxrep embed --windows, or leave --windows out")
    rows = table if windows else table.songs()
    return VectorSet(rows.vectors, list(rows.paths), str(source))


def _embedding_vectors(encoder: EffectEncoder) -> Describe:
    def describe(path: Path) -> tuple[np.ndarray, np.ndarray]:
        parts = encoder.embed_windows(path)[1].double().numpy()
        mean = parts.mean(0)
        return parts, mean / np.linalg.norm(mean)

    return describe


def _feature_vectors(name: str) -> Describe:
    def describe(path: Path) -> tuple[np.ndarray, np.ndarray]:
        blocks = iter_blocks(path, FEATURE_WINDOW_S, target_rate=FEATURE_RATE, channels=2)
        length = round(FEATURE_WINDOW_S * FEATURE_RATE)
        sounding = (window for _, window in fixed_windows(blocks, length, length) if not is_silent(window))
        # One at a time: a file of hours costs no more memory than one of seconds.
        rows = [FEATURES[name](window[None], FEATURE_RATE)[0].double() for window in sounding]
        if not rows:
            raise AudioError(f"{path}: silent, nothing to describe")
        parts = torch.stack(rows).numpy()
        return parts, parts.mean(0)

    return describe
