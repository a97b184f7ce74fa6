"""The mark on an index whose building was cut off, so that the same call can go on with it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from fxrep.errors import OccupiedError
from fxrep.files import atomic_file

MARK_NAME = "unfinished.json"


class UnfinishedMark:
    """A file in the index folder that names what the index is being built of, and is there until it is complete.

    Args:
        folder: the index.
        sources: the files and folders it is built of.
    """

    def __init__(self, folder: Path, sources: Sequence[str | os.PathLike[str]]) -> None:
        self._folder = folder
        self._file = folder / MARK_NAME
        self._sources = sorted(os.path.realpath(source) for source in sources)

    def set(self) -> None:
        """Leave the mark.

        Raises:
            OutputError: the folder cannot be written.
        """
        with atomic_file(self._file) as temporary:
            temporary.write_text(json.dumps(self._sources), encoding="utf-8")

    def remove(self) -> None:
        """Take the mark away: the index is complete."""
        self._file.unlink(missing_ok=True)

    def check(self) -> None:
        """Refuse an index that was completed, or was begun with other files.

        Raises:
            OccupiedError: it may not be gone on with.
        """
        advice = f"add to it with: fxrep index add {self._folder} SONGS, or replace it with --force"
        if not self._file.is_file():
            raise OccupiedError(f"{self._folder} exists already: {advice}")
        try:
            begun = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            begun = None
        if begun != self._sources:
            raise OccupiedError(f"{self._folder} was begun with other files and not finished: {advice}")
