"""Looking at the songs of an open index a few at a time, as a page or another program does; nothing is listed whole."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from fxrep.retrieval.index_state import IndexState
from fxrep.retrieval.reader import IndexReader
from fxrep.retrieval.song_row import SongRow

_MOST_VALUES = 50


def index_state(index: IndexReader) -> IndexState:
    """The committed state: counts, model, and a generation that is another after every change."""
    with index._lock, index._database.errors():
        return index._database.state()


def find_songs(
    index: IndexReader, text: str = "", offset: int = 0, limit: int = 50
) -> tuple[int, list[dict[str, Any]]]:
    """Songs in the order of their ids, as `ReferenceIndex.songs` lists them.

    Args:
        index: open.
        text: that their path, metadata or facts contain, whatever the case of its ASCII letters.
        offset: how many to leave out.
        limit: how many to return.

    Returns:
        How many there are in all, and those asked for.
    """
    if "\0" in text:
        return 0, []  # SQLite's patterns end there
    words = "%" + "".join(f"\\{sign}" if sign in "\\%_" else sign for sign in text) + "%"
    contains = "(path LIKE ? ESCAPE '\\' OR metadata LIKE ? ESCAPE '\\' OR facts LIKE ? ESCAPE '\\')"
    condition, arguments = (contains, (words,) * 3) if text else ("1", ())
    with index._lock, index._database.snapshot():
        total = index._database.connection.execute(f"SELECT COUNT(*) FROM songs WHERE {condition}", arguments)
        count = int(total.fetchone()[0])
        rows = list(index._database.rows(f"{condition} ORDER BY id LIMIT ? OFFSET ?", *arguments, limit, offset))
    return count, [_plain(index, row) for row in rows]


def get_songs(index: IndexReader, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Songs by their ids, in the order given; those that are not there are left out."""
    with index._lock, index._database.snapshot():
        rows = [index._database.row(int(song_id)) for song_id in ids]
    return [_plain(index, row) for row in rows if row is not None]


def describe_fields(index: IndexReader) -> list[dict[str, Any]]:
    """What songs can be filtered by: every key of their metadata and facts, in the order of the alphabet.

    Returns:
        ``key``, ``kind`` (``number`` where all values are numbers, or texts that are, else ``text``), ``values`` (the
        commonest texts, at most 50), ``low`` and ``high`` (of numbers).
    """
    query = (
        "SELECT one.key, one.type, one.value, COUNT(*) FROM songs, json_each(songs.{column}) AS one "
        "GROUP BY one.key, one.type, one.value"
    )
    found: dict[str, list[tuple[str, Any, int]]] = {}
    with index._lock, index._database.snapshot():
        for column in ("metadata", "facts"):
            for key, kind, value, count in index._database.connection.execute(query.format(column=column)):
                found.setdefault(str(key), []).append((kind, value, int(count)))
    return [_field(key, values) for key, values in sorted(found.items())]


def _field(key: str, values: list[tuple[str, Any, int]]) -> dict[str, Any]:
    given = [(kind, value) for kind, value, _ in values if kind != "null" and value != ""]
    numbers = [number for kind, value in given if (number := _number(kind, value)) is not None]
    if given and len(numbers) == len(given):
        return {"key": key, "kind": "number", "values": [], "low": min(numbers), "high": max(numbers)}
    counts: dict[str, int] = {}
    for kind, value, count in values:
        texts = json.loads(value) if kind == "array" else [value] if kind == "text" else []
        for text in texts:
            counts[str(text)] = counts.get(str(text), 0) + count
    common = sorted(counts, key=lambda text: (-counts[text], text))[:_MOST_VALUES]
    return {"key": key, "kind": "text", "values": common, "low": None, "high": None}


def _number(kind: str, value: Any) -> float | None:
    """A number, or a text that is one, as tables have them."""
    try:
        number = float(value) if kind in ("integer", "real", "text") else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _plain(index: IndexReader, row: SongRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "path": str(index._songs.real_path(row.path)),
        "duration_s": row.duration_s,
        "windows": row.windows,
        "metadata": json.loads(row.metadata),
        "facts": json.loads(row.facts),
    }
