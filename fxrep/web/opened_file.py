"""Opening a file only where it may be: what was checked is what is read, whatever becomes of its name meanwhile."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fxrep.errors import FxrepError

_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_FLAGS |= getattr(os, "O_BINARY", 0)


class NotServedError(FxrepError):
    """A file is not there, or must not be read."""


@dataclass
class OpenedFile:
    """A regular file that is open for reading; who has it closes it.

    Attributes:
        descriptor: of the file.
        path: its real one.
        size: bytes.
        mtime_ns: when it was changed.
    """

    descriptor: int
    path: Path
    size: int
    mtime_ns: int

    @property
    def stamp(self) -> str:
        """Another one when the file is another or has changed."""
        return f"{self.size:x}-{self.mtime_ns:x}"

    def read(self, start: int, count: int) -> bytes:
        """At most `count` bytes from `start` on; nothing past the end."""
        if hasattr(os, "pread"):
            return os.pread(self.descriptor, count, start)
        os.lseek(self.descriptor, start, os.SEEK_SET)  # one after the other: who opened a file reads it alone
        return os.read(self.descriptor, count)

    def close(self) -> None:
        """Close it, once."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def open_inside(path: Path, folders: Iterable[Path]) -> OpenedFile:
    """Open a file if it really lies below one of some folders.

    Links on the way are followed first, and the place they lead to is what counts; the file itself is then opened as no
    link, and compared with what lies at that place.

    Args:
        path: of the file.
        folders: real paths.

    Raises:
        NotServedError: it does not lie there, does not exist, or is no regular file.
    """
    name = path.name.encode(errors="backslashreplace").decode()
    try:
        real = Path(os.path.realpath(path, strict=True))
        if not any(real.is_relative_to(folder) for folder in folders):
            raise NotServedError(f"{name} lies outside the library's folders: name its folder with --folder")
        descriptor = os.open(real, _FLAGS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such file"
        raise NotServedError(f"{name} cannot be opened ({reason}): bring the file back, or remove the song") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotServedError(f"{name} is no file that can be played")
        if Path(os.path.realpath(path)) != real or not os.path.samestat(os.lstat(real), status):
            raise NotServedError(f"{name} was replaced while it was opened: try again")
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError):
            raise NotServedError(f"{name} was replaced while it was opened: try again") from error
        raise
    return OpenedFile(descriptor, real, status.st_size, status.st_mtime_ns)
