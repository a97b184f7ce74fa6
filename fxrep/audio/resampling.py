"""Changing the sample rate: soxr for data, torchaudio's windowed sinc inside differentiable graphs."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import soxr
import torch
from torch import Tensor

from fxrep.audio.layout import check_finite, check_tensor
from fxrep.errors import ArgumentError


def resample(audio: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """Resample with soxr at quality HQ (aliasing below -100 dB). Not differentiable.

    Args:
        audio: `(..., samples)`, floating point.
        from_rate: Hz of `audio`.
        to_rate: Hz of the result.

    Returns:
        `(..., round(samples * to_rate / from_rate))`, at least one sample; `audio` itself when the rates agree.

    Raises:
        ArgumentError: a rate is not positive, or `audio` requires a gradient.
        AudioError: `audio` is no tensor, or holds NaN or infinite values.
    """
    _check(audio, from_rate, to_rate)
    if from_rate == to_rate:
        return audio
    if audio.requires_grad and torch.is_grad_enabled():
        raise ArgumentError("resample would cut the gradient: use resample_differentiable inside a graph")
    rows = audio.detach().reshape(-1, audio.shape[-1]).to("cpu", torch.float32)
    # The transposed view lets soxr walk along each row without interleaving the channels.
    resampled = np.asarray(soxr.resample(rows.numpy().T, from_rate, to_rate, quality="HQ")).T
    fitted = _fit_length(torch.from_numpy(np.ascontiguousarray(resampled)), audio.shape[-1], from_rate, to_rate)
    return fitted.reshape(*audio.shape[:-1], -1).to(audio.device, audio.dtype)


def resample_differentiable(audio: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """Resample with torchaudio's windowed sinc, differentiable and on any device.

    Args:
        audio: `(..., samples)`, floating point.
        from_rate: Hz of `audio`.
        to_rate: Hz of the result.

    Returns:
        `(..., round(samples * to_rate / from_rate))`, at least one sample.

    Raises:
        ArgumentError: a rate is not positive.
        AudioError: `audio` is no tensor, or holds NaN or infinite values.
    """
    import torchaudio.functional

    _check(audio, from_rate, to_rate)
    if from_rate == to_rate:
        return audio
    resampled = torchaudio.functional.resample(
        audio, int(from_rate), int(to_rate), lowpass_filter_width=64, rolloff=0.97
    )
    return _fit_length(resampled, audio.shape[-1], from_rate, to_rate)


class StreamResampler:
    """`resample` for audio that arrives in pieces: the pieces that come out join to what `resample` gives."""

    def __init__(self, from_rate: int, to_rate: int, channels: int):
        check_rate(from_rate)
        check_rate(to_rate)
        self._rates = (from_rate, to_rate)
        self._channels = channels
        same = from_rate == to_rate
        self._stream = (
            None if same else soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32", quality="HQ")
        )
        self._taken = 0
        self._given = 0

    def push(self, audio: Tensor) -> Tensor:
        """Take `(channels, samples)` and return what is ready of the result, perhaps nothing."""
        if self._stream is None:
            return audio
        self._taken += audio.shape[-1]
        ready = torch.from_numpy(self._stream.resample_chunk(np.ascontiguousarray(audio.numpy().T)).T)
        self._given += ready.shape[-1]
        return ready

    def finish(self) -> Tensor:
        """Return the rest."""
        if self._stream is None:
            return torch.empty(self._channels, 0)
        silence = np.empty((0, self._channels), np.float32)
        rest = torch.from_numpy(self._stream.resample_chunk(silence, last=True).T)
        length = resampled_length(self._taken, *self._rates) - self._given
        missing = length - rest.shape[-1]
        return torch.nn.functional.pad(rest, (0, missing)) if missing > 0 else rest[:, :length]


def check_rate(sample_rate: Any) -> None:
    """Refuse a sample rate that is not a positive number.

    Raises:
        ArgumentError: with the value.
    """
    unknown = isinstance(sample_rate, bool) or not isinstance(sample_rate, Real) or not math.isfinite(sample_rate)
    if unknown or not sample_rate > 0 or int(sample_rate) != sample_rate:
        raise ArgumentError(f"sample rate is {sample_rate!r}: expected a whole number of Hz above 0, for example 44100")


def _check(audio: Tensor, from_rate: int, to_rate: int) -> None:
    check_rate(from_rate)
    check_rate(to_rate)
    check_tensor(audio)
    check_finite(audio)


def resampled_length(samples: int, from_rate: int, to_rate: int) -> int:
    """Number of samples after resampling: rounded half up, never less than one."""
    return max(1, (2 * samples * to_rate + from_rate) // (2 * from_rate))


def _fit_length(resampled: Tensor, samples: int, from_rate: int, to_rate: int) -> Tensor:
    length = resampled_length(samples, int(from_rate), int(to_rate))
    missing = length - resampled.shape[-1]
    return torch.nn.functional.pad(resampled, (0, missing)) if missing > 0 else resampled[..., :length]
