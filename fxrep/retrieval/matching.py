"""What recordings are brought to before an encoder hears them, so that the same mix sounds the same from any source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fxrep.errors import ArgumentError

_LUFS = (-60.0, 0.0)
_HZ = (1000.0, 22000.0)


@dataclass(frozen=True)
class Matching:
    """One loudness, and one bandwidth, for every song of a library and every query; None leaves that as it is.

    The loudness is that of the whole recording, below the edge of the band, also where only a part of it is asked with:
    what is quiet in a song stays quiet. Nothing is limited.

    Attributes:
        loudness_lufs: integrated loudness that every recording is brought to, -60 to 0 LUFS.
        bandwidth_hz: what lies above is taken away, 1 to 22 kHz: an elliptic filter of order 8, 0.1 dB of ripple below
            and 80 dB down above; nothing to do for encoders that hear less anyway.

    Raises:
        ArgumentError: a value is outside its range.
    """

    loudness_lufs: float | None = -16.0
    bandwidth_hz: float | None = 14000.0

    def __post_init__(self) -> None:
        for name, value, (low, high), unit in (
            ("loudness_lufs", self.loudness_lufs, _LUFS, "LUFS"),
            ("bandwidth_hz", self.bandwidth_hz, _HZ, "Hz"),
        ):
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                raise ArgumentError(f"{name} is {value:g}: give {low:g} to {high:g} {unit}, or none to leave it")

    def __bool__(self) -> bool:
        """Whether anything is matched."""
        return self.loudness_lufs is not None or self.bandwidth_hz is not None

    def __str__(self) -> str:
        """For example ``at -16 LUFS, up to 14 kHz``."""
        parts = [] if self.loudness_lufs is None else [f"at {self.loudness_lufs:g} LUFS"]
        parts += [] if self.bandwidth_hz is None else [f"up to {self.bandwidth_hz / 1000:g} kHz"]
        return ", ".join(parts) or "as released"

    @property
    def options(self) -> str:
        """The options of the command line that ask for it."""
        loudness = "none" if self.loudness_lufs is None else f"{self.loudness_lufs:g}"
        bandwidth = "none" if self.bandwidth_hz is None else f"{self.bandwidth_hz:g}"
        return f"--match-loudness {loudness} --match-bandwidth {bandwidth}"


AS_RELEASED = Matching(None, None)
"""Recordings as they are."""
