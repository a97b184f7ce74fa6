"""Which songs may be found: by what is stored with them, and by where their files lie."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from fxrep.errors import ArgumentError
from fxrep.retrieval.database import IndexDatabase
from fxrep.retrieval.hits import MetadataValue, metadata_text

_TEXT = (
    "CASE {0}.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'null' THEN 'null' "
    "ELSE CAST({0}.value AS TEXT) END"
)
# A list that is stored matches by any of its values; what was given with a song hides what its file says.
_HAS = (
    "EXISTS (SELECT 1 FROM json_each(songs.{column}) AS one WHERE one.key = ? AND (CASE one.type WHEN 'array' THEN "
    "EXISTS (SELECT 1 FROM json_each(one.value) AS item WHERE {item}) ELSE {one} END))"
)
_MOST_KEYS = 30
_KEY = "EXISTS (SELECT 1 FROM json_each(songs.metadata) AS named WHERE named.key = ?)"


@dataclass(frozen=True)
class Between:
    """A range of numbers, ends included; None leaves an end open."""

    low: float | None = None
    high: float | None = None


Condition: TypeAlias = MetadataValue | Between
Where: TypeAlias = Mapping[str, Condition | Sequence[Condition]]
"""Every key must hold; of a list of conditions, any one of them."""


@dataclass(frozen=True)
class Filter:
    """What a song must be to be found.

    Attributes:
        where: by key, what its metadata, or else the facts of its file, must be: a value (compared as text; one of
            them, where the song has a list), a `Between`, or a list of which one must hold.
        path_glob: shell pattern that its path must match.
        folder: it must lie below this folder.
    """

    where: Where | None = None
    path_glob: str | None = None
    folder: str | os.PathLike[str] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it lets everything through."""
        return not self.where and self.path_glob is None and self.folder is None

    def song_ids(self, database: IndexDatabase, base: Path) -> np.ndarray:
        """Ids of the songs that pass, int64; call inside a snapshot.

        Args:
            database: of the index.
            base: where relative paths begin.

        Raises:
            ArgumentError: `where` names what no song has.
        """
        clauses, arguments = [], []
        for key, wanted in (self.where or {}).items():
            clause, values = _condition(key, wanted)
            clauses.append(clause)
            arguments += values
        database.connection.create_function("fx_number", 1, _number, deterministic=True)
        rows = database.connection.execute(
            f"SELECT id, path FROM songs WHERE {' AND '.join(clauses) or '1'}", arguments
        )
        found = list(rows)
        if not found:
            _check_keys(database, list(self.where or {}))
        return np.fromiter((row[0] for row in found if self._path_passes(row[1], base)), dtype=np.int64)

    def _path_passes(self, stored: str, base: Path) -> bool:
        if self.path_glob is None and self.folder is None:
            return True
        path = stored if (stored.startswith("/") or Path(stored).is_absolute()) else f"{base.as_posix()}/{stored}"
        if self.folder is not None:
            folder = Path(os.path.realpath(self.folder)).as_posix().rstrip("/")
            if not path.startswith(folder + "/"):
                return False
        return self.path_glob is None or fnmatch.fnmatch(path, self.path_glob)


def _condition(key: str, wanted: Condition | Sequence[Condition]) -> tuple[str, list[Any]]:
    choices = [wanted] if isinstance(wanted, str | Between) or not isinstance(wanted, Sequence) else list(wanted)
    if not choices:
        raise ArgumentError(f"where {key!r} is an empty list: give what the songs should have")
    _check_text(key, key)
    clauses, arguments = [], []
    for choice in choices:
        test, values = _test(key, choice)
        metadata = _HAS.format(column="metadata", item=test.format("item"), one=test.format("one"))
        facts = _HAS.format(column="facts", item=test.format("item"), one=test.format("one"))
        clauses.append(f"({metadata} OR (NOT {_KEY} AND {facts}))")
        arguments += [key, *values, *values, key, key, *values, *values]
    return f"({' OR '.join(clauses)})", arguments


def _check_keys(database: IndexDatabase, wanted: list[str]) -> None:
    """Refuse keys that no song has; asked only where nothing was found, since it looks at every song."""
    if database.connection.execute("SELECT 1 FROM songs LIMIT 1").fetchone() is None:
        return
    rows = database.connection.execute(
        "SELECT DISTINCT one.key FROM songs, json_each(songs.metadata) AS one UNION "
        "SELECT DISTINCT one.key FROM songs, json_each(songs.facts) AS one ORDER BY 1"
    )
    known = [str(row[0]) for row in rows]
    for key in wanted:
        if key not in known:
            there = ", ".join(known[:_MOST_KEYS]) + (", …" if len(known) > _MOST_KEYS else "")
            raise ArgumentError(f"where {key!r:.60}: no song has it; known are: {there or 'none'}")


def _test(key: str, wanted: Condition) -> tuple[str, list[Any]]:
    if not isinstance(wanted, Between):
        text = metadata_text(wanted)
        _check_text(key, text)
        return f"{_TEXT} = ?", [text]
    low = -1e308 if wanted.low is None else float(wanted.low)
    high = 1e308 if wanted.high is None else float(wanted.high)
    if not low <= high:
        raise ArgumentError(
            f"where {key!r}: the range from {low:g} to {high:g} holds nothing: give the lower end first"
        )
    return "fx_number({0}.value) BETWEEN ? AND ?", [low, high]


def _check_text(key: str, text: str) -> None:
    """Refuse what no text can hold, as bytes of a command line that are not UTF-8: the database cannot be asked it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentError(f"where {key!r:.60}: {text!r:.60} is not text that UTF-8 can hold: correct it") from None


def _number(value: Any) -> float | None:
    """A number, or a text that is one, as tables have them."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def parse_condition(text: str) -> Condition:
    """What ``--where KEY=TEXT`` asks for: ``90..110``, ``90..``, ``..110`` are ranges, all else is a value."""
    low, dots, high = text.partition("..")
    if not dots:
        return text
    try:
        ends = [float(end) if end else None for end in (low, high)]
    except ValueError:
        return text
    return text if ends == [None, None] else Between(*ends)
