"""Which files of a folder are finished, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from fxrep.data.manifest import ManifestRow
from fxrep.files import file_hash, output_error

JOURNAL_NAME = "normalized.jsonl"


class FinishedFiles:
    """One JSON line for every finished file, written when the file is in place.

    Args:
        folder: of the normalised files; made if need be.
        fingerprint: of the statistics. What was made with others does not count as finished.
    """

    def __init__(self, folder: str | os.PathLike[str], fingerprint: str):
        self.path = Path(folder) / JOURNAL_NAME
        self._fingerprint = fingerprint
        self._known: dict[str, dict[str, Any]] = {}
        self._stream: TextIO | None = None

    def __enter__(self) -> FinishedFiles:
        """Read what earlier runs finished and open the file for more.

        Raises:
            OutputError: the folder cannot be written; known now and not after an hour's work.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._known = self._read() if self.path.exists() else {}
            self._stream = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise output_error(self.path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            # On a full disk closing fails once more for what `add` has already reported.
            with suppress(OSError):
                self._stream.close()

    def find(self, row: ManifestRow, source: Path, output: Path, path: str) -> tuple[ManifestRow, bool] | None:
        """The row of a finished file and whether it was reduced, or None when it must be made (again).

        A source whose size and time are no longer those that were noted counts as changed unless its bytes are still
        the manifest's; one that is gone says nothing against what was made of it.
        """
        entry = self._known.get(path, {})
        if entry.get("source_hash") != row.content_hash or entry.get("statistics") != self._fingerprint:
            return None
        try:
            if source.exists() and _state(source) != entry.get("source_state") and not matches(row, source):
                return None
            made = ManifestRow(**entry["row"])
            return (made, entry.get("reduced") is True) if output.stat().st_size == made.size_bytes else None
        except (OSError, KeyError, TypeError):
            return None

    def add(self, row: ManifestRow, source: Path, made: ManifestRow, reduced: bool = False) -> None:
        """Note a finished file, and whether it was brought down to full scale.

        Args:
            row: of the source.
            source: where it lies.
            made: the row of what was made of it.
            reduced: whether it was brought down.

        Raises:
            OutputError: the disk is full.
        """
        assert self._stream is not None
        entry = {
            "source_hash": row.content_hash,
            "source_state": _state(source),
            "statistics": self._fingerprint,
            "reduced": reduced,
            "row": asdict(made),
        }
        try:
            # The line starts with a break, so that it survives a line that a kill left unfinished.
            self._stream.write("\n" + json.dumps(entry, ensure_ascii=False))
            self._stream.flush()
        except OSError as error:
            raise output_error(self.path, error) from error

    def _read(self) -> dict[str, dict[str, Any]]:
        known = {}
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                known[str(entry["row"]["path"])] = entry
            except (ValueError, KeyError, TypeError):
                continue
        return known


def matches(row: ManifestRow, source: Path) -> bool:
    """Whether a file still holds the bytes that were there when the manifest was made.

    Raises:
        OSError: the file cannot be read.
    """
    return row.size_bytes in (0, source.stat().st_size) and file_hash(source) == row.content_hash


def _state(source: Path) -> list[int] | None:
    try:
        about = source.stat()
    except OSError:
        return None
    return [about.st_size, about.st_mtime_ns]
