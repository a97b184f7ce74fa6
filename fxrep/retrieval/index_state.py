"""What a reference index says about itself as a whole: one small record, written with every change."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fxrep.errors import ReferenceIndexError
from fxrep.retrieval.matching import Matching

FORMAT_VERSION = 3
"""Of an index that matches recordings."""
PLAIN_VERSION = 2
"""Of one that hears them as they are, which fxrep without matching reads too."""


class DamagedIndexError(ReferenceIndexError):
    """A file of an index does not hold what was written to it."""


@dataclass(frozen=True)
class PartState:
    """How much of a pair of vector files is committed, and the CRC-32 of exactly that.

    Attributes:
        windows: rows of the file of windows.
        windows_crc: of its first `windows` rows.
        songs: rows of the file of whole songs.
        songs_crc: of its first `songs` rows.
    """

    windows: int = 0
    windows_crc: int = 0
    songs: int = 0
    songs_crc: int = 0


@dataclass(frozen=True)
class IndexState:
    """The committed state of an index.

    Attributes:
        fingerprint: of the encoder that made every vector.
        model: name under which it can be loaded again.
        dim: length D of a vector.
        sample_rate: Hz at which it listens.
        window_s: length of a window in seconds.
        generation: how many changes were committed.
        epoch: how often the vectors were moved to other files; what a reader remembers of places ends with it.
        songs: how many there are.
        windows: how many vectors of windows belong to them.
        next_song: id of the next song; ids below are never given again.
        next_window: id of the next window, likewise.
        next_part: number of the next pair of vector files.
        journal: name of the journal.
        journal_bytes: how much of it is committed.
        journal_crc: CRC-32 of exactly that.
        parts: the vector files by number.
        inverted: what `inverted_lists` built and measured; None where every search is exact.
        loudness_lufs, bandwidth_hz: what recordings are brought to before they are embedded, see `Matching`.
        format_version: of the folder; follows from the above.
    """

    fingerprint: str
    model: str
    dim: int
    sample_rate: int
    window_s: float
    generation: int = 0
    epoch: int = 0
    songs: int = 0
    windows: int = 0
    next_song: int = 1
    next_window: int = 1
    next_part: int = 1
    journal: str = "journal-000001.log"
    journal_bytes: int = 0
    journal_crc: int = 0
    parts: Mapping[int, PartState] = field(default_factory=dict)
    inverted: Mapping[str, Any] | None = None
    loudness_lufs: float | None = None
    bandwidth_hz: float | None = None

    @property
    def matching(self) -> Matching:
        """What recordings are brought to before they are embedded."""
        return Matching(self.loudness_lufs, self.bandwidth_hz)

    @property
    def format_version(self) -> int:
        """Of the folder: no newer than it has to be."""
        return FORMAT_VERSION if self.matching else PLAIN_VERSION

    def to_json(self) -> str:
        """One line of JSON."""
        values = {**asdict(self), "format_version": self.format_version}
        if not self.matching:
            del values["loudness_lufs"], values["bandwidth_hz"]
        return json.dumps(values)

    @staticmethod
    def from_json(text: str) -> IndexState:
        """The inverse of `to_json`.

        Raises:
            DamagedIndexError: it does not describe an index.
        """
        try:
            values = json.loads(text)
            parts = {int(number): PartState(**part) for number, part in values.pop("parts").items()}
            version = values.pop("format_version")
            state = IndexState(**values, parts=parts)
            sound = min(int(state.dim), int(state.sample_rate), float(state.window_s)) > 0
            sound = sound and version == state.format_version
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise DamagedIndexError("its description is damaged") from error
        if not sound:
            raise DamagedIndexError("its description is damaged")
        return state

    def with_part(self, number: int, part: PartState) -> IndexState:
        """The same state with a part added or grown."""
        return replace(self, parts={**self.parts, number: part})


def text_crc(text: str) -> int:
    """CRC-32 of a text in UTF-8."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
