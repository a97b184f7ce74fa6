"""What no recording goes beyond: limits that files and arrays share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fxrep.audio.resampling import check_rate
from fxrep.errors import ArgumentError, AudioError

# No recording is made outside these: a damaged header that says 1 Hz would make a second's file one of half a day.
RATES_HZ = (1000, 1536000)
# 32-bit whole numbers written as floating point, the loudest that occurs, stay below: what is beyond is damaged data.
LARGEST_SAMPLE = 4.3e9


def check_recording_rate(sample_rate: Any) -> None:
    """Refuse a sample rate that no recording has: resampled from 1 Hz, an array grows beyond all memory.

    Raises:
        ArgumentError: with the value.
    """
    check_rate(sample_rate)
    least, most = RATES_HZ
    if not least <= sample_rate <= most:
        raise ArgumentError(
            f"sample rate is {sample_rate} Hz, {least} to {most} are expected: pass the rate the recording was made "
            "at, for example 44100"
        )


def check_scale(audio: Tensor, *, name: str = "audio") -> None:
    """Refuse samples far beyond full scale: the power of such values is more than floating point holds.

    Args:
        audio: `(..., samples)`, finite, at least one sample.
        name: how the message calls it.

    Raises:
        AudioError: with the place of the first.
    """
    values = audio.detach()
    low, high = torch.aminmax(values)
    if low >= -LARGEST_SAMPLE and high <= LARGEST_SAMPLE:
        return
    position = int((values.abs() > LARGEST_SAMPLE).nonzero()[0, -1])
    raise AudioError(
        f"{name} holds samples far beyond full scale ({float(max(-low, high)):.3g}), the first at sample {position}: "
        "scale it so that full scale is 1.0, or leave it out"
    )
