"""What a scan has measured so far, in a file beside its output, so that a killed scan goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from fxrep.data.measuring import Measurement
from fxrep.files import output_error

_HEADER = {"format": "fxrep scan journal", "version": 1}


class ScanJournal:
    """One JSON line a measured file, flushed at once, keyed by path, size and time of change.

    A file that has changed since is not found in it and measured again. The journal stays after the scan: a second
    scan of a grown dataset measures only what is new.
    """

    def __init__(self, output: str | os.PathLike[str]) -> None:
        target = Path(output)
        self.path = target.with_name(target.name + ".journal.jsonl")
        self._known: dict[tuple[str, int, int], Measurement] = {}
        self._stream: TextIO | None = None

    def __enter__(self) -> ScanJournal:
        """Load what an earlier scan left and open the file for more.

        Raises:
            OutputError: the folder cannot be written; known now and not after hours of reading.
        """
        self._known = dict(self._load())
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.path.open("a" if self._known else "w", encoding="utf-8")
            self._write("" if self._known else json.dumps(_HEADER))
        except OSError as error:
            raise output_error(self.path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream:
            # On a full disk closing fails once more for what `add` has already reported.
            with suppress(OSError):
                self._stream.close()

    def find(self, path: Path) -> Measurement | None:
        """What was measured on `path` as it is now, or None."""
        try:
            return self._known.get(_key(path))
        except OSError:
            return None

    def add(self, path: Path, measurement: Measurement) -> None:
        """Keep a measurement.

        Raises:
            OutputError: the disk is full.
        """
        name, size, changed = _key(path)
        line = {"path": name, "size": size, "mtime_ns": changed, "measurement": asdict(measurement)}
        try:
            self._write(json.dumps(line, ensure_ascii=False))
        except OSError as error:
            raise output_error(self.path, error) from error

    def _write(self, line: str) -> None:
        assert self._stream is not None
        # An empty line before the first one ends a line that a killed scan left unfinished.
        self._stream.write(line + "\n")
        self._stream.flush()

    def _load(self) -> Iterator[tuple[tuple[str, int, int], Measurement]]:
        if not self.path.is_file():
            return
        with self.path.open(encoding="utf-8", errors="replace") as stream:
            if _parsed(stream.readline()) != _HEADER:
                return
            for line in stream:
                entry = _parsed(line)
                try:
                    key = (entry["path"], entry["size"], entry["mtime_ns"])
                    yield key, Measurement(**entry["measurement"])
                except (KeyError, TypeError):
                    continue


def _parsed(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _key(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns
