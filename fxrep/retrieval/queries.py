"""From what is asked for to the vectors that are compared, and the passages that can be listened to."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import numpy as np
import torch

from fxrep.audio import AudioInput
from fxrep.errors import ArgumentError
from fxrep.retrieval.encoder import AudioEncoder, to_numpy, unit_vectors
from fxrep.retrieval.explanation import Passage
from fxrep.retrieval.matching import Matching


@dataclass(frozen=True)
class QueryPart:
    """A part of a recording, or of a song of the index, as one of several that are asked with.

    Attributes:
        of: a path, an array with its sample rate, or the id of a song.
        start_s: where it begins.
        duration_s: its length; None for all that follows.
    """

    of: AudioInput | int
    start_s: float = 0.0
    duration_s: float | None = None


Question: TypeAlias = AudioInput | int | QueryPart | Sequence[AudioInput | int | QueryPart]
"""A path, an array with its sample rate, the id of a song, a part of one, or several of these."""
DISLIKE = 0.5
"""How much of what is not wanted is taken away, by default."""


@dataclass(frozen=True)
class EmbeddedQuery:
    """Vectors to compare with.

    Attributes:
        vectors: unit vectors, float32 ``(Q, D)``; a song scores by the best of them.
        starts_s: where in the query each of them starts, float64 ``(Q,)``; None where it stands for the whole.
        window_s: length of such a passage.
        passages: what the query sounds like.
        song_ids: songs of the index that are the query, or that are not wanted: they are not found.
    """

    vectors: np.ndarray
    starts_s: np.ndarray | None = None
    window_s: float = 0.0
    passages: tuple[Passage, ...] = ()
    song_ids: tuple[int, ...] = ()

    def passages_of(self, query: int) -> tuple[Passage, ...]:
        """What is heard of the query where vector number `query` matched."""
        if self.starts_s is None or len(self.passages) != 1:
            return self.passages
        return (self.passages[0].within(self._offset(query), self.window_s),)

    def start_of(self, query: int) -> float | None:
        """Where in the recording vector number `query` starts, in seconds."""
        if self.starts_s is None:
            return None
        return float(self.starts_s[query]) + (self.passages[0].start_s if len(self.passages) == 1 else 0.0)

    def _offset(self, query: int) -> float:
        return 0.0 if self.starts_s is None else float(self.starts_s[query])


@dataclass(frozen=True)
class QueryReader:
    """Embeds queries.

    Attributes:
        encoder: of the index.
        known: a song of the index by its id.
        window_s: length of a window in seconds.
        matching: what the encoder brings recordings to.
        same: ids of the songs of the index that a file is.
    """

    encoder: Callable[[], AudioEncoder]
    known: Callable[[int, float, float | None], EmbeddedQuery]
    window_s: float
    matching: Matching
    same: Callable[[str | os.PathLike[str]], tuple[int, ...]]

    def read(
        self,
        query: Question,
        *,
        windows: bool,
        sample_rate: int | None = None,
        start_s: float = 0.0,
        duration_s: float | None = None,
        stem: AudioInput | None = None,
        unlike: Question | None = None,
        dislike: float = DISLIKE,
    ) -> EmbeddedQuery:
        """Embed one query; the arguments are those of `ReferenceIndex.search`."""
        _check_passage(start_s, duration_s)
        several = _is_several(query)
        items = _items(query)
        if not items:
            raise ArgumentError("the query is an empty list: give at least one recording")
        read = [self._one(item, windows and not several, sample_rate, start_s, duration_s, stem) for item in items]
        found = read[0] if len(read) == 1 else _mean(read)
        if unlike is None:
            return found
        if not 0 < dislike <= 2:
            raise ArgumentError(f"dislike is {dislike:g}, but must be above 0 and at most 2")
        others = self.read(unlike, windows=False, sample_rate=sample_rate)
        vectors = found.vectors - np.float32(dislike) * others.vectors.mean(axis=0)
        if (np.linalg.norm(vectors, axis=1) < 1e-3).any():
            raise ArgumentError("what is wanted and what is not are the same: nothing is left to look for")
        # What is not wanted is not found, whether it was named by its id or as a file.
        named = [item.of if isinstance(item, QueryPart) else item for item in _items(unlike)]
        files = [song for item in named if isinstance(item, str | os.PathLike) for song in self.same(item)]
        left_out = (*found.song_ids, *others.song_ids, *files)
        return replace(found, vectors=unit_vectors(vectors, "query"), song_ids=left_out)

    def _one(
        self,
        item: AudioInput | int | QueryPart,
        windows: bool,
        sample_rate: int | None,
        start_s: float,
        duration_s: float | None,
        stem: AudioInput | None,
    ) -> EmbeddedQuery:
        if isinstance(item, QueryPart):
            _check_passage(item.start_s, item.duration_s)
            start_s, duration_s, item = item.start_s, item.duration_s, item.of
        if isinstance(item, int | np.integer) and not isinstance(item, bool):
            if stem is not None:
                raise ArgumentError("a song is asked for by its id and a stem in it too: give the recording instead")
            found = self.known(int(item), start_s, duration_s)
            return found if windows else _mean([found])
        encoder = self.encoder()
        passage = Passage(cast(AudioInput, item), sample_rate, start_s, duration_s)
        audio, rate = passage.read()
        name = str(item) if isinstance(item, str | os.PathLike) else "query"
        # The loudness of a part is that of its recording: what is quiet in a song stays quiet.
        is_part = self.matching.loudness_lufs is not None and (start_s > 0 or duration_s is not None)
        options: dict[str, Any] = {"whole": item} if is_part else {}
        if stem is not None:
            vector = _embed_stem(encoder, audio, rate, stem, options)
            return EmbeddedQuery(unit_vectors(to_numpy(vector), name), None, 0.0, (passage,))
        if not windows:
            vector = encoder.embed(audio, rate, **options)
            return EmbeddedQuery(unit_vectors(to_numpy(vector), name), None, 0.0, (passage,))
        starts, vectors = encoder.embed_windows(audio, rate, **options)
        starts_s = np.round(to_numpy(starts).astype(np.float64), 4)
        return EmbeddedQuery(unit_vectors(to_numpy(vectors), name), starts_s, self.window_s, (passage,))


def _embed_stem(
    encoder: AudioEncoder, audio: AudioInput, rate: int | None, stem: AudioInput, options: dict[str, Any]
) -> torch.Tensor:
    if "query" not in inspect.signature(encoder.embed).parameters:
        raise ArgumentError(
            f"this {_name_of(encoder)} hears a mixture as a whole and takes no stem: search with the stem's own "
            "recording, or use an index of an encoder that takes queries"
        )
    try:
        found: torch.Tensor = encoder.embed(audio, rate, query=stem, **options)  # type: ignore[call-arg]
    except ArgumentError as error:
        raise ArgumentError(f"stem {stem if isinstance(stem, str | os.PathLike) else 'clip'}: {error}") from error
    return found


def _name_of(encoder: AudioEncoder) -> str:
    return type(getattr(encoder, "base", encoder)).__name__


def _mean(queries: Sequence[EmbeddedQuery]) -> EmbeddedQuery:
    """One vector in the middle of several queries, each counting alike."""
    means = [unit_vectors(query.vectors.astype(np.float64).mean(axis=0), "query")[0] for query in queries]
    vector = unit_vectors(np.mean(means, axis=0), "query")
    passages = tuple(passage for query in queries for passage in query.passages)
    return EmbeddedQuery(vector, None, 0.0, passages, tuple(i for query in queries for i in query.song_ids))


def _items(query: Question) -> list[AudioInput | int | QueryPart]:
    return list(query) if _is_several(query) else [query]  # type: ignore[arg-type, list-item]


def _is_several(query: Question) -> bool:
    return not isinstance(query, str | os.PathLike | np.ndarray | torch.Tensor | int | np.integer | QueryPart)


def _check_passage(start_s: float, duration_s: float | None) -> None:
    if not start_s >= 0 or (duration_s is not None and not duration_s > 0):
        raise ArgumentError(
            f"the passage starts at {start_s} s and lasts {duration_s} s: start at 0 or later, with a length above 0"
        )
