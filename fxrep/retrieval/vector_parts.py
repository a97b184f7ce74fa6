"""The vectors of a reference index: plain float32 rows in files that are only ever appended to.

`windows-000001.f32` holds the windows and `songs-000001.f32` the whole songs of part 1, row after row, little endian.
What lies behind the rows that the state names was never committed: it is not read, and cut off by the next writer. A
part that is full is followed by another, so that compacting need not write everything again.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fxrep.files import output_error
from fxrep.retrieval.database import Level
from fxrep.retrieval.index_state import PartState

PART_BYTES = 256 << 20
"""A part is followed by another when its windows take so much."""
_PIECE = 1 << 22


def part_file(folder: Path, level: Level, number: int) -> Path:
    """The file of the windows or the songs of a part."""
    return folder / f"{level}s-{number:06d}.f32"


def open_rows(folder: Path, level: Level, number: int, rows: int, dim: int) -> np.ndarray | None:
    """The first rows of a file, mapped and not read, float32 ``(rows, dim)``; None where they are not there."""
    file = part_file(folder, level, number)
    if not rows:
        return np.empty((0, dim), dtype=np.float32)
    try:
        if file.stat().st_size < rows * dim * 4:
            return None
        return np.memmap(file, dtype="<f4", mode="r", shape=(rows, dim))
    except OSError:
        return None


def rows_crc(rows: np.ndarray, start: int = 0) -> int:
    """CRC-32 of the bytes of rows, going on from `start`, in constant memory."""
    data = _bytes(rows)
    for place in range(0, len(data), _PIECE):
        start = zlib.crc32(data[place : place + _PIECE], start)
    return start


def block_crc(windows: np.ndarray, song: np.ndarray) -> int:
    """CRC-32 of what one song has: its windows and then its own vector."""
    return rows_crc(song, rows_crc(windows))


@dataclass(frozen=True)
class Place:
    """Where the vectors of a song were put."""

    part: int
    row: int
    song_row: int


class PartWriter:
    """Appends vectors behind what is committed.

    Args:
        folder: the index.
        parts: committed state of the parts.
        next_part: number of the next part.
        dim: length D of a vector.
        fresh: start with a new part instead of the last one.
    """

    def __init__(self, folder: Path, parts: dict[int, PartState], next_part: int, dim: int, fresh: bool = False):
        self._folder = folder
        self._dim = dim
        self.parts = parts
        self.next_part = next_part
        self._touched: set[Path] = set()
        self._open: dict[Level, int] = {}
        last = max(parts, default=0)
        self._number = 0 if fresh or not last or self._is_full(parts[last]) else last

    def append(self, windows: np.ndarray, song: np.ndarray) -> Place:
        """Write the windows ``(W, D)`` and the vector ``(D,)`` of a song.

        Raises:
            OutputError: the folder cannot be written, or the disk is full.
        """
        if not self._number or self._is_full(self.parts[self._number]):
            self._start_part()
        part = self.parts[self._number]
        rows = np.ascontiguousarray(windows, dtype="<f4")
        whole = np.ascontiguousarray(song, dtype="<f4").reshape(1, -1)
        self._write("window", rows)
        self._write("song", whole)
        self.parts[self._number] = replace(
            part,
            windows=part.windows + len(rows),
            windows_crc=rows_crc(rows, part.windows_crc),
            songs=part.songs + 1,
            songs_crc=rows_crc(whole, part.songs_crc),
        )
        return Place(self._number, part.windows, part.songs)

    def sync(self) -> None:
        """Bring what was written to the disk."""
        for descriptor in self._open.values():
            os.fsync(descriptor)
        if self._touched:
            sync_folder(self._folder)

    def close(self) -> None:
        """Close the files."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open = {}

    def _start_part(self) -> None:
        if self._open:
            self.sync()
        self.close()
        self._number = self.next_part
        self.next_part += 1
        self.parts[self._number] = PartState()

    def _write(self, level: Level, rows: np.ndarray) -> None:
        file = part_file(self._folder, level, self._number)
        try:
            if level not in self._open:
                part = self.parts[self._number]
                committed = (part.windows if level == "window" else part.songs) * self._dim * 4
                self._open[level] = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
                # What a transaction that failed, or was killed, left behind.
                os.ftruncate(self._open[level], committed)
                os.lseek(self._open[level], committed, os.SEEK_SET)
                self._touched.add(file)
            write_all(self._open[level], _bytes(rows))
        except OSError as error:
            raise output_error(self._folder, error) from error

    def _is_full(self, part: PartState) -> bool:
        return part.windows * self._dim * 4 >= PART_BYTES


def _bytes(rows: np.ndarray) -> memoryview:
    flat: memoryview = np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data
    return flat


def write_all(descriptor: int, data: memoryview | bytes) -> None:
    """Write all of `data`, however many calls it takes."""
    view = memoryview(data)
    while len(view):
        view = view[os.write(descriptor, view[: 1 << 30]) :]


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
