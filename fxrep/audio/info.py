"""What the header of an audio file says, and the signal by which one decoder hands over to the next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file promises. `frames` counts samples per channel."""

    path: Path
    sample_rate: int
    channels: int
    frames: int
    duration_s: float
    format: str
    subtype: str


class DecodeError(Exception):
    """A decoder cannot go on. Internal: readers catch it and try the next decoder or raise an `AudioError`."""
