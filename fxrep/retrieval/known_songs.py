"""Queries with songs of the index itself: their vectors are there, and they are not to be found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fxrep.errors import ArgumentError
from fxrep.retrieval.encoder import hash_file
from fxrep.retrieval.explanation import Passage
from fxrep.retrieval.queries import EmbeddedQuery

if TYPE_CHECKING:
    from fxrep.retrieval.reader import IndexReader


def known_query(index: IndexReader, song_id: int, start_s: float, duration_s: float | None) -> EmbeddedQuery:
    """A song of an index, or a part of it, as a query.

    Raises:
        ArgumentError: there is no such song or part, or its vectors are damaged.
    """
    with index._lock, index._database.snapshot():
        row = index._database.row(song_id)
        vectors = None if row is None else index._sound_vectors(song_id)
    if row is None:
        raise ArgumentError(
            f"{index.folder} has no song with id {song_id}: list the ids with: fxrep index info {index.folder} --songs"
        )
    if vectors is None:
        raise ArgumentError(f"the vectors of song {song_id} are damaged: fxrep index repair {index.folder}")
    end_s = np.inf if duration_s is None else start_s + duration_s
    starts = row.starts_s
    inside = (starts + index.window_s > start_s) & (starts < end_s)
    if not inside.any():
        raise ArgumentError(f"song {song_id} has nothing from {start_s:g} s on: it lasts {row.duration_s:g} s")
    passage = Passage(index._songs.real_path(row.path))
    chosen = np.array(vectors[0][inside], dtype=np.float32)
    return EmbeddedQuery(chosen, starts[inside], index.window_s, (passage,), (song_id,))


def same_songs(index: IndexReader, file: str | os.PathLike[str]) -> tuple[int, ...]:
    """Ids of the songs whose files have the bytes of this one.

    Raises:
        AudioError: it cannot be read.
    """
    content_hash = hash_file(Path(file))
    with index._lock, index._database.snapshot():
        return tuple(row.id for row in index._songs.copies(content_hash))
