"""What is measured: one entry per processor and library, and the settings that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

RATE = 44100
OURS = "fxrep"
# Versions of ours for libraries whose effect has no such part.
NO_TONE, BITS_ALONE = f"{OURS} (no tone)", f"{OURS} (bits alone)"
CHAIN = "chain"

# Called with audio (B, 2, T) and a column of ones (B,) that carries the gradient into the settings.
Call = Callable[[torch.Tensor, torch.Tensor], object]

BANDS = ("low_shelf", "peak_1", "peak_2", "peak_3", "peak_4", "high_shelf")
BAND_HZ = dict(zip(BANDS, (100.0, 300.0, 1000.0, 3000.0, 8000.0, 10000.0), strict=True))
DYNAMICS = {"threshold_db": -24.0, "ratio": 4.0, "attack_ms": 5.0, "release_ms": 100.0, "knee_db": 6.0}
# Single sections: where they act, at a Q of 0.7, shelves and peaks by 6 dB.
SECTION_HZ = {
    "low_pass": 4000.0,
    "high_pass": 120.0,
    "band_pass": 1000.0,
    "notch": 1000.0,
    "all_pass": 1000.0,
    "low_shelf": 100.0,
    "high_shelf": 8000.0,
    "peak": 1000.0,
}
RESPONSE_LENGTH = 60000


@dataclass(frozen=True)
class Entry:
    """One library's version of one processor.

    Attributes:
        library: its name in the table.
        make: returns the call for a device; it may import, load and compile.
        gradient: False for compiled effects that cannot be differentiated.
        note: how it differs from ours.
        against: the version of ours that does the same work, which this one is compared with.
        one_item: True to measure one item of at most five seconds and scale the time: what takes minutes otherwise.
    """

    library: str
    make: Callable[[torch.device], Call]
    gradient: bool = True
    note: str = ""
    one_item: bool = False
    against: str = OURS


Entries = dict[str, list[Entry]]


def impulse_response() -> torch.Tensor:
    """Return a decaying noise (2, RESPONSE_LENGTH) for every library that convolves."""
    noise = torch.randn(2, RESPONSE_LENGTH, generator=torch.Generator().manual_seed(3))
    return 0.02 * noise * torch.exp(torch.linspace(0.0, -7.0, RESPONSE_LENGTH))


def bursts(batch: int, seconds: float) -> torch.Tensor:
    """Return noise (batch, 2, T) that starts anew every half second and dies away: dynamics open and close on it."""
    length = int(seconds * RATE)
    noise = torch.randn(batch, 2, length, generator=torch.Generator().manual_seed(0))
    return 0.3 * noise * torch.exp(-(torch.arange(length) % (RATE // 2)) / (0.1 * RATE))
