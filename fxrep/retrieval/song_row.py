"""One song as the database and the journal hold it."""

from __future__ import annotations

import base64
import zlib
from typing import Any, NamedTuple

import numpy as np


class SongRow(NamedTuple):
    """A song, where its vectors lie, and what they must add up to.

    Attributes:
        id: of the song, for ever.
        path: relative to the index's parent folder where it lies below it.
        content_hash: SHA-256 of the file.
        duration_s: its length in seconds.
        metadata: what was given with it, JSON.
        facts: what was read from the file, JSON.
        part: number of the vector files.
        row: of the first window in the file of windows.
        song_row: of the song's vector in the file of songs.
        windows: number of windows W.
        first_window: id of the first window; the others follow.
        starts: start of every window in seconds, W float64.
        vectors_crc: CRC-32 of the bytes of the windows and the song's vector.
        generation: in which it was written.
    """

    id: int
    path: str
    content_hash: str
    duration_s: float
    metadata: str
    facts: str
    part: int
    row: int
    song_row: int
    windows: int
    first_window: int
    starts: bytes
    vectors_crc: int
    generation: int

    @property
    def checksum(self) -> int:
        """CRC-32 of all of it."""
        return zlib.crc32(repr(tuple(self)).encode("utf-8", "surrogatepass"))

    @property
    def starts_s(self) -> np.ndarray:
        """Start of every window in seconds, float64 ``(W,)``."""
        return np.frombuffer(self.starts, dtype="<f8")

    def to_plain(self) -> list[Any]:
        """Values that JSON can hold."""
        return [base64.b64encode(value).decode() if isinstance(value, bytes) else value for value in self]

    @staticmethod
    def from_plain(values: list[Any]) -> SongRow:
        """The inverse of `to_plain`."""
        row = SongRow(*values)
        return row._replace(starts=base64.b64decode(values[SongRow._fields.index("starts")]))


COLUMNS = ", ".join(SongRow._fields)
