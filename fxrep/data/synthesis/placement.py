"""Where notes lie in a buffer of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.notes import Note

Instrument = Callable[[Sequence[Note], int, int, np.random.Generator], Signal]
"""``play(notes, length, sample_rate, generator)`` gives (length,) or (2, length), at any level.

An instrument draws its timbre for the song first, then plays; whatever differs from note to note comes from the
same generator.
"""


def note_span(note: Note, seconds: float, length: int, sample_rate: int) -> tuple[int, int]:
    """First sample of a note, and how many of `seconds` fit before `length`."""
    start = min(int(note.start_s * sample_rate), length - 1)
    return start, max(1, min(int(seconds * sample_rate), length - start))


POOL_S = 5.0


def noise_pool(length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """White noise of unit variance, at most `POOL_S` seconds, that strikes cut their own pieces from."""
    count = min(length, int(POOL_S * sample_rate))
    return generator.standard_normal(count, dtype=np.float32).astype(np.float64)


def noise_piece(pool: Signal, count: int, generator: np.random.Generator) -> Signal:
    """`count` samples of a pool, from a place of their own."""
    offset = int(generator.integers(0, len(pool) - count + 1))
    return pool[offset : offset + count]
