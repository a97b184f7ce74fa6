"""Finding NaN and infinity, by themselves or while the samples are worked on.

The bits of a floating-point number without its sign, read as a whole number, grow with its magnitude; infinity and NaN
are the largest. So the largest bits tell whether all samples are finite. Unlike a comparison of the numbers themselves
this costs next to nothing inside a loop that reads them anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from fxrep.effects.kernels import compile_kernel
from fxrep.effects.row_threads import over_rows
from fxrep.errors import AudioError

_WHOLE = {torch.float32: np.int32, torch.float64: np.int64}
_INFINITY = {torch.float32: 0x7F800000, torch.float64: 0x7FF0000000000000}


@compile_kernel
def largest_bits(bits: Any) -> Any:
    """Return the largest magnitude in (R, T) as bits."""
    largest, magnitude = bits.dtype.type(0), ~bits.dtype.type(1 << (8 * bits.itemsize - 1))
    for row in range(bits.shape[0]):
        for i in range(bits.shape[1]):
            largest = max(largest, bits[row, i] & magnitude)
    return largest


def has_plain_memory(audio: torch.Tensor) -> bool:
    """Whether compiled loops can read a tensor where it lies."""
    return audio.device.type == "cpu" and audio.is_contiguous() and not audio.is_neg()


def bits_of(audio: torch.Tensor) -> Any:
    """Return the memory of a tensor, see `has_plain_memory`, as an array of whole numbers of the same shape."""
    return audio.detach().numpy().view(_WHOLE[audio.dtype])


def check_finite(audio: torch.Tensor) -> None:
    """Refuse audio that holds NaN or infinity.

    Args:
        audio: float32 or float64, any shape but not empty.

    Raises:
        AudioError: it does.
    """
    if has_plain_memory(audio):
        check_largest(over_rows(largest_bits, bits_of(audio).reshape(-1, audio.shape[-1])), audio.dtype)
        return
    # The extremes are NaN if anything is, infinite if anything is.
    low, high = torch.aminmax(audio.detach())
    if not bool(torch.isfinite(high - low)):
        raise _unusable()


def check_largest(largest: Iterable[int], dtype: torch.dtype) -> None:
    """Refuse audio by its largest bits.

    Raises:
        AudioError: they are those of NaN or infinity.
    """
    if max(largest) >= _INFINITY[dtype]:
        raise _unusable()


def _unusable() -> AudioError:
    return AudioError("effects: audio holds NaN or infinite samples; repair or drop it first")
