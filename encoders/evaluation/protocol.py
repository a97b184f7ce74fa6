"""What every benchmark asks of its settings before anything is read."""

from __future__ import annotations

from fxrep.data.multitrack import SPLITS
from fxrep.errors import ArgumentError

LARGEST_SEED = 10**15


def check_protocol(split: str | None, segment_s: float, seed: int, **counts: int) -> None:
    """Refuse a benchmark that cannot be.

    Args:
        split: of songs; None for all.
        segment_s: seconds per clip.
        seed: of everything that is drawn.
        counts: numbers of clips by name, each 2 or more.

    Raises:
        ArgumentError: a value is out of range; the message names it.
    """
    if split is not None and split not in SPLITS:
        raise ArgumentError(f"split is {split!r}: choose one of {', '.join(SPLITS)}")
    if not 0.0 < segment_s < float("inf"):
        raise ArgumentError(f"a clip of {segment_s} s is not possible: give a length above 0")
    if not 0 <= seed <= LARGEST_SEED:
        raise ArgumentError(f"seed is {seed}: give 0 to {LARGEST_SEED}")
    for name, count in counts.items():
        if count < 2:
            raise ArgumentError(f"{name} is {count}: give 2 or more")
