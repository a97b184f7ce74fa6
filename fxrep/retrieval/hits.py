"""What a search returns, and how it is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MetadataValue = str | int | float | bool | None


@dataclass(frozen=True)
class Hit:
    """One found recording.

    Attributes:
        path: the file.
        start_s: where in the file the match starts, in seconds (0 when whole songs are compared).
        duration_s: length of the part that matched, in seconds.
        score: cosine similarity to the query, -1 to 1.
        song_id: the id that `ReferenceIndex.remove` takes.
        metadata: what was stored with the song.
    """

    path: Path
    start_s: float
    duration_s: float
    score: float
    song_id: int
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "path": str(self.path),
            "start_s": self.start_s,
            "duration_s": self.duration_s,
            "score": self.score,
            "song_id": self.song_id,
            "metadata": dict(self.metadata),
        }


def best_per_song(hits: Sequence[Hit]) -> list[Hit]:
    """The first hit of every song, in the order given."""
    best: dict[int, Hit] = {}
    for hit in hits:
        best.setdefault(hit.song_id, hit)
    return list(best.values())


def format_hits(hits: Sequence[Hit]) -> str:
    """The hits as an aligned table: rank, score, position, id, path, metadata."""
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
    return format_table(("#", "score", "start", "id", "path"), rows)


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
