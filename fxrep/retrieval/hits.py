"""What a search returns, and how it is printed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from fxrep.errors import ArgumentError
from fxrep.retrieval.explanation import Explanation, Passage, explain

MetadataValue: TypeAlias = str | int | float | bool | list[str] | None


@dataclass(frozen=True)
class Hit:
    """One found recording.

    Attributes:
        path: the file.
        start_s: where in the file the match starts, in seconds (0 when whole songs are compared).
        duration_s: length of the part that matched, in seconds.
        score: cosine similarity to the query, -1 to 1.
        song_id: the id that `ReferenceIndex.remove` takes; it never changes.
        metadata: what was stored with the song.
        facts: what was read from the file when it was added: its tags, and its loudness where that was asked for.
        query_start_s: where in the query that passage starts which matched; None where the query counts as a whole.
        query_duration_s: its length in seconds.
        query_passages: what of the query is compared in `explanation`; empty where it has no sound.
    """

    path: Path
    start_s: float
    duration_s: float
    score: float
    song_id: int
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    facts: Mapping[str, MetadataValue] = field(default_factory=dict)
    query_start_s: float | None = None
    query_duration_s: float | None = None
    query_passages: tuple[Passage, ...] = field(default=(), repr=False, compare=False)

    @cached_property
    def explanation(self) -> Explanation:
        """In what the passage that was found is like the query's and in what not; measured when first asked for.

        Raises:
            ArgumentError: the query was an embedding and has no sound.
            AudioError: a file is no longer there, or its passage is silent or shorter than half a second.
        """
        if not self.query_passages:
            raise ArgumentError("the query was an embedding, there is no sound to compare: search with a recording")
        return explain(self.query_passages, Passage(self.path, None, self.start_s, self.duration_s))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "path": str(self.path),
            "start_s": self.start_s,
            "duration_s": self.duration_s,
            "score": self.score,
            "song_id": self.song_id,
            "metadata": dict(self.metadata),
            "facts": dict(self.facts),
            "query_start_s": self.query_start_s,
            "query_duration_s": self.query_duration_s,
        }


def metadata_json(values: Mapping[str, MetadataValue]) -> str:
    """Metadata as it is stored.

    Raises:
        ArgumentError: a key is not a word, or a value is not text, a list of texts, a finite number, a truth value or
            None.
    """
    for key, value in values.items():
        texts = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        if not isinstance(key, str) or not (texts or isinstance(value, str | int | float | bool | None)):
            raise ArgumentError(
                f"metadata {key!r}: {value!r} cannot be stored: use text, a list of texts, numbers, true, false or null"
            )
        if isinstance(value, float) and value - value != 0:
            raise ArgumentError(f"metadata {key!r} is {value}: use a finite number")
    return json.dumps(dict(values), ensure_ascii=False)


def metadata_text(value: MetadataValue) -> str:
    """A value as filters compare it."""
    return value if isinstance(value, str) else json.dumps(value)


def format_hits(hits: Sequence[Hit], *, explained: bool = False) -> str:
    """The hits as an aligned table: rank, score, position, id, path, metadata.

    Args:
        hits: best first.
        explained: below every hit, in what it is like the query.
    """
    if not hits:
        return "no song in the index matches the filters"
    rows = [
        (
            str(rank),
            f"{hit.score:.4f}",
            format_position(hit.start_s),
            str(hit.song_id),
            " ".join([str(hit.path), *(f"{key}={value}" for key, value in hit.metadata.items())]),
        )
        for rank, hit in enumerate(hits, start=1)
    ]
    table = format_table(("#", "score", "start", "id", "path"), rows)
    if not explained:
        return table
    header, *lines = table.split("\n")
    told = [f"{line}\n    {_told(hit)}" for line, hit in zip(lines, hits, strict=True)]
    return "\n".join([header, *told])


def _told(hit: Hit) -> str:
    where = f"{format_position(hit.start_s)} to {format_position(hit.start_s + hit.duration_s)}"
    if hit.query_start_s is not None and hit.query_duration_s is not None:
        end = hit.query_start_s + hit.query_duration_s
        where += f", as the query from {format_position(hit.query_start_s)} to {format_position(end)}"
    return f"{where}: {hit.explanation.text}"


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded to the same width; every column but the last is right-aligned."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header) - 1)]
    lines = [
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in [header, *rows]
    ]
    return "\n".join(lines)


def format_position(seconds: float) -> str:
    """Minutes and seconds, for example ``1:23.5``."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 // 10:02d}.{tenths % 10}"
