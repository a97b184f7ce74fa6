"""Temporary files of a server: bounded, oldest out first, gone when it ends."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fxrep.errors import OutputError
from fxrep.scratch_folder import scratch_folder

T = TypeVar("T")


@dataclass
class CacheEntry:
    """A folder of its own with files, and what is known about them.

    Attributes:
        key: of the entry.
        folder: with its files.
        size: their bytes.
        facts: plain values.
    """

    key: str
    folder: Path
    size: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


class CacheFolder:
    """Entries up to a size and a number; the one that was not used for longest goes first. For any number of threads.

    Args:
        folder: empty, of its own.
        most_bytes: of all files together.
        most_entries: of entries.
        on_drop: told of every entry that goes.
    """

    def __init__(
        self,
        folder: Path,
        most_bytes: int,
        most_entries: int,
        on_drop: Callable[[CacheEntry], None] = lambda entry: None,
    ) -> None:
        self.folder, self.most_bytes, self.most_entries, self.on_drop = folder, most_bytes, most_entries, on_drop
        self._entries: OrderedDict[str, CacheEntry] = OrderedDict()
        self._lock = threading.RLock()
        self._bytes = 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def used_bytes(self) -> int:
        """Bytes of all entries."""
        return self._bytes

    def new_folder(self) -> Path:
        """An empty folder to write an entry in, see `keep`."""
        folder = self.folder / secrets.token_hex(12)
        folder.mkdir()
        return folder

    def keep(self, key: str, folder: Path, facts: dict[str, Any]) -> CacheEntry:
        """Make an entry of a folder that is complete; what it displaces is deleted."""
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        entry = CacheEntry(key, folder, size, facts)
        with self._lock:
            self.drop(key)
            self._entries[key] = entry
            self._bytes += size
            # The newest stays, or nothing larger than the cache could ever be worked with.
            while len(self._entries) > 1 and (self._bytes > self.most_bytes or len(self._entries) > self.most_entries):
                self.drop(next(iter(self._entries)))
        return entry

    def get(self, key: str) -> CacheEntry | None:
        """An entry, which is thereby used; None where it is not, or no longer, there."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def use(self, key: str, work: Callable[[CacheEntry], T]) -> T | None:
        """Call something short with an entry, which stays meanwhile: what it opens can be read to its end.

        Returns:
            What `work` returned; None where the entry is not, or no longer, there.
        """
        with self._lock:
            entry = self.get(key)
            return None if entry is None else work(entry)

    def drop(self, key: str) -> None:
        """Delete an entry; who has one of its files open reads on."""
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry is None:
                return
            self._bytes -= entry.size
        self.on_drop(entry)
        shutil.rmtree(entry.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self._entries)


@contextmanager
def temporary_root(chosen: Path | None) -> Iterator[Path]:
    """Yield an empty folder that only this user can read; it goes when the block ends.

    What a killed server left is found by its lock, and deleted.

    Args:
        chosen: where to make it; None for the cache folder of the user.

    Raises:
        OutputError: it cannot be made.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = (chosen or home / "fxrep") / "serve"
    try:
        with scratch_folder(target) as folder:
            folder.chmod(0o700)
            yield folder
    except OSError as error:
        raise OutputError(
            f"cannot write {error.filename or target}: {error.strerror or error}: give a folder with --cache"
        ) from error
